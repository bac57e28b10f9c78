/**
 * scripts/quickstart as a new user meets it: it ends with the rows, never touches a queue the caller already has, and
 * leaves no file and no process behind, even when it is interrupted half-way.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { processesNaming, ROOT, waitFor } from './support/project.ts';

// The quickstart installs packages that are not current, which must not happen under the feet of other tests.
// scripts/test has done so before.
const skip = !packagesAreCurrent() && 'the npm packages are not current: run scripts/setup';

function packagesAreCurrent(): boolean {
  const stamp = join(ROOT, 'node_modules', '.setup-lock');
  return existsSync(stamp) && readFileSync(stamp).equals(readFileSync(join(ROOT, 'package-lock.json')));
}

interface Run {
  readonly child: ChildProcess;
  /** All output so far. */
  output(): string;
  /** Where it makes its temporary project. */
  readonly temporary: string;
  /** A queue of the caller's, which the environment points to. */
  readonly own: string;
}

function quickstart(t: TestContext): Run {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'hookspool-quickstart-test-')));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  const temporary = join(base, "it's tmp");
  const own = join(base, 'own');
  mkdirSync(temporary);
  mkdirSync(own);
  const child = spawn(join(ROOT, 'scripts', 'quickstart'), {
    cwd: own,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      HOME: base,
      TMPDIR: temporary,
      CLAUDE_PROJECT_DIR: own,
      QUEUE_BASE_DIR: join(own, 'queue'),
      HIVE_DB: join(own, 'hive.db'),
      USE_QUEUE: 'false',
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return { child, output: () => output, temporary, own };
}

async function leftNothing({ temporary, own }: Run): Promise<void> {
  assert.deepEqual(readdirSync(temporary), []);
  assert.deepEqual(readdirSync(own), []);
  await waitFor('no process to be left', () => processesNaming(temporary).length === 0, 10);
}

test('it shows 100 rows and leaves nothing', { skip }, async (t) => {
  const run = quickstart(t);
  const [code] = await once(run.child, 'close');
  assert.equal(code, 0, run.output());
  assert.match(run.output(), /^ {2}applied {2}100 of 100$/m);
  const rows = [...run.output().matchAll(/^ {2}[A-Z]\w+ .* (\d+) +(\d+)$/gm)];
  assert.equal(
    rows.reduce((sum, [, hook, direct]) => sum + Number(hook) + Number(direct), 0),
    100,
    run.output(),
  );
  await leftNothing(run);
});

for (const [signal, expected] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} while events are fired leaves nothing`, { skip }, async (t) => {
    const run = quickstart(t);
    await waitFor('the first events', () => /^ {2}fired/m.test(run.output()) || run.child.exitCode !== null);
    run.child.kill(signal);
    const [code] = await once(run.child, 'close');
    assert.equal(code, expected, run.output());
    await leftNothing(run);
  });
}
