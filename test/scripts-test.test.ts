/**
 * scripts/test in a root of its own, with a stand-in for npm: what fails a run, and what it says then.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ROOT } from './support/project.ts';

const PASSING = "import { test } from 'node:test';\ntest('passes', () => {});\n";
const SKIPPED = "import { test } from 'node:test';\ntest('skipped', { skip: 'why' }, () => {});\n";
const FAILING = "import { test } from 'node:test';\ntest('fails', () => { throw new Error('no'); });\n";
const EMPTY = 'export {};\n';
const SCRIPTS = ['test', 'toolchain.sh', 'test-files.ts'];

/** Makes a root with these test files, and runs its scripts/test; `failingStep` is the npm script that fails. */
function run(
  t: TestContext,
  files: Record<string, string>,
  {
    args = [],
    env = {},
    failingStep = 'none',
  }: { args?: string[]; env?: Record<string, string>; failingStep?: string } = {},
): { code: number | null; output: string } {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'hookspool-test-test-')));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  for (const directory of ['bin', 'scripts', 'test', 'node_modules/.bin'])
    mkdirSync(join(root, directory), { recursive: true });
  for (const name of SCRIPTS) copyFileSync(join(ROOT, 'scripts', name), join(root, 'scripts', name));
  symlinkSync(join(ROOT, 'node_modules', 'tsx'), join(root, 'node_modules', 'tsx'));
  writeFileSync(join(root, 'package.json'), '{"type":"module"}\n');
  for (const lock of ['package-lock.json', 'node_modules/.setup-lock'])
    writeFileSync(join(root, lock), '{}\n');
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, 'test', name), text);
  const npm = `#!/bin/sh\necho "ran $*"\ncase "$*" in *" ${failingStep}") exit 1 ;; esac\n`;
  writeFileSync(join(root, 'bin', 'npm'), npm, { mode: 0o755 });
  // These tests are about the steps, not about which programs the machine has.
  for (const name of ['shellcheck', 'shfmt', 'sqlite3', 'tmux', 'strace']) {
    writeFileSync(join(root, 'bin', name), '#!/bin/sh\n', { mode: 0o755 });
  }
  const { status, stdout, stderr } = spawnSync(join(root, 'scripts', 'test'), args, {
    cwd: root,
    encoding: 'utf8',
    env: {
      PATH: `${join(root, 'bin')}:${dirname(process.execPath)}:${process.env.PATH}`,
      HOME: root,
      ...env,
    },
  });
  return { code: status, output: stdout + stderr };
}

test('all steps run, and pass', (t) => {
  const { code, output } = run(t, { 'a.test.ts': PASSING, 'b.test.ts': PASSING + SKIPPED.split('\n')[1] });
  assert.equal(code, 0, output);
  for (const step of ['lint', 'types', 'build:check'])
    assert.match(output, new RegExp(`^ran run .*${step}$`, 'm'));
  assert.match(output, /^ℹ tests 3$/m);
  assert.match(output, /^ℹ skipped 1$/m);
  assert.match(output, /\nEverything passed\.\n$/);
});

test('a step that fails is named with the command that repeats it, and the others still run', (t) => {
  const { code, output } = run(t, { 'a.test.ts': PASSING }, { failingStep: 'lint' });
  assert.equal(code, 1);
  assert.match(output, /^ℹ pass 1$/m);
  assert.match(output, /\n\nlint failed\. Again: npm run lint\n$/);
});

test('a test that fails is named with the command that repeats its file', (t) => {
  const { code, output } = run(t, { 'a.test.ts': PASSING, 'b.test.ts': FAILING });
  assert.equal(code, 1);
  assert.match(output, /^Again, only this file: scripts\/test test\/b\.test\.ts$/m);
  assert.doesNotMatch(output, /only this file: .*a\.test\.ts/);
  assert.match(output, /\ntests failed\. Again: scripts\/test\n$/);
});

test('a file that holds no test fails the run', (t) => {
  const { code, output } = run(t, { 'a.test.ts': PASSING, 'b.test.ts': EMPTY });
  assert.equal(code, 1);
  assert.match(output, /^test\/b\.test\.ts: holds no test that ran$/m);
});

test('a file whose tests were all skipped is named, and fails the run in CI', (t) => {
  const files = { 'a.test.ts': PASSING, 'b.test.ts': SKIPPED };
  const here = run(t, files);
  assert.equal(here.code, 0, here.output);
  assert.match(here.output, /^test\/b\.test\.ts: no test ran, 1 skipped$/m);
  assert.equal(run(t, files, { env: { CI: 'true' } }).code, 1);
});

test('a file that is not named like a test fails the run, for it would never run', (t) => {
  const { code, output } = run(t, { 'a.test.ts': PASSING, 'b.tests.ts': FAILING });
  assert.equal(code, 1);
  assert.match(output, /never run .*\ntest\/b\.tests\.ts\n/);
});

test('no tests at all is a failure', (t) => {
  const { code, output } = run(t, {});
  assert.equal(code, 1);
  assert.match(output, /^test: no test files under /m);
});

test('FILE runs the build check and these tests only', (t) => {
  const files = { 'a.test.ts': PASSING, 'b.test.ts': FAILING };
  const { code, output } = run(t, files, { args: ['test/a.test.ts'] });
  assert.equal(code, 0, output);
  assert.match(output, /^ℹ tests 1$/m);
  assert.deepEqual(output.match(/^ran .*$/gm), ['ran run --silent build:check']);
  const stale = run(t, files, { args: ['test/a.test.ts'], failingStep: 'build:check' });
  assert.equal(stale.code, 1, 'a stale dist/ fails it too');
  assert.match(
    run(t, files, { args: ['test/nope.test.ts'] }).output,
    /^test: no such test file: test\/nope/m,
  );
  assert.match(run(t, files, { args: ['--nope'] }).output, /^test: unknown option --nope/m);
});
