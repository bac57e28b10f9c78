/** The TypeScript API, as it is imported from the package: what enqueue takes, refuses and promises. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { DIST, project, waitFor, workerPid } from './support/project.ts';
import { drained, execute, logged, logs, once, startNoWorker, withLog } from './support/queue.ts';

const API = pathToFileURL(join(DIST, 'index.mjs')).href;
const { createJob, EXIT, openQueue, QueueError, runWorker, openLog, waitForEntry } = (await import(
  API
)) as typeof import('../lib/index.ts');

test('enqueue returns the name of what is then in pending/, with everything that was given', async (t) => {
  const self = project(t);
  withLog(self);
  startNoWorker(self);
  const queue = openQueue(self.env);
  const job = createJob(queue.spool).id;
  const { name, warning } = queue.enqueue({
    sql: 'INSERT INTO log(t) VALUES(?)',
    params: ['ä'],
    operation: 'op',
    priority: 2,
    metadata: { a: [1] },
    id: 'k',
    job,
    durable: true,
  });
  assert.equal(warning, undefined);
  assert.deepEqual(self.names('pending'), [name]);
  await once(self);
  const [line] = self.journal();
  assert.deepEqual(
    [line?.name, line?.operation, line?.priority, line?.metadata, line?.key, line?.job],
    [name, 'op', 2, { a: [1] }, 'k', job],
  );
  assert.deepEqual(logged(self), ['ä']);
});

const values: [value: unknown, type: string, text: string | null][] = [
  ['text', 'text', 'text'],
  [5, 'integer', '5'],
  [5.5, 'real', '5.5'],
  [2n ** 53n + 1n, 'integer', '9007199254740993'],
  [-(2n ** 63n), 'integer', '-9223372036854775808'],
  // As digits, these would be integers that they are not.
  [2 ** 60, 'real', '1.152921504606847e+18'],
  [1e20, 'real', '1.0e+20'],
  [Number.NEGATIVE_INFINITY, 'real', '-Inf'],
  [[1e20, Number.POSITIVE_INFINITY], 'text', '[1e+20,9e999]'],
  [true, 'integer', '1'],
  [null, 'null', null],
  [{ a: ['x', 2n ** 53n + 1n] }, 'text', '{"a":["x",9007199254740993]}'],
  [new Date(0), 'text', '1970-01-01T00:00:00.000Z'],
];

test('values arrive with their types and all digits, through the queue and directly alike', async (t) => {
  for (const useQueue of ['true', 'false']) {
    const self = project(t);
    execute(self, 'CREATE TABLE v(n INTEGER PRIMARY KEY, type, text)');
    startNoWorker(self);
    const queue = openQueue({ ...self.env, USE_QUEUE: useQueue });
    for (const [value] of values) {
      queue.enqueue({
        sql: 'INSERT INTO v(type, text) VALUES(typeof(:v), CAST(:v AS TEXT))',
        params: { v: value },
      });
    }
    if (useQueue === 'true') await once(self);
    assert.deepEqual(
      self.rows('SELECT type, text FROM v ORDER BY n').map((row) => [row.type, row.text]),
      values.map(([, type, text]) => [type, text]),
      `USE_QUEUE=${useQueue}`,
    );
  }
});

const circle: Record<string, unknown> = {};
circle.circle = { circle };

const bad: [what: string, request: Record<string, unknown>, message: RegExp][] = [
  ['empty SQL', { sql: ' ' }, /empty SQL/],
  ['NUL in SQL', { sql: "SELECT 'a\0'" }, /U\+0000/],
  ['priority 0', { sql: 'SELECT 1', priority: 0 }, /priority 0/],
  ['priority 5.5', { sql: 'SELECT 1', priority: 5.5 }, /priority 5\.5/],
  ['an empty key', { sql: 'SELECT 1', id: '' }, /empty "id"/],
  ['a circle', { sql: 'SELECT 1', metadata: circle }, /nested deeper than 1000/],
  ['a lone surrogate in SQL', { sql: "SELECT '\ud800'" }, /lone surrogate/],
  ['a lone surrogate in a parameter', { sql: 'SELECT :a', params: { a: ['\udc00'] } }, /lone surrogate/],
  ['a lone surrogate in metadata', { sql: 'SELECT 1', metadata: { a: '\ud800' } }, /lone surrogate/],
];

for (const [what, request, message] of bad) {
  test(`enqueue refuses ${what} with BAD_ENTRY, and nothing is written`, (t) => {
    const self = project(t);
    assert.throws(
      () => openQueue(self.env).enqueue(request as never),
      (error) => error instanceof QueueError && error.code === 'BAD_ENTRY' && message.test(error.message),
    );
    assert.equal(existsSync(self.spool), false);
  });
}

test('a direct write that fails throws ENTRY_FAILED or DATABASE, with the exit code that stands for it', (t) => {
  const self = project(t);
  withLog(self);
  const queue = openQueue({ ...self.env, USE_QUEUE: 'false' });
  const fails = (request: { sql: string; db?: string }, code: string, exitCode: number): void =>
    assert.throws(
      () => queue.enqueue(request),
      (error) => error instanceof QueueError && error.code === code && error.exitCode === exitCode,
    );
  fails({ sql: 'INSERT INTO nowhere VALUES(1)' }, 'ENTRY_FAILED', EXIT.entryFailed);
  fails({ sql: 'SELECT 1', db: '/nowhere/x.db' }, 'DATABASE', EXIT.failure);
});

test('a thousand entries of one process are applied in the order in which they were given', async (t) => {
  const self = project(t);
  withLog(self);
  startNoWorker(self);
  const queue = openQueue(self.env);
  for (let i = 0; i < 1000; i++) queue.enqueue({ sql: logs(String(i)) });
  await once(self);
  assert.deepEqual(
    logged(self),
    Array.from({ length: 1000 }, (_, i) => String(i)),
  );
});

test('runWorker drains in this process, and waitForEntry tells what became of an entry', async (t) => {
  const self = project(t);
  withLog(self);
  startNoWorker(self);
  const queue = openQueue(self.env);
  const good = queue.enqueue({ sql: logs('a') }).name as string;
  const failing = queue.enqueue({ sql: 'INSERT INTO nowhere VALUES(1)' }).name as string;
  const later = queue.enqueue({ sql: logs('b'), notBefore: new Date(Date.now() + 3_600_000) }).name as string;
  const summary = await runWorker({ ...queue, log: openLog(queue.spool), once: true });
  assert.deepEqual([summary?.applied, summary?.failed], [1, 1]);
  assert.deepEqual(await waitForEntry(queue.spool, good, 0), { kind: 'applied' });
  const fate = await waitForEntry(queue.spool, failing, 0);
  assert.ok(fate.kind === 'failed' && /nowhere/.test(fate.error.message));
  assert.deepEqual(await waitForEntry(queue.spool, later, 0), { kind: 'pending' });
});

test('the worker that is started works for the project of the queue, whatever this process does and where it goes', async (t) => {
  const self = project(t);
  const elsewhere = join(self.dir, 'elsewhere');
  mkdirSync(join(elsewhere, '.git'), { recursive: true });
  withLog(self);
  // Only this environment names the project; the process's own names none, and its directory another.
  const script = `
    import { openQueue } from ${JSON.stringify(API)};
    const env = { PATH: process.env.PATH, CLAUDE_PROJECT_DIR: ${JSON.stringify(self.dir)}, QUEUE_IDLE_EXIT: '60' };
    const queue = openQueue(env);
    process.chdir(${JSON.stringify(elsewhere)});
    queue.enqueue({ sql: ${JSON.stringify(logs('a'))} });`;
  const result = await self.run(process.execPath, ['--input-type=module', '-e', script], {
    env: { CLAUDE_PROJECT_DIR: undefined },
  });
  assert.equal(result.code, 0, result.stderr);
  await drained(self);
  assert.deepEqual(logged(self), ['a']);
  await waitFor('the worker', () => workerPid(self));
  assert.equal(existsSync(join(elsewhere, '.hive-mind')), false);
});

test('openQueue holds on to the project that it found, when the process changes its directory', async (t) => {
  const self = project(t);
  const elsewhere = join(self.dir, 'elsewhere');
  mkdirSync(join(elsewhere, '.git'), { recursive: true });
  withLog(self);
  const script = `
    import { enqueue } from ${JSON.stringify(API)};
    process.env.USE_QUEUE = 'true';
    enqueue({ sql: ${JSON.stringify(logs('a'))}, notBefore: new Date(Date.now() + 50) });
    process.chdir(${JSON.stringify(elsewhere)});
    enqueue({ sql: ${JSON.stringify(logs('b'))} });`;
  const result = await self.run(process.execPath, ['--input-type=module', '-e', script], {
    env: { CLAUDE_PROJECT_DIR: undefined },
  });
  assert.equal(result.code, 0, result.stderr);
  await drained(self);
  assert.deepEqual(logged(self).sort(), ['a', 'b']);
  assert.equal(existsSync(join(elsewhere, '.hive-mind')), false);
});
