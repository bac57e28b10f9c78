/** queue-worker's commands, their exit codes, and that stopping is graceful. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DIST, project, waitFor, workerPid } from './support/project.ts';
import {
  background,
  drained,
  isAlive,
  lockDatabase,
  logged,
  logs,
  once,
  putEntry,
  startWorker,
  withLog,
  workerLog,
} from './support/queue.ts';

test('start starts one and says so; again it names the same; status and stop agree', async (t) => {
  const self = project(t);
  const first = await self.run('queue-worker', ['start']);
  const pid = workerPid(self);
  assert.equal(first.stdout, `worker started (pid ${pid})\n`);
  assert.equal((await self.run('queue-worker')).stdout, `a worker runs already (pid ${pid})\n`);
  const status = await self.run('queue-worker', ['status']);
  assert.deepEqual([status.code, status.stdout], [0, `a worker runs (pid ${pid})\n`]);
  const stop = await self.run('queue-worker', ['stop']);
  assert.deepEqual([stop.code, stop.stdout], [0, `worker stopped (pid ${pid})\n`]);
  assert.equal(isAlive(pid as number), false);
  assert.equal(existsSync(join(self.spool, 'worker.pid')), false);
  const none = await self.run('queue-worker', ['status']);
  assert.deepEqual([none.code, none.stdout], [1, 'no worker runs\n']);
  const again = await self.run('queue-worker', ['stop']);
  assert.deepEqual([again.code, again.stdout], [0, 'no worker runs\n']);
});

test('restart replaces the worker, and starts one where none was', async (t) => {
  const self = project(t);
  assert.equal((await self.run('queue-worker', ['restart'])).code, 0);
  const first = workerPid(self) as number;
  assert.equal((await self.run('queue-worker', ['restart'])).code, 0);
  const second = workerPid(self) as number;
  assert.notEqual(first, second);
  assert.deepEqual([isAlive(first), isAlive(second)], [false, true]);
});

test('logs prints the log with its rotated part first, and exits 1 when there is none', async (t) => {
  const self = project(t);
  const none = await self.run('queue-worker', ['logs']);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /worker\.log/);
  await once(self);
  writeFileSync(join(self.spool, 'worker.log.1'), 'rotated\n');
  const result = await self.run('queue-worker', ['logs']);
  assert.equal(result.code, 0);
  assert.match(result.stdout, /^rotated\n\S+Z info worker \d+ for /);
});

test('follow prints what is there and what is added, until it is interrupted', async (t) => {
  const self = project(t);
  await once(self);
  const follow = background(t, self, join(DIST, 'queue-worker'), ['follow']);
  await waitFor('the log so far', () => / leaves: /.test(follow.text()));
  appendFileSync(join(self.spool, 'worker.log'), 'added\n');
  await waitFor('the added line', () => follow.text().endsWith('added\n'));
  process.kill(follow.pid, 'SIGINT');
  assert.equal(await follow.ended, 0);
});

test('a log of more than 1 MB is rotated, and nothing of it is lost', async (t) => {
  const self = project(t);
  await once(self);
  writeFileSync(join(self.spool, 'worker.log'), 'x'.repeat(1024 * 1024 + 1));
  await once(self);
  assert.equal(statSync(join(self.spool, 'worker.log.1')).size, 1024 * 1024 + 1);
  assert.match(workerLog(self), /^\S+Z info worker /);
});

test('--once exits 0 when all is applied or nothing was there, 3 when an entry failed', async (t) => {
  const self = project(t);
  withLog(self);
  assert.match((await once(self)).stdout, /applied 0, duplicates 0, failed 0/);
  putEntry(self, logs('a'));
  assert.match((await once(self)).stdout, /applied 1, duplicates 0, failed 0/);
  putEntry(self, 'INSERT INTO nowhere VALUES(1)');
  putEntry(self, logs('b'));
  assert.match((await once(self, 3)).stdout, /applied 1, duplicates 0, failed 1/);
  assert.deepEqual(logged(self), ['a', 'b']);
  assert.equal(existsSync(join(self.spool, 'worker.pid')), false);
});

test('--once beside a living worker waits until that one has drained the queue, and tells what failed', async (t) => {
  const self = project(t);
  withLog(self);
  const pid = await startWorker(self);
  const unlock = lockDatabase(self);
  putEntry(self, logs('a'));
  const bad = putEntry(self, 'INSERT INTO nowhere VALUES(1)');
  const draining = self.run('queue-worker', ['--once']);
  setTimeout(unlock, 500);
  const result = await draining;
  assert.equal(result.code, 3);
  assert.match(result.stdout, new RegExp(`a worker runs \\(pid ${pid}\\).*\\nfailed: ${bad}`));
  assert.deepEqual(logged(self), ['a']);
  putEntry(self, logs('b'));
  await once(self);
  assert.deepEqual(logged(self), ['a', 'b']);
  assert.equal(workerPid(self), pid);
});

test('--once takes over when the worker that it waits for is killed', async (t) => {
  const self = project(t);
  withLog(self);
  const unlock = lockDatabase(self);
  const pid = await startWorker(self);
  putEntry(self, logs('a'));
  const waiting = background(t, self, join(DIST, 'queue-worker'), ['--once']);
  await waitFor('it to wait', () => /waiting for it to drain/.test(waiting.text()));
  process.kill(pid, 'SIGKILL');
  unlock();
  assert.equal(await waiting.ended, 0, waiting.text());
  assert.deepEqual(logged(self), ['a']);
});

test('--once with the database locked exits 1 with the reason; nothing is lost or blamed', async (t) => {
  const self = project(t, { SQLITE_BUSY_TIMEOUT: '300' });
  withLog(self);
  const name = putEntry(self, logs('a'));
  const unlock = lockDatabase(self);
  const result = await once(self, 1);
  assert.match(result.stderr, /locked.*\n.*Nothing is lost/);
  assert.deepEqual([self.names('pending'), self.names('failed'), self.names('processing')], [[name], [], []]);
  unlock();
  await once(self);
  assert.deepEqual(logged(self), ['a']);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  for (const who of ['process', 'group'] as const) {
    test(`--foreground logs to the terminal; ${signal} to its ${who} finishes the batch and exits 0`, async (t) => {
      const self = project(t);
      withLog(self);
      putEntry(self, logs('a'));
      const worker = background(t, self, join(DIST, 'queue-worker'), ['--foreground']);
      await waitFor('the row', () => logged(self).length === 1);
      await waitFor('worker.pid', () => workerPid(self));
      process.kill(who === 'group' ? -worker.pid : worker.pid, signal);
      assert.equal(await worker.ended, 0, worker.text());
      assert.match(
        worker.text(),
        new RegExp(`info worker \\d+ for [^]*${signal}: finishing[^]*leaves: 1 applied`),
      );
      assert.deepEqual(self.names('processing'), []);
      assert.equal(workerPid(self), undefined);
    });
  }
}

test('--foreground beside a living worker exits 1 and says how to stop it', async (t) => {
  const self = project(t);
  const pid = await startWorker(self);
  const result = await self.run('queue-worker', ['--foreground']);
  assert.equal(result.code, 1);
  assert.match(result.stderr, new RegExp(`pid ${pid}.*\\n.*queue-worker stop`));
});

test('SIGTERM amid a backlog finishes the batch: nothing in processing/, every entry applied or pending', async (t) => {
  const self = project(t, { QUEUE_BATCH_SIZE: '50' });
  withLog(self);
  const total = 4000;
  for (let i = 0; i < total; i++) putEntry(self, logs(String(i)));
  await startWorker(self);
  await waitFor('the first rows', () => logged(self).length > 0);
  const stop = await self.run('queue-worker', ['stop']);
  assert.equal(stop.code, 0, stop.stderr);
  assert.deepEqual([self.names('processing'), self.names('failed')], [[], []]);
  const applied = logged(self).length;
  const pending = self.names('pending').length;
  assert.equal(applied + pending, total);
  assert.ok(pending > 0, 'it was stopped too late to show anything');
  assert.equal(self.journal().length, applied);
  await startWorker(self);
  await drained(self);
  assert.deepEqual(
    logged(self),
    Array.from({ length: total }, (_, i) => String(i)),
  );
});

const refused: [args: string[], message: RegExp][] = [
  [['dance'], /no command 'dance'/],
  [['start', 'now'], /too many: now/],
  [['--once', '--foreground'], /exclude each other/],
  [['--twice'], /--twice/],
];
for (const [args, message] of refused) {
  test(`usage: queue-worker ${args.join(' ')} exits 2`, async (t) => {
    const self = project(t);
    const result = await self.run('queue-worker', args);
    assert.equal(result.code, 2);
    assert.match(result.stderr, message);
    assert.equal(existsSync(self.spool), false);
  });
}

test('counters survive from worker to worker', async (t) => {
  const self = project(t);
  withLog(self);
  putEntry(self, logs('a'), { operation: 'op' });
  await once(self);
  putEntry(self, logs('b'), { operation: 'op' });
  putEntry(self, 'BAD', { operation: 'op' });
  await once(self, 3);
  const stats = JSON.parse(readFileSync(join(self.spool, 'stats.json'), 'utf8'));
  assert.deepEqual(
    [stats.processed, stats.failed, stats.operations.op.count, stats.operations.op.failed],
    [2, 1, 2, 1],
  );
});
