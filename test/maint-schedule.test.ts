/** queue-maint schedule: each text is checked with what can check it here, and the commands in it are run. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { systemdText } from '../lib/maintenance/schedule/systemd.ts';
import { ensureSpool, spoolAt } from '../lib/spool/layout.ts';
import { type Project, project, ROOT } from './support/project.ts';
import { unless } from './support/queue.ts';

/** Names of directories that each way of quoting has trouble with. */
const ODD = [
  'plain',
  'with space',
  `it's "quoted"`,
  '100% %h %i %',
  '$HOME $(touch x) `touch y`',
  'a\\b',
  'é日本 \u{1f41d}',
  '<&>;|*?[x]~ #!',
  `- '%' "$" \\'`,
];

interface Odd {
  /** The project's directory. */
  readonly dir: string;
  readonly env: Record<string, string>;
}

/** A project in an odd directory, with a spool and a database in odd places of their own. */
function oddProject(self: Project, name: string): Odd {
  const dir = join(self.dir, name, 'project');
  mkdirSync(dir, { recursive: true });
  const spool = join(self.dir, name, 'spool');
  ensureSpool(spoolAt(spool));
  return {
    dir,
    env: { CLAUDE_PROJECT_DIR: dir, QUEUE_BASE_DIR: spool, HIVE_DB: join(self.dir, name, 'the.db') },
  };
}

async function text(self: Project, kind: string, env: Record<string, string> = {}): Promise<string> {
  const result = await self.run('queue-maint', ['schedule', `--${kind}`], { env });
  assert.deepEqual([result.code, result.stderr], [0, '']);
  return result.stdout;
}

/** What cron hands to the shell: up to the first % without a backslash, and without the backslashes before others. */
function cronCommands(crontab: string): string[] {
  const lines = crontab.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const command = line.split(' ').slice(5).join(' ');
    return (/^(?:\\%|[^%])*/.exec(command)?.[0] ?? '').replaceAll('\\%', '%');
  });
}

/** What `sh` writes into an empty home directory when it runs an installing script, and the `calls` of a program. */
function written(self: Project, script: string, program: string): Map<string, string> {
  const home = mkdtempSync(join(self.dir, 'home-'));
  const bin = join(home, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, program), `#!/bin/sh\nprintf '%s\\n' "$*" >>"$HOME/calls"\n`);
  chmodSync(join(bin, program), 0o755);
  const env = { PATH: `${bin}:${self.env.PATH}`, HOME: home };
  const done = spawnSync('sh', [], { input: script, encoding: 'utf8', cwd: home, env });
  assert.deepEqual([done.status, done.stderr], [0, '']);
  const files = readdirSync(home, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(files.map(({ parentPath, name }) => [name, readFileSync(join(parentPath, name), 'utf8')]));
}

test('cron: the commands, given to sh as cron does, run hourly for this very project', async (t) => {
  const self = project(t);
  for (const name of ODD) {
    const odd = oddProject(self, name);
    const crontab = await text(self, 'cron', odd.env);
    const commands = cronCommands(crontab);
    assert.deepEqual(
      commands.map((command) => / (\w+) --log$/.exec(command)?.[1]),
      ['hourly', 'daily', 'weekly'],
    );
    const env = { PATH: '/usr/bin:/bin', HOME: self.dir, QUEUE_THRESHOLDS: 'disk=off' };
    const done = spawnSync('sh', ['-c', commands[0] as string], { cwd: '/', env, encoding: 'utf8' });
    assert.deepEqual([done.status, done.stdout, done.stderr], [0, '', ''], name);
    assert.match(
      readFileSync(join(odd.env.QUEUE_BASE_DIR as string, 'maint.log'), 'utf8'),
      /^hourly of .*: ok/m,
    );
  }
  assert.ok(!readdirSync(self.dir).some((name) => name === 'x' || name === 'y'));
});

test('cron: the crontab is one that crontab takes, and the comment takes it out again', {
  skip: unless('sh', ['-c', 'echo | crontab -n - || echo | crontab -T -'], 'a crontab that checks files'),
}, async (t) => {
  const self = project(t);
  for (const name of ODD) {
    const file = join(self.dir, 'crontab');
    const crontab = await text(self, 'cron', oddProject(self, name).env);
    writeFileSync(file, crontab);
    const done = spawnSync('sh', ['-c', 'crontab -n "$0" || crontab -T "$0"', file], { encoding: 'utf8' });
    assert.equal(done.status, 0, `${name}: ${done.stderr}`);
    const sed = /remove: {2}crontab -l \| (sed '.*') \|/.exec(crontab)?.[1] ?? 'false';
    const rest = spawnSync('sh', ['-c', sed], { input: `before\n${crontab}after\n`, encoding: 'utf8' });
    assert.equal(rest.stdout, 'before\nafter\n');
  }
});

test('cron: what crons disagree on, and what is too long for one, is refused', async (t) => {
  const self = project(t);
  for (const name of ['a\\\\b', 'a\\%b', 'x'.repeat(200)]) {
    const dir = join(self.dir, name, name, name, name);
    const env = { CLAUDE_PROJECT_DIR: dir, HIVE_DB: join(dir, 'other.db') };
    const result = await self.run('queue-maint', ['schedule', '--cron'], { env });
    assert.deepEqual([result.code, result.stdout], [2, ''], name.slice(0, 20));
    assert.match(result.stderr, /no crontab can be made/);
    assert.notEqual(await text(self, 'systemd', env), '');
  }
});

test('an odd place of the installation is written as it is', async (t) => {
  const self = project(t);
  ensureSpool(spoolAt(self.spool));
  const place = join(self.dir, `it's 100% "$HOME"`);
  cpSync(join(ROOT, 'dist'), join(place, 'dist'), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(place, 'node_modules'));
  const crontab = await self.run(process.execPath, [
    join(place, 'dist', 'queue-maint'),
    'schedule',
    '--cron',
  ]);
  const [command = ''] = cronCommands(crontab.stdout);
  const env = { HOME: self.dir, QUEUE_THRESHOLDS: 'disk=off' };
  const done = spawnSync('/bin/sh', ['-c', command], { cwd: '/', env, encoding: 'utf8' });
  assert.deepEqual([done.status, done.stderr], [0, '']);
  assert.ok(command.includes(`it'\\''s 100%`));
});

test('systemd: the units are those that systemd takes, the paths what it understands', {
  skip: unless('systemd-analyze', ['--version'], 'systemd-analyze'),
}, async (t) => {
  const self = project(t);
  for (const [index, name] of ODD.entries()) {
    const odd = oddProject(self, name);
    const files = written(self, await text(self, 'systemd', odd.env), 'systemctl');
    const directory = join(self.dir, `units-${index}`);
    mkdirSync(directory);
    const units = [...files.keys()].filter((file) => /\.(service|timer)$/.test(file)).sort();
    for (const file of units) writeFileSync(join(directory, file), files.get(file) as string);
    const template = units.find((file) => file.endsWith('@.service')) as string;
    const timers = ['daily', 'hourly', 'weekly'].map((routine) =>
      template.replace('@.service', `-${routine}.timer`),
    );
    assert.deepEqual(units, [...timers, template].sort());
    const instances = ['hourly', 'daily', 'weekly'].map((routine) => template.replace('@.', `@${routine}.`));
    const verify = (...names: string[]): string => {
      const args = ['--user', 'verify', ...names.map((unit) => join(directory, unit))];
      const env = { ...self.env, SYSTEMD_UNIT_PATH: `${directory}:`, XDG_RUNTIME_DIR: self.dir };
      const { status, stderr } = spawnSync('systemd-analyze', args, { env, encoding: 'utf8' });
      // It may have something to say about the system's own units as well.
      const own = stderr.split('\n').filter((line) => /hookspool|probe/.test(line));
      return [status, ...own].join('\n');
    };
    assert.equal(verify(...instances, ...timers), '0', name);

    // It looks whether a unit's program is there, and so tells what it has read; but takes none with quotes in its name.
    if (/["'\\]/.test(name)) continue;
    writeFileSync(join(odd.dir, 'run'), '#!/bin/sh\n');
    chmodSync(join(odd.dir, 'run'), 0o755);
    const [, quoted] = /^Environment="CLAUDE_PROJECT_DIR=(.*)"$/m.exec(files.get(template) as string) ?? [];
    const probe = (program: string): string => {
      writeFileSync(
        join(directory, 'probe.service'),
        `[Service]\nType=oneshot\nExecStart="${quoted}/${program}" x\n`,
      );
      return verify('probe.service');
    };
    assert.equal(probe('run'), '0', name);
    assert.match(probe('not there'), /^1\n.*not there/, name);
    assert.match(
      files.get('calls') as string,
      /^--user daemon-reload\n--user enable --now \S+-hourly\.timer \S+-daily\.timer \S+-weekly\.timer\n$/,
    );
  }
});

test('systemd: % and $ are doubled where they would mean something', async (t) => {
  const self = project(t);
  const odd = oddProject(self, 'a%b$c"d\\e');
  const units = await text(self, 'systemd', odd.env);
  const path = `${self.dir}/a%%b$c\\"d\\\\e/project`;
  assert.ok(units.includes(`\nEnvironment="CLAUDE_PROJECT_DIR=${path}"\n`), units);
  const job = { id: 'x', project: '/', command: [`/it's $x/node`, '/m'], env: {}, log: '/log' };
  assert.ok(
    systemdText(job).includes(
      `ExecStart=/bin/sh -c "exec \\"$$0\\" \\"$$@\\"" "/it's $$x/node" "/m" %i --log`,
    ),
    systemdText(job).join('\n'),
  );
  const place = join(self.dir, 'in$tall %i');
  cpSync(join(ROOT, 'dist'), join(place, 'dist'), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(place, 'node_modules'));
  const result = await self.run(process.execPath, [
    join(place, 'dist', 'queue-maint'),
    'schedule',
    '--systemd',
  ]);
  assert.ok(result.stdout.includes(` "${self.dir}/in$$tall %%i/dist/queue-maint" %i --log\n`), result.stdout);
});

test('launchd: the property lists are read by a parser as they were meant', {
  skip: unless('python3', ['-c', 'import plistlib'], 'python3 with plistlib'),
}, async (t) => {
  const self = project(t);
  const parser = `import json, plistlib, sys
print(json.dumps([plistlib.loads(text.encode()) for text in json.load(sys.stdin)]))`;
  const made: { file: string; content: string; env: Record<string, string> }[] = [];
  for (const name of ODD) {
    const { env } = oddProject(self, name);
    const files = written(self, await text(self, 'launchd', env), 'launchctl');
    const lists = [...files].filter(([file]) => file.endsWith('.plist'));
    assert.equal(lists.length, 3);
    for (const [file, content] of lists) made.push({ file, content, env });
  }
  const input = JSON.stringify(made.map(({ content }) => content));
  const read = spawnSync('python3', ['-c', parser], { input, encoding: 'utf8' });
  assert.equal(read.status, 0, read.stderr);
  for (const [index, list] of (JSON.parse(read.stdout) as Record<string, unknown>[]).entries()) {
    const { file, env } = made[index] as (typeof made)[number];
    const routine = /-(\w+)\.plist$/.exec(file)?.[1] as string;
    assert.deepEqual(list.EnvironmentVariables, env);
    assert.deepEqual(list.ProgramArguments, [
      process.execPath,
      join(ROOT, 'dist', 'queue-maint'),
      routine,
      '--log',
    ]);
    assert.equal(`${list.Label}.plist`, file);
    assert.equal(
      Object.keys(list.StartCalendarInterval as object).length,
      { hourly: 1, daily: 2, weekly: 3 }[routine],
    );
  }
});

test('windows: nothing but ASCII, and each text is a literal of PowerShell', async (t) => {
  const self = project(t);
  for (const name of ODD) {
    const odd = oddProject(self, name);
    const script = await text(self, 'windows', odd.env);
    assert.match(script, /^[\x20-\x7e\n]*$/);
    const [, literal = ''] = /^\$env:CLAUDE_PROJECT_DIR = (.*)$/m.exec(script) ?? [];
    const pieces = literal.matchAll(/'((?:[^']|'')*)'|\[char\]0x([0-9a-f]{4})/g);
    const read = [...pieces].map(([, quoted, code]) =>
      code === undefined
        ? (quoted ?? '').replaceAll("''", "'")
        : String.fromCharCode(Number.parseInt(code, 16)),
    );
    assert.equal(read.join(''), odd.dir);
  }
});

test('a path with a line break, another control character, or bytes that are no UTF-8 is refused by each', async (t) => {
  const self = project(t);
  for (const kind of ['cron', 'systemd', 'launchd', 'windows']) {
    for (const env of [
      { CLAUDE_PROJECT_DIR: join(self.dir, 'a\nb') },
      { HIVE_DB: 'a\u001bb.db' },
      { QUEUE_BASE_DIR: 'a\ufffdb' },
    ]) {
      const result = await self.run('queue-maint', ['schedule', `--${kind}`], { env });
      assert.deepEqual([result.code, result.stdout], [2, ''], JSON.stringify(env));
      assert.match(result.stderr, /can't be written into a schedule/);
    }
  }
});

test('what is set is written down as an absolute path; nothing is made; bad calls are refused', async (t) => {
  const self = project(t);
  const plain = await text(self, 'cron');
  assert.ok(plain.includes(` CLAUDE_PROJECT_DIR=${self.dir} ${process.execPath} `), plain);
  assert.doesNotMatch(plain, /HIVE_DB=|QUEUE_BASE_DIR=|QUEUE_THRESHOLDS=/);
  const set = await text(self, 'cron', {
    HIVE_DB: 'my.db',
    QUEUE_BASE_DIR: 'sp',
    QUEUE_THRESHOLDS: 'wal=off disk=off',
  });
  assert.ok(
    set.includes(
      ` QUEUE_BASE_DIR=${self.dir}/sp HIVE_DB=${self.dir}/my.db QUEUE_THRESHOLDS='wal=off disk=off' `,
    ),
  );
  const named = await self.run('queue-maint', ['schedule', '--cron', '--db', 'sub/x.db'], {
    cwd: dirname(self.dir),
  });
  assert.ok(named.stdout.includes(` HIVE_DB=${dirname(self.dir)}/sub/x.db `));
  const usual = await self.run('queue-maint', ['schedule']);
  assert.match(usual.stdout, /^# /);
  assert.deepEqual(readdirSync(self.dir), []);
  for (const [args, env] of [
    [['--cron', '--systemd'], {}],
    [['more'], {}],
    [[], { HIVE_DB: 'postgres://h/d' }],
  ] as const)
    assert.equal((await self.run('queue-maint', ['schedule', ...args], { env })).code, 2, args.join(' '));
});
