/** The worker and jobs: what becomes of an entry is told to its job; cancelled, waiting and paused entries. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { dropUnpublished, registerItems, sealJob } from '../lib/jobs/items.ts';
import { spoolAt } from '../lib/spool/layout.ts';
import { pauseQueue, resumeQueue } from '../lib/spool/pause.ts';
import { accountOf, addJob, jobsOf, lockJobs, resultsOf } from './support/jobs.ts';
import { DIST, project, waitFor } from './support/project.ts';
import {
  background,
  ended,
  entryText,
  logged,
  logs,
  nameOf,
  once,
  put,
  putEntry,
  startWorker,
  stopWorker,
  withLog,
  workerLog,
} from './support/queue.ts';

test('results are recorded: done, failed with its error, a duplicate, and of what could not be read', async (t) => {
  const self = project(t);
  withLog(self);
  const db = jobsOf(t, self);
  addJob(db, 'j', { is_sealed: 1 });
  const names = [
    putEntry(self, logs('a'), { job: 'j', id: 'k', metadata: { item: 'first' } }),
    putEntry(self, logs('b'), { job: 'j', id: 'k' }),
    putEntry(self, 'INSERT INTO nowhere VALUES(1)', { job: 'j' }),
    put(self, `${JSON.stringify({ sql: 7, job: 'j', id: 'odd' })}\n`),
    putEntry(self, logs('c'), { job: 'unknown' }),
  ];
  await once(self, 3);
  const results = resultsOf(db, 'j');
  assert.deepEqual(
    results.map(({ name, item, state }) => [name, item, state]),
    [
      [names[0], 'first', 'done'],
      [names[1], 'k', 'done'],
      [names[2], (names[2] as string).slice(3, -5), 'failed'],
      [names[3], 'odd', 'failed'],
    ],
  );
  assert.equal(results[0]?.details, null);
  assert.deepEqual(JSON.parse(results[1]?.details as string), { duplicate: true });
  assert.match(results[2]?.error as string, /no such table/);
  assert.equal((JSON.parse(results[2]?.details as string) as { code: string }).code, 'SQLITE_ERROR');
  assert.match(results[3]?.error as string, /no "sql" string/);
  assert.deepEqual(accountOf(db, 'j'), { state: 'failed', total: 4, done: 2, failed: 2, withdrawn: 0 });
  assert.deepEqual(logged(self), ['a', 'c']);
});

test('a failed job whose items are tried again by queue-failed is completed, and what waits for it starts', async (t) => {
  const self = project(t);
  const db = jobsOf(t, self);
  addJob(db, 'j', { is_sealed: 1 });
  addJob(db, 'next', { is_sealed: 1, after: 'j' });
  const names = [putEntry(self, logs('a'), { job: 'j' }), putEntry(self, logs('b'), { job: 'next' })];
  await once(self, 3);
  assert.deepEqual(accountOf(db, 'j').state, 'failed');
  assert.deepEqual(self.names('pending'), [names[1]], 'the other one waits');
  withLog(self);
  const env = { QUEUE_IDLE_EXIT: '0.1' };
  assert.equal((await self.run('queue-failed', ['retry', '--all'], { env })).code, 0);
  await waitFor('both to be completed', () =>
    ['j', 'next'].every((id) => accountOf(db, id).state === 'completed'),
  );
  assert.deepEqual(logged(self), ['a', 'b']);
});

test('entries of a cancelled job are withdrawn, those of others are applied', async (t) => {
  const self = project(t);
  withLog(self);
  const db = jobsOf(t, self);
  addJob(db, 'gone', { state: 'cancelled', completed_at: Date.now() });
  addJob(db, 'j');
  const withdrawn = putEntry(self, logs('a'), { job: 'gone' });
  putEntry(self, logs('b'), { job: 'j' });
  await once(self);
  assert.deepEqual([logged(self), self.names('pending'), self.names('failed')], [['b'], [], []]);
  assert.deepEqual(
    resultsOf(db, 'gone').map(({ name, state }) => [name, state]),
    [[withdrawn, 'withdrawn']],
  );
  assert.deepEqual(accountOf(db, 'gone').state, 'cancelled');
});

test('a job that is cancelled while its entries are drained: what is applied and what is withdrawn are all of it', async (t) => {
  const self = project(t, { QUEUE_BATCH_SIZE: '20' });
  withLog(self);
  const db = jobsOf(t, self);
  addJob(db, 'j');
  for (let i = 0; i < 600; i++) putEntry(self, logs(String(i)), { job: 'j' });
  const worker = background(t, self, join(DIST, 'queue-worker'), ['run', '--once']);
  await waitFor('some to be applied', () => logged(self).length > 0);
  db.prepare("UPDATE jobs SET state = 'cancelled' WHERE id = 'j'").run();
  assert.equal(await worker.ended, 0, worker.text());
  const { total, done, withdrawn } = accountOf(db, 'j');
  assert.deepEqual([total, done + withdrawn, done], [600, 600, logged(self).length]);
  assert.ok(withdrawn > 0);
});

test('a job waits for the one before it: --once leaves it, a worker starts it when that is completed, and may leave', async (t) => {
  const self = project(t);
  withLog(self);
  const db = jobsOf(t, self);
  addJob(db, 'first');
  addJob(db, 'next', { after: 'first', is_sealed: 1 });
  putEntry(self, logs('next'), { job: 'next', priority: 1 });
  putEntry(self, logs('first'), { job: 'first', priority: 9 });
  const result = await once(self);
  assert.match(result.stdout, /applied 1, duplicates 0, failed 0, held 1/);
  assert.deepEqual(logged(self), ['first']);
  // What waits keeps no worker, and the worker that is there sees another process complete the first.
  const pid = await startWorker(self, { QUEUE_IDLE_EXIT: '0.2' });
  await ended(pid);
  assert.equal(self.names('pending').length, 1);
  await startWorker(self);
  sealJob(db, 'first');
  await waitFor('the next job', () => accountOf(db, 'next').state === 'completed');
  assert.deepEqual(logged(self), ['first', 'next']);
  await stopWorker(self);
});

test('the queue is paused: hooks go on, --once says so and leaves with 1, a worker leaves when idle, and resume lets all go on', async (t) => {
  const self = project(t);
  withLog(self);
  const spool = spoolAt(self.spool);
  pauseQueue(spool);
  await once(self, 0);
  putEntry(self, logs('a'));
  const result = await once(self, 1);
  assert.match(result.stderr, /the queue is paused: queue-job resume/);
  assert.deepEqual(logged(self), []);
  const status = await self.run('queue-status', ['--json']);
  const { state, paused } = JSON.parse(status.stdout) as { state: string; paused: { all: boolean } };
  assert.deepEqual([state, paused.all], ['paused', true]);
  await ended(await startWorker(self, { QUEUE_IDLE_EXIT: '0.2' }));
  assert.equal(self.names('pending').length, 1);
  await startWorker(self);
  // Beside a worker --once does not wait for an hour.
  assert.match((await once(self, 1)).stderr, /paused/);
  putEntry(self, logs('b'));
  resumeQueue(spool);
  await waitFor('both to be applied', () => logged(self).length === 2);
  pauseQueue(spool);
  // Taken notice of within a poll: what comes after that stays.
  await waitFor('the pause to be seen', async () => {
    const before = logged(self).length;
    const name = putEntry(self, logs('c'));
    await new Promise((done) => setTimeout(done, 500));
    return logged(self).length === before && self.names('pending').includes(name);
  });
  await stopWorker(self);
});

test('a paused operation is held, others go on; --once leaves with 0 and counts it; resume releases it', async (t) => {
  const self = project(t);
  withLog(self);
  const spool = spoolAt(self.spool);
  pauseQueue(spool, 'import');
  putEntry(self, logs('held'), { operation: 'import', priority: 1 });
  putEntry(self, logs('b'));
  assert.match((await once(self)).stdout, /applied 1, duplicates 0, failed 0, held 1/);
  assert.match((await self.run('queue-status')).stdout, /Held: +1\n +Paused: +import/);
  await startWorker(self);
  assert.match((await once(self)).stdout, /held 1/);
  resumeQueue(spool, 'import');
  await waitFor('it to be applied', () => logged(self).length === 2);
  assert.deepEqual(logged(self), ['b', 'held']);
  await stopWorker(self);
});

test('jobs.db is locked: the worker waits and records later; nothing is lost, and nothing applied twice', async (t) => {
  const self = project(t, { SQLITE_BUSY_TIMEOUT: '20000' });
  withLog(self);
  const db = jobsOf(t, self);
  addJob(db, 'j', { is_sealed: 1 });
  for (let i = 0; i < 30; i++) putEntry(self, logs(String(i)), { job: 'j' });
  const release = lockJobs(self);
  const worker = background(t, self, join(DIST, 'queue-worker'), ['run', '--once']);
  await waitFor('the fault to be logged', () => /jobs\.db can't be recorded: .*locked/.test(workerLog(self)));
  assert.equal(self.names('pending').length, 30, 'no entry has left pending/ without its record');
  release();
  assert.equal(await worker.ended, 0, worker.text());
  assert.deepEqual(accountOf(db, 'j'), { state: 'completed', total: 30, done: 30, failed: 0, withdrawn: 0 });
  assert.equal(logged(self).length, 30);
});

test('a jobs.db that is none any more is moved aside, and the queue goes on', async (t) => {
  const self = project(t);
  withLog(self);
  put(self, entryText(logs('a'), { job: 'j' }));
  writeFileSync(join(self.spool, 'jobs.db'), 'not a database '.repeat(1000), { mode: 0o600 });
  await once(self);
  assert.deepEqual(logged(self), ['a']);
  assert.match(workerLog(self), /error .*jobs\.db are lost: .*; the file is now .*jobs\.db\.broken-/);
  const files = readdirSync(self.spool).filter((name) => name.startsWith('jobs.db'));
  assert.equal(files.length, 1);
  assert.match(files[0] as string, /^jobs\.db\.broken-/);
});

test('a directory, or a later version, in the place of jobs.db keeps no entry from being applied', async (t) => {
  const self = project(t);
  withLog(self);
  put(self, entryText(logs('a'), { job: 'j' }));
  mkdirSync(join(self.spool, 'jobs.db'));
  await once(self);
  assert.match(workerLog(self), /without an account of their jobs: .*is not a file/);
  const other = project(t);
  withLog(other);
  put(other, entryText(logs('a'), { job: 'j' }));
  jobsOf(t, other).pragma('user_version = 99');
  await once(other);
  assert.match(workerLog(other), /without an account of their jobs: .*of version 99/);
  assert.deepEqual([logged(self), logged(other)], [['a'], ['a']]);
});

test('old completed and cancelled jobs are removed, in chunks, with a line in the history; failed ones stay', async (t) => {
  const self = project(t, { QUEUE_JOB_RETENTION: '60' });
  withLog(self);
  const db = jobsOf(t, self);
  const long = Date.now() - 120_000;
  for (const [id, state] of Object.entries({ big: 'completed', cancelled: 'cancelled', failed: 'failed' }))
    addJob(db, id, { state: 'queued' as never, created_at: long, completed_at: long, name: state });
  const insert = db.prepare(
    "INSERT INTO job_results(job_id, name, item, state) VALUES('big', ?, '', 'done')",
  );
  db.transaction(() => {
    for (let i = 0; i < 5000; i++) insert.run(nameOf());
  })();
  addJob(db, 'young', { state: 'completed', completed_at: Date.now() });
  addJob(db, 'waiting', { after: 'before' });
  addJob(db, 'before', { state: 'cancelled', completed_at: long });
  db.exec("UPDATE jobs SET state = name WHERE id IN ('big', 'cancelled', 'failed')");
  await startWorker(self);
  const ids = (): unknown[] => db.prepare('SELECT id FROM jobs ORDER BY id').pluck().all();
  await waitFor('the old ones to go', () => ids().length === 4);
  assert.deepEqual(ids(), ['before', 'failed', 'waiting', 'young']);
  assert.equal(db.prepare('SELECT count(*) FROM job_results').pluck().get(), 0);
  const history = db.prepare('SELECT id, state, total, processed FROM job_history ORDER BY id').all();
  assert.deepEqual(history, [
    { id: 'big', state: 'completed', total: 5000, processed: 5000 },
    { id: 'cancelled', state: 'cancelled', total: 0, processed: 0 },
  ]);
  await stopWorker(self);
  assert.equal((await self.run('queue-worker', ['--once'], { env: { QUEUE_JOB_RETENTION: '0' } })).code, 0);
});

test('items that were registered and never published keep no job from ending', async (t) => {
  const self = project(t);
  withLog(self);
  const db = jobsOf(t, self);
  addJob(db, 'j');
  const [never, letter] = [nameOf(), nameOf()];
  registerItems(db, 'j', [
    { name: never, item: 'never' },
    { name: letter, item: 'letter' },
  ]);
  sealJob(db, 'j');
  const spool = spoolAt(self.spool);
  assert.equal(dropUnpublished(db, spool, 'j'), 0, 'a producer may be about to publish it');
  db.exec('UPDATE job_results SET finished_at = 1');
  writeFileSync(join(spool.failed, letter), '{}');
  await once(self);
  assert.deepEqual(
    resultsOf(db, 'j').map(({ item, state }) => [item, state]),
    [
      ['never', 'withdrawn'],
      ['letter', 'failed'],
    ],
  );
  assert.deepEqual(accountOf(db, 'j').state, 'failed');
  unlinkSync(join(spool.failed, letter));
  assert.ok(existsSync(join(self.spool, 'jobs.db')));
});
