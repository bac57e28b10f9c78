/** queue-init --hooks: this installation's hooks go into a settings file and come out again, and nothing else moves. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DIST, type Project, project, ROOT } from './support/project.ts';

interface Group {
  matcher?: string;
  hooks: { type: string; command: string; timeout?: number }[];
}
type Hooks = Record<string, Group[]>;

const plugin = JSON.parse(readFileSync(join(ROOT, 'hooks', 'hooks.json'), 'utf8')) as { hooks: Hooks };
const COUNT = Object.values(plugin.hooks).flat().length;

/** An installation with placeholders for the hook scripts, which note that they ran. */
function install(self: Project, name: string): string {
  const root = join(self.dir, name);
  // It has in files of their own what several executables bundle.
  for (const file of readdirSync(DIST).filter((each) => /^queue-init$|^package|\.cjs$/.test(each)))
    cpSync(join(DIST, file), join(root, 'dist', file), { recursive: true });
  mkdirSync(join(root, 'hooks'));
  cpSync(join(ROOT, 'hooks', 'hooks.json'), join(root, 'hooks', 'hooks.json'));
  for (const command of commands(plugin.hooks)) {
    const script = /hooks\/[a-z-]+\.sh$/.exec(command)?.[0] ?? assert.fail(command);
    writeFileSync(join(root, script), '#!/bin/sh\necho "$0"\n', { mode: 0o755 });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  return root;
}

function commands(hooks: Hooks): string[] {
  return Object.values(hooks).flatMap((groups) =>
    groups.flatMap((group) => group.hooks.map((h) => h.command)),
  );
}

interface Setup {
  self: Project;
  root: string;
  /** .claude/settings.json of the project. */
  file: string;
  /** Writes the settings file. */
  put(text: string): void;
  text(): string;
  hooks(): Hooks;
  init(args?: string[], code?: number, root?: string): Promise<string>;
}

function setup(t: TestContext, name = 'installation'): Setup {
  const self = project(t);
  const root = install(self, name);
  const file = join(self.dir, '.claude', 'settings.json');
  const text = (): string => readFileSync(file, 'utf8');
  return {
    self,
    root,
    file,
    put: (content) => {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
    },
    text,
    hooks: () => (JSON.parse(text().replace(/^\uFEFF/, '')) as { hooks: Hooks }).hooks,
    init: async (args = [], code = 0, from = root) => {
      const result = await self.run(join(from, 'dist', 'queue-init'), ['--hooks', ...args]);
      assert.equal(result.code, code, result.stdout + result.stderr);
      return result.stdout + result.stderr;
    },
  };
}

const pretty = (value: unknown, indent: string | number): string => JSON.stringify(value, null, indent);
const OTHERS = {
  model: 'opus',
  hooks: {
    PostToolUse: [{ matcher: 'Bash', hooks: [{ type: 'command', command: '/theirs/hooks/log.sh' }] }],
    Stop: [],
  },
  permissions: { allow: ['Bash(ls:*)'], deny: [] },
  env: { 'ä "quoted"': '1.0' },
};

test('a missing file is made with every hook of hooks/hooks.json, and is gone again after --remove', async (t) => {
  const { self, root, file, text, hooks, init } = setup(t, `it's a "path" $HOME`);
  assert.match(await init(), /^settings {2}created: .*\n(\+ .*\n)+$/);
  const added = hooks();
  assert.deepEqual(Object.keys(added), Object.keys(plugin.hooks));
  for (const [event, groups] of Object.entries(plugin.hooks)) {
    assert.deepEqual(
      added[event]?.map(({ matcher, hooks: [hook] }) => [matcher, hook?.type, hook?.timeout]),
      groups.map(({ matcher, hooks: [hook] }) => [matcher, hook?.type, hook?.timeout]),
    );
  }
  for (const [i, command] of commands(added).entries()) {
    const script = commands(plugin.hooks)[i]?.split('"').at(-1);
    assert.deepEqual(await self.run('sh', ['-c', command]), {
      code: 0,
      signal: null,
      stdout: `${root}${script}\n`,
      stderr: '',
    });
  }
  const first = text();
  assert.equal(await init(), `settings  nothing to do: ${file}\n`);
  assert.equal(text(), first);
  assert.match(await init(['--remove']), /^settings {2}deleted: .*\n(- .*\n)+$/);
  assert.equal(existsSync(file), false);
  assert.equal(await init(['--remove']), `settings  nothing to do: ${file}\n`);
});

const layouts: Record<string, string> = {
  'two spaces': `${pretty(OTHERS, 2)}\n`,
  'four spaces, no final newline': pretty(OTHERS, 4),
  tabs: `${pretty(OTHERS, '\t')}\n`,
  minified: JSON.stringify(OTHERS),
  'CRLF and a byte order mark': `\uFEFF${pretty(OTHERS, 2).replaceAll('\n', '\r\n')}\r\n`,
  'aligned by hand': `\n{ "b" : 1,"hooks": {\n      "Stop":[ {"hooks" : [ null,{"command":1} ]}, null,{"hooks":"x"} ]\n }\n\n  , "a":[1 , 2]  }  \n\n`,
  'hooks empty': '{\n  "model": "opus",\n  "hooks": {}\n}\n',
  'nothing in it': '{}\n',
  'an event empty, the only one': '{"hooks":{"Stop":[]}}',
  'one space, not ASCII': `{\n "hooks": {"SessionEnd": [\n  {"hooks": []}\n ]},\n "z": "${'é'.repeat(9)}"\n}`,
};
for (const [name, before] of Object.entries(layouts)) {
  test(`adding twice and removing gives the same bytes: ${name}`, async (t) => {
    const { put, text, hooks, init } = setup(t);
    put(before);
    await init();
    const added = text();
    assert.equal(commands(pick(hooks())).filter((command) => command.includes(' # hookspool')).length, COUNT);
    if (before.includes('\r\n')) assert.doesNotMatch(added, /[^\r]\n/);
    if (name === 'tabs') assert.match(added, /\n\t\t"SessionStart": \[\n\t\t\t\{\n\t\t\t\t"hooks"/);
    if (name === 'minified') assert.doesNotMatch(added, /\n/);
    await init();
    assert.equal(text(), added, 'the second time');
    await init(['--remove']);
    assert.equal(text(), before);
  });
}

/** The groups that are groups. */
function pick(hooks: Hooks): Hooks {
  return Object.fromEntries(
    Object.entries(hooks).map(([event, groups]) => [
      event,
      groups.filter((group) => group?.hooks?.[0]?.command),
    ]),
  );
}

test('another installation replaces the entries, and also those that a user has moved or changed', async (t) => {
  const { self, root, put, text, hooks, init } = setup(t);
  put(`${pretty(OTHERS, 2)}\n`);
  const moved = install(self, 'new place');
  await init();
  const mixed = JSON.parse(text()) as { hooks: Hooks };
  const own = mixed.hooks.Stop?.pop()?.hooks[0] ?? assert.fail();
  mixed.hooks.PostToolUse?.[0]?.hooks.push({ ...own, timeout: 99 });
  put(`${pretty(mixed, 2)}\n`);
  const said = await init([], 0, moved);
  assert.equal(said.match(/^- /gm)?.length, COUNT);
  assert.equal(said.match(/^\+ /gm)?.length, COUNT);
  assert.equal(commands(hooks()).filter((command) => command.includes(root)).length, 0);
  assert.equal(commands(hooks()).filter((command) => command.includes(moved)).length, COUNT);
  await init(['--remove']);
  assert.deepEqual(hooks(), OTHERS.hooks);
});

test('a file made by one installation is removed by another, unless something was added to it', async (t) => {
  const { self, file, put, text, init } = setup(t);
  const other = install(self, 'other');
  await init();
  await init([], 0, other);
  put(text().replace('{', '{\n  "model": "opus",'));
  assert.match(await init(['--remove']), /^settings {2}changed/);
  assert.deepEqual(JSON.parse(text()), { model: 'opus' });
  put('{"hooks":{"Stop":[{"hooks":[]}]}}');
  await init();
  put(text().replace('{"hooks":[]},', ''));
  await init(['--remove']);
  assert.equal(text(), '{}', 'the file was theirs');
  assert.ok(existsSync(file));
});

const malformed: [name: string, text: string | Buffer, message: RegExp][] = [
  ['a syntax error', '{\n  "a": 1,\n  "b" 2\n}\n', /settings\.json:3:7: this is no JSON \(colon expected\)/],
  ['a trailing comma', '{\n  "a": 1,\n}\n', /settings\.json:3:1: this is no JSON/],
  ['a comment', '{ // mine\n}\n', /settings\.json:1:3: this is no JSON/],
  ['an empty file', '', /settings\.json:1:1: this is no JSON/],
  ['a list', '[]', /settings\.json:1:1: the top level is not an object/],
  ['hooks that are a list', '{\n  "hooks": []\n}', /settings\.json:2:12: "hooks" is not an object/],
  [
    'an event that is an object',
    '{"hooks":{"Stop":{}}}',
    /settings\.json:1:18: "hooks"\."Stop" is not an array/,
  ],
  ['a key twice', '{"hooks":{},"hooks":{}}', /settings\.json:1:1: the top level has "hooks" twice/],
  [
    'bytes that are not UTF-8',
    Buffer.from([0x7b, 0xff, 0x7d]),
    /settings\.json can't be read: .*\n {2}Nothing was changed/,
  ],
];
for (const [name, text, message] of malformed) {
  test(`refused and left alone: ${name}`, async (t) => {
    const { file, put, init } = setup(t);
    put('');
    writeFileSync(file, text);
    for (const args of [[], ['--remove']]) assert.match(await init(args, 1), message);
    assert.deepEqual(readFileSync(file), Buffer.from(text));
    assert.deepEqual(readdirSync(dirname(file)), ['settings.json']);
  });
}

test('a symlink is written through, mode and owner stay', async (t) => {
  const { self, file, init } = setup(t);
  const real = join(self.dir, 'dotfiles.json');
  writeFileSync(real, '{"a":1}');
  chmodSync(real, 0o640);
  mkdirSync(dirname(file));
  symlinkSync('../dotfiles.json', file);
  await init();
  assert.ok(lstatSync(file).isSymbolicLink());
  assert.equal(statSync(real).mode & 0o7777, 0o640);
  assert.match(readFileSync(real, 'utf8'), /^\{"a":1,"hooks":\{/);
  assert.deepEqual(readdirSync(dirname(file)), ['settings.json']);
  assert.ok(!readdirSync(self.dir).some((name) => name.endsWith('.tmp')));
});

test('what is no file is refused: a FIFO, a directory, a symlink to nothing', async (t) => {
  const { self, init } = setup(t);
  const at = (name: string): string[] => ['--settings', name];
  await self.run('mkfifo', ['fifo']);
  symlinkSync('nowhere', join(self.dir, 'link'));
  assert.match(await init(at('fifo'), 1), /fifo can't be read: it is not a regular file/);
  assert.match(await init(at('installation'), 1), /installation can't be read: it is not a regular file/);
  assert.match(await init(at('link'), 1), /link can't be read: it is a symlink to a file that is not there/);
  assert.ok(lstatSync(join(self.dir, 'link')).isSymbolicLink());
});

test('a write that can not be finished leaves the old file and nothing beside it', async (t) => {
  const { self, root, file, put, text } = setup(t);
  const before = pretty({ long: 'x'.repeat(8000) }, 2);
  put(before);
  const script = `trap '' XFSZ; ulimit -f 4; exec "$1" --hooks`;
  const { code, stderr } = await self.run('bash', ['-c', script, 'bash', join(root, 'dist', 'queue-init')]);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /settings\.json can't be written: /);
  assert.equal(text(), before);
  assert.deepEqual(readdirSync(dirname(file)), ['settings.json']);
});

test('--settings, --dry-run and --json', async (t) => {
  const { self, root, file, init } = setup(t);
  const other = join(self.dir, 'deep', 'er', 'other.json');
  const report = JSON.parse(await init(['--settings', 'deep/er/other.json', '--dry-run', '--json'])) as {
    added: unknown[];
  };
  assert.equal(report.added.length, COUNT);
  assert.deepEqual(
    { ...report, added: report.added[0] },
    {
      settings: other,
      change: 'created',
      dryRun: true,
      removed: [],
      added: {
        event: 'SessionStart',
        matcher: null,
        command: `'${root}'/hooks/session-start.sh # hookspool`,
        timeout: 10,
      },
    },
  );
  assert.match(await init(['--dry-run']), /^settings {2}would be created/);
  assert.ok(!existsSync(join(self.dir, 'deep')) && !existsSync(dirname(file)));
  await init(['--settings', other]);
  assert.ok(existsSync(other) && !existsSync(file));
  assert.match(await init(['--settings', other, '--remove', '--dry-run']), /^settings {2}would be deleted/);
  assert.ok(existsSync(other));
});

test('an installation without its scripts adds nothing; wrong calls are usage errors', async (t) => {
  const { self, root, file, init } = setup(t);
  chmodSync(join(root, 'hooks', 'tool-log.sh'), 0o644);
  assert.match(await init([], 1), /the hooks of this installation are not whole: .*tool-log\.sh/);
  assert.ok(!existsSync(file));
  await init(['--verify'], 2);
  await init(['--settings', ''], 2);
  for (const option of ['--remove', '--dry-run', '--settings=x'])
    assert.match((await self.run(join(root, 'dist', 'queue-init'), [option])).stderr, /is only for --hooks/);
});
