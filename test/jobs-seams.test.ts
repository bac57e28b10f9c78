/** Where queue-job, the worker and the producers meet: what one of them leaves half done, the others finish. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { registerItems } from '../lib/jobs/items.ts';
import { noteBlock } from '../lib/jobs/row-bookmark.ts';
import {
  create,
  jobsRows,
  onJobs,
  putEntryOf,
  putItems,
  putLetter,
  queueJob,
  record,
  show,
  template,
  writeIn,
} from './support/jobs.ts';
import { DIST, type Project, project, waitFor } from './support/project.ts';
import {
  background,
  execute,
  logged,
  logs,
  nameOf,
  noStrace,
  once,
  putEntry,
  startNoWorker,
  startWorker,
  stopWorker,
  withLog,
} from './support/queue.ts';
import { CHANGING, describe, killAt, pointsOf, strike } from './support/sweep.ts';

const JOB = join(DIST, 'queue-job');

test('a dead letter of a cancelled job is applied when queue-failed puts it back', async (t) => {
  const self = project(t);
  withLog(self);
  startNoWorker(self);
  const id = await create(self);
  const name = nameOf();
  onJobs(self, (db) => registerItems(db, id, [{ name, item: 'one' }]));
  record(self, id, [name], { state: 'failed', error: 'boom' });
  putLetter(self, id, name);
  await queueJob(self, ['cancel', id]);
  const result = await self.run('queue-failed', ['retry', name]);
  assert.equal(result.code, 0, result.stderr);
  await once(self);
  assert.deepEqual(logged(self), [name]);
  assert.deepEqual((await show(self, id)).failed, 1);
});

test('a job whose dead letters are put back is running again, and ends with them', async (t) => {
  const self = project(t);
  startNoWorker(self);
  const id = await create(self, '--total', '1');
  const after = await create(self, '--after', id, '--total', '1');
  const name = nameOf();
  onJobs(self, (db) => registerItems(db, id, [{ name, item: 'one' }]));
  record(self, id, [name], { state: 'failed', error: 'boom' });
  putLetter(self, id, name);
  putItems(self, after, 1);
  assert.equal((await self.run('queue-failed', ['retry', '--all'])).code, 0);
  const { state, failed, processed } = await show(self, id);
  assert.deepEqual([state, failed, processed], ['running', 0, 0]);
  withLog(self);
  await once(self);
  assert.deepEqual(
    [(await show(self, id)).state, (await show(self, after)).state],
    ['completed', 'completed'],
  );
});

test('entries that a killed cancel left in pending/ are not applied when the job is deleted', async (t) => {
  for (const retire of ['delete', 'retention']) {
    const self = project(t);
    withLog(self);
    const id = await create(self);
    const [name = ''] = putItems(self, id, 1);
    await queueJob(self, ['cancel', id]);
    // As when it died before it took this one out.
    putEntryOf(self, id, name);
    await queueJob(self, ['pause']);
    if (retire === 'delete') await queueJob(self, ['delete', id]);
    else {
      execute(self, 'UPDATE jobs SET completed_at = 1', join(self.spool, 'jobs.db'));
      await once(self, 0, { QUEUE_JOB_RETENTION: '60' });
    }
    assert.deepEqual(jobsRows(self, 'SELECT id FROM jobs'), [], retire);
    await queueJob(self, ['resume']);
    startNoWorker(self);
    await once(self);
    assert.deepEqual(logged(self), [], retire);
  }
});

test('an old cancelled job stays while it has queued items', async (t) => {
  const self = project(t);
  withLog(self);
  const id = await create(self);
  putItems(self, id, 2);
  // As when cancel died after its first step.
  execute(
    self,
    "UPDATE jobs SET state = 'cancelled', is_sealed = 1, completed_at = 1",
    join(self.spool, 'jobs.db'),
  );
  await queueJob(self, ['pause']);
  await once(self, 1, { QUEUE_JOB_RETENTION: '60' });
  assert.equal((await show(self, id)).state, 'cancelled');
  await queueJob(self, ['resume']);
  startNoWorker(self);
  await once(self, 0, { QUEUE_JOB_RETENTION: '60' });
  assert.deepEqual(logged(self), []);
});

test('what the worker has read ahead of a job that is deleted meanwhile is not applied', async (t) => {
  const self = project(t);
  withLog(self);
  startNoWorker(self);
  const id = await create(self);
  const slowly = (text: string): string =>
    `${logs(text)}; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000000) SELECT max(i) FROM n`;
  // While this one runs the second thread begins to read.
  putEntry(self, slowly('first'));
  for (let at = 0; at < 150; at++) putEntry(self, logs('filler'));
  putEntry(self, slowly('slow'));
  for (let at = 0; at < 60; at++) putEntry(self, logs('filler'));
  putItems(self, id, 20);
  for (let at = 0; at < 6000; at++) putEntry(self, logs('filler'));
  const pid = await startWorker(self, { QUEUE_BATCH_SIZE: '100', SQLITE_TIMEOUT: '120000' });
  await waitFor('the first entries', () => logged(self).length > 0);
  process.kill(pid, 'SIGSTOP');
  await queueJob(self, ['delete', id, '--force']);
  process.kill(pid, 'SIGCONT');
  await waitFor('all', () => self.names('pending').length === 0);
  await stopWorker(self);
  assert.deepEqual(
    logged(self).filter((text) => text !== 'filler'),
    ['first', 'slow'],
  );
});

test('rows are over or go on, whatever the last call was before SIGKILL', { skip: noStrace() }, async (t) => {
  const model = project(t);
  const command = [process.execPath, JOB, 'create', '--template', 'T', '--rows', 'rows.csv'];
  const prepare = (self: Project): void => {
    startNoWorker(self);
    template(self, 'T', { sql: 'INSERT INTO log(t) VALUES(:t)' });
    writeIn(self, 'rows.csv', 't\na\nb\n');
  };
  prepare(model);
  const points = await pointsOf(model, CHANGING, command);
  const last = points.filter(({ line, changes }) => changes && line.includes('jobs.db-wal')).slice(-8);
  assert.ok(last.length > 3);
  for (const point of last) {
    const self = project(t);
    prepare(self);
    await strike(self, killAt(point), command);
    const [row] = jobsRows(self, 'SELECT id, is_sealed FROM jobs');
    if (row?.is_sealed === 0) await queueJob(self, ['create', '--job', String(row.id), '--rows', 'rows.csv']);
    assert.deepEqual(
      jobsRows(self, 'SELECT total, is_sealed FROM jobs'),
      [{ total: 2, is_sealed: 1 }],
      describe(killAt(point)),
    );
  }
});

test('of two that go on with the rows of one job, the second is refused', async (t) => {
  const self = project(t);
  startNoWorker(self);
  template(self, 'T', { sql: 'INSERT INTO log(t) VALUES(:t)' });
  const id = await create(self, '--template', 'T', '--open');
  const fifo = join(self.dir, 'rows.csv');
  assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
  const first = background(t, self, 'bash', [
    '-c',
    `exec 3<>"$1"; exec "$0" create --job "$2" --rows "$1"`,
    JOB,
    fifo,
    id,
  ]);
  await waitFor('the first', () => jobsRows(self, 'SELECT pid FROM job_rows').length === 1);
  const { stderr } = await queueJob(self, ['create', '--job', id, '--rows', fifo], 2);
  assert.match(stderr, /process \d+ is enqueueing rows/);
  process.kill(first.pid, 'SIGKILL');
  await first.ended;
  // Nothing of it is enqueued: the job takes another file.
  writeIn(self, 'other.csv', 't\na\n');
  await queueJob(self, ['create', '--job', id, '--rows', 'other.csv']);
  assert.equal((await show(self, id)).total, 1);
});

test('rows of a job with a total that were never published are not withdrawn: they go on', async (t) => {
  const self = project(t);
  startNoWorker(self);
  template(self, 'T', { sql: 'INSERT INTO log(t) VALUES(:t)' });
  const path = writeIn(self, 'rows.csv', 't\na\nb\nc\n');
  const id = await create(self, '--template', 'T', '--open', '--total', '3');
  // As when it died behind the registration of its one block, an hour ago.
  const dead = spawnSync('true').pid;
  const first = 1_700_000_000_000_000;
  onJobs(self, (db) => {
    const names = [0, 1, 2].map((at) => `05_${first + at}_${dead}.json`);
    registerItems(
      db,
      id,
      names.map((name) => ({ name, item: name })),
    );
    noteBlock(db, id, { path, priority: 5, first, lines: [2, 3, 4] });
    db.prepare('UPDATE job_rows SET pid = ?').run(dead);
    db.prepare('UPDATE job_results SET finished_at = 1').run();
  });
  await once(self);
  assert.equal((await show(self, id)).withdrawn, 0);
  await queueJob(self, ['create', '--job', id, '--rows', path]);
  assert.deepEqual([self.names('pending').length, (await show(self, id)).total], [3, 3]);
});

test('sealing a job starts what waits for it', async (t) => {
  const self = project(t);
  withLog(self);
  const first = await create(self);
  const second = await create(self, '--after', first);
  record(self, first, putItems(self, first, 1));
  for (const name of self.names('pending')) rmSync(join(self.spool, 'pending', name));
  putItems(self, second, 1);
  for (const name of self.names('.tmp')) rmSync(join(self.spool, '.tmp', name));
  await queueJob(self, ['seal', first]);
  await waitFor('the second', () => logged(self).length === 1);
  await stopWorker(self);
});

test('what is planted beside the pauses hangs nobody', async (t) => {
  const self = project(t);
  withLog(self);
  putEntry(self, logs('one'));
  mkdirSync(join(self.spool, 'paused'), { mode: 0o700 });
  assert.equal(spawnSync('mkfifo', [join(self.spool, 'paused', 'x.json')]).status, 0);
  await once(self);
  assert.deepEqual(logged(self), ['one']);
});

test('who waits is told when jobs.db is removed', async (t) => {
  const self = project(t);
  const id = await create(self);
  const waiting = background(t, self, JOB, ['wait', id]);
  await waitFor('it waits', () => waiting.pid > 0);
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(self.spool, `jobs.db${suffix}`), { force: true });
  assert.equal(await waiting.ended, 1);
});
