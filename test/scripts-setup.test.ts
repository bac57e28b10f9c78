/**
 * scripts/toolchain.sh, which setup, test and quickstart begin with, in a root of its own: npm, node and apt-get are
 * stand-ins that note how they were called, so that nothing is installed here.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ROOT } from './support/project.ts';

interface Sandbox {
  readonly root: string;
  /** Makes `name` a command that runs this shell text; `$root` is the root. */
  command(name: string, text: string): void;
  /** Runs bash text with toolchain.sh sourced, with no command on PATH but the named system ones and the stand-ins. */
  run(text: string): { code: number | null; stdout: string; stderr: string };
  /** How npm and apt-get were called, one line a call. */
  calls(): string[];
}

const SYSTEM = [
  'bash',
  'cat',
  'cmp',
  'cp',
  'dirname',
  'env',
  'head',
  'mkdir',
  'mktemp',
  'rm',
  'tail',
  'uname',
];
const NODE = (major: number) => `[ "$1" != -p ] || echo ${major}`;
const NPM_CI = 'echo "npm $*" >>"$root/calls"; mkdir -p "$root/node_modules/.bin"';
const NPM_CI_WITH_NODE = `${NPM_CI}; cp "$root/bin/node24" "$root/node_modules/.bin/node"`;

function sandbox(t: TestContext): Sandbox {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'hookspool-setup-test-')));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, 'scripts'));
  mkdirSync(join(root, 'bin'));
  copyFileSync(join(ROOT, 'scripts', 'toolchain.sh'), join(root, 'scripts', 'toolchain.sh'));
  writeFileSync(join(root, 'package-lock.json'), '{"one":1}\n');
  for (const name of SYSTEM) {
    const found = spawnSync('bash', ['-c', 'type -P "$1"', 'bash', name], { encoding: 'utf8' }).stdout.trim();
    symlinkSync(found, join(root, 'bin', name));
  }
  const self: Sandbox = {
    root,
    command: (name, text) =>
      writeFileSync(join(root, 'bin', name), `#!/bin/sh\nroot='${root}'\n${text}\n`, { mode: 0o755 }),
    run: (text) => {
      const { status, stdout, stderr } = spawnSync(
        join(root, 'bin', 'bash'),
        ['-c', `set -euo pipefail\n. '${root}/scripts/toolchain.sh'\n${text}`, 'setup'],
        { encoding: 'utf8', env: { PATH: join(root, 'bin'), HOME: root } },
      );
      return { code: status, stdout, stderr };
    },
    calls: () =>
      existsSync(join(root, 'calls')) ? readFileSync(join(root, 'calls'), 'utf8').trimEnd().split('\n') : [],
  };
  self.command('sleep', ':');
  return self;
}

test('packages are installed once, and again when the lockfile changes', (t) => {
  const box = sandbox(t);
  box.command('node', NODE(22));
  box.command('npm', NPM_CI);
  const first = box.run('use_packages');
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /^Installing the npm packages/);
  assert.equal(box.calls().length, 1);
  assert.match(box.calls()[0] ?? '', /^npm ci .*--include=dev/);

  const second = box.run('use_packages');
  assert.deepEqual([second.code, second.stdout, second.stderr], [0, '', '']);
  assert.equal(box.calls().length, 1);

  writeFileSync(join(box.root, 'package-lock.json'), '{"two":2}\n');
  assert.equal(box.run('use_packages').code, 0);
  assert.equal(box.calls().length, 2);
});

test('a failed install is tried three times, shown, and not taken for a whole one the next time', (t) => {
  const box = sandbox(t);
  box.command('node', NODE(22));
  box.command('npm', `${NPM_CI}; echo 'npm error EUSAGE'; exit 1`);
  const failed = box.run('use_packages');
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /npm error EUSAGE\nsetup: 'npm ci' failed in /);
  assert.equal(box.calls().length, 3);

  box.command('npm', NPM_CI);
  assert.equal(box.run('use_packages').code, 0);
  assert.equal(box.calls().length, 4);
});

test('a system whose Node is recent enough installs no other one', (t) => {
  const box = sandbox(t);
  box.command('node', NODE(22));
  box.command('npm', NPM_CI);
  assert.equal(box.run('use_packages').code, 0);
  assert.match(box.calls()[0] ?? '', /--ignore-scripts/);
});

test('a system whose Node is too old to run hookspool uses the packaged one', (t) => {
  const box = sandbox(t);
  box.command('node', NODE(20));
  box.command('node24', NODE(24));
  box.command('npm', NPM_CI_WITH_NODE);
  const { code, stdout, stderr } = box.run('use_packages; type -P node; node_major');
  assert.equal(code, 0, stderr);
  assert.ok(stdout.endsWith(`${box.root}/node_modules/.bin/node\n24\n`), stdout);
  assert.doesNotMatch(box.calls()[0] ?? '', /--ignore-scripts/);

  // Under `npm test` the packaged Node is first on PATH already; that says nothing about the system's.
  const nested = box.run(`PATH=${box.root}/node_modules/.bin:$PATH; use_packages; echo "$PATH"`);
  assert.deepEqual(
    [nested.code, nested.stdout],
    [0, `${box.root}/node_modules/.bin:${join(box.root, 'bin')}\n`],
    nested.stderr,
  );

  rmSync(join(box.root, 'node_modules', '.bin', 'node'));
  assert.equal(box.run('use_packages').code, 0);
  assert.equal(box.calls().length, 2, 'the packaged Node was gone, so it is installed again');
});

test('a missing or useless Node is named, with what is needed', (t) => {
  const box = sandbox(t);
  assert.match(box.run('use_packages').stderr, /^setup: Node\.js is missing: install version 22/);
  box.command('node', NODE(16));
  assert.match(box.run('use_packages').stderr, /^setup: npm is missing/);
  box.command('npm', NPM_CI);
  assert.match(box.run('use_packages').stderr, /^setup: Node\.js 16 is too old/);
  box.command('node', NODE(20));
  assert.match(box.run('use_packages').stderr, /setup: the packaged Node\.js is version 20, not 22 or newer/);
});

test('missing programs are installed with apt-get, after an update where that is needed', (t) => {
  const box = sandbox(t);
  box.command('sudo', 'shift; exec "$@"');
  box.command('there', ':');
  box.command(
    'apt-get',
    `echo "apt-get $*" >>"$root/calls"
     case "$*" in
       *update*) echo : >"$root/lists" ;;
       *install*) [ -f "$root/lists" ] || exit 100 ;;
     esac`,
  );
  const { code, stdout, stderr } = box.run('use_programs there absent other');
  assert.equal(code, 0, stderr);
  assert.equal(stdout, 'Installing absent other ...\n');
  assert.deepEqual(
    box.calls().map((call) => call.replace(/^apt-get .*(update|install .*)$/, '$1')),
    [
      'install -y --no-install-recommends absent other',
      'update',
      'install -y --no-install-recommends absent other',
    ],
  );
  assert.equal(box.run('use_programs there').stdout, '');
});

test('where apt-get is not there or not allowed, the missing programs are named', (t) => {
  const box = sandbox(t);
  const none = box.run('use_programs absent other');
  assert.deepEqual(
    [none.code, none.stderr],
    [1, 'setup: missing: absent other. Install them with your package manager.\n'],
  );
});
