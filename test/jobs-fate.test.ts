/** queue-job wait, cancel, retry and delete: what becomes of a job, by whatever hand, and SIGKILL in the middle. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { dropUnpublished, registerItems } from '../lib/jobs/items.ts';
import type { Job } from '../lib/jobs/job.ts';
import { spoolAt } from '../lib/spool/layout.ts';
import {
  accountOf,
  create,
  json,
  onJobs,
  putEntryOf,
  putItems,
  putLetter,
  queueJob,
  record,
  show,
  writeManifest,
} from './support/jobs.ts';
import { DIST, type Project, project, waitFor } from './support/project.ts';
import { background, logged, startNoWorker, withLog } from './support/queue.ts';

const JOB = join(DIST, 'queue-job');

test('wait: 0 completed, 3 failed or cancelled, 4 not yet, 1 none; and it is told what happened', async (t) => {
  const self = project(t);
  const done = await create(self, '--total', '1');
  record(self, done, putItems(self, done, 1));
  assert.equal((await queueJob(self, ['wait', done])).stdout, `the job ${done} is completed (1 item)\n`);
  const failed = await create(self, '--total', '2');
  record(self, failed, putItems(self, failed, 2), { state: 'failed', error: 'boom' });
  assert.match(
    (await queueJob(self, ['wait', failed], 3)).stderr,
    /has failed: 2 of 2 items; the first error: boom\n$/,
  );
  const open = await create(self);
  assert.match(
    (await queueJob(self, ['wait', open, '--timeout', '0.1'], 4)).stderr,
    /is queued: 0 of 0 items are decided; more items may come: queue-job seal \S+\n$/,
  );
  const next = await create(self, '--after', open);
  await queueJob(self, ['cancel', open]);
  const inVain = await queueJob(self, ['wait', next], 3);
  assert.match(inVain.stderr, new RegExp(`never starts: it waits for ${open}, which was cancelled`));
  assert.match(
    (await queueJob(self, ['wait', open], 3)).stderr,
    /was cancelled: 0 of 0 items were withdrawn\n$/,
  );
  const report = await json<Record<string, unknown>>(self, ['wait', failed], 3);
  assert.deepEqual(Object.keys(report), ['id', 'state', 'job', 'firstError', 'deadEnd']);
  assert.deepEqual([report.state, report.firstError], ['failed', 'boom']);
});

test('several wait for one job, and all see it end', async (t) => {
  const self = project(t);
  const id = await create(self, '--total', '3');
  const names = putItems(self, id, 3);
  const waiting = Array.from({ length: 4 }, () => background(t, self, JOB, ['wait', id]));
  record(self, id, names.slice(0, 2));
  record(self, id, names.slice(2));
  assert.deepEqual(await Promise.all(waiting.map(({ ended }) => ended)), [0, 0, 0, 0]);
});

test('a job that is removed while someone waits: the history knows, or it is not there', async (t) => {
  const self = project(t);
  const id = await create(self, '--total', '1');
  const [name] = putItems(self, id, 1);
  const waiting = background(t, self, JOB, ['wait', id, '--json']);
  // It has begun: its worker's start would be noted, and jobs.db is open.
  await waitFor('it to wait', () => existsSync(join(self.spool, 'jobs.db-shm')));
  onJobs(self, (db) => {
    // In one transaction: nobody sees the job completed and still there.
    db.transaction(() => {
      db.prepare('INSERT INTO job_history VALUES(?, ?, ?, 1, 1, 0, 1, 1, 2)').run(id, 'x', 'completed');
      db.prepare('DELETE FROM jobs WHERE id = ?').run(id);
    })();
  });
  assert.equal(await waiting.ended, 0);
  const { state, job: left } = JSON.parse(waiting.text()) as Record<string, unknown>;
  assert.deepEqual([state, left, name !== undefined], ['completed', null, true]);
  await queueJob(self, ['wait', id]);
  onJobs(self, (db) => db.exec('DELETE FROM job_history'));
  await queueJob(self, ['wait', id], 1);
});

test('wait starts a worker when entries wait, and ends when items were never published', async (t) => {
  const self = project(t);
  withLog(self);
  const id = await create(self);
  const [name, lost] = putItems(self, id, 2) as [string, string];
  rmSync(join(self.spool, 'pending', lost));
  record(self, id, [name]);
  onJobs(self, (db) => db.exec(`UPDATE job_results SET finished_at = 1 WHERE name = '${lost}'`));
  await queueJob(self, ['seal', id]);
  for (const file of readdirSync(join(self.spool, '.tmp'))) rmSync(join(self.spool, '.tmp', file));
  const end = await json<{ job: Job }>(self, ['wait', id]);
  assert.deepEqual([end.job.state, end.job.withdrawn, end.job.processed], ['completed', 1, 1]);
  await waitFor('the worker', () => logged(self).length === 1);
});

test('cancel withdraws what waits, with its values, and leaves what others own', async (t) => {
  const self = project(t);
  const id = await create(self, '--name', 'big');
  const other = await create(self);
  const names = putItems(self, id, 5);
  const others = putItems(self, other, 2);
  for (const name of [names[3], others[0]]) writeFileSync(join(self.spool, 'values', `${name}.hook`), 'x\n');
  record(self, id, names.slice(0, 1));
  record(self, id, names.slice(1, 2), { state: 'failed', error: 'boom' });
  for (const name of names.slice(0, 2)) rmSync(join(self.spool, 'pending', name));
  const { stdout } = await queueJob(self, ['cancel', id]);
  assert.equal(stdout, `${id} is cancelled: 3 items withdrawn, 1 applied, 1 failed\n`);
  assert.deepEqual([self.names('pending'), self.names('values')], [others, [`${others[0]}.hook`]]);
  const cancelled = await show(self, id);
  assert.deepEqual([cancelled.state, cancelled.withdrawn, cancelled.processed], ['cancelled', 3, 2]);
  assert.equal((await queueJob(self, ['cancel', id])).stdout, stdout);
  onJobs(self, (db) => accountOf(db, id));
  assert.throws(
    () => onJobs(self, (db) => registerItems(db, id, [{ name: '05_1_1.json', item: 'x' }])),
    /was cancelled/,
  );
  await queueJob(self, ['retry', id], 2);
  await queueJob(self, ['seal', id], 2);
  const done = await create(self, '--total', '0');
  assert.match((await queueJob(self, ['cancel', done], 1)).stderr, /has ended: it is completed\n$/);
});

test('cancel leaves the batch in hand to the worker and waits for it a while', async (t) => {
  const self = project(t);
  const id = await create(self);
  const names = putItems(self, id, 6);
  writeManifest(self, names.slice(0, 3));
  const { stdout } = await queueJob(self, ['cancel', id, '--timeout', '0.1'], 4);
  assert.match(stdout, /3 items withdrawn, 0 applied, 0 failed, 3 in the worker's hand\n$/);
  assert.deepEqual(self.names('pending'), names.slice(0, 3));
  assert.match(
    (await queueJob(self, ['delete', id], 2)).stderr,
    /has 3 queued items\n {2}The worker has them in hand/,
  );
  const cancelling = background(t, self, JOB, ['cancel', id, '--timeout', '60']);
  // One is applied, one is put off for a retry: it is in pending/ when the manifest goes.
  record(self, id, names.slice(0, 1));
  record(self, id, names.slice(1, 2), { state: 'withdrawn' });
  for (const name of names.slice(0, 2)) rmSync(join(self.spool, 'pending', name));
  await waitFor('the two to be seen', async () => (await show(self, id)).withdrawn === 4);
  assert.deepEqual(self.names('pending'), names.slice(2, 3));
  rmSync(join(self.spool, 'processing', 'batch'));
  assert.equal(await cancelling.ended, 0);
  assert.match(cancelling.text(), /5 items withdrawn, 1 applied, 0 failed\n$/);
  assert.deepEqual(self.names('pending'), []);
  onJobs(self, (db) => accountOf(db, id));
});

test('SIGKILL in the middle of a cancel, again and again: done again it is whole', async (t) => {
  const self = project(t);
  const id = await create(self);
  const count = 20_000;
  const names = putItems(self, id, count);
  for (const share of [0.9, 0.6, 0.3]) {
    const running = background(t, self, JOB, ['cancel', id]);
    const limit = count * share - Math.random() * 2000;
    await waitFor('a part to be withdrawn', () => self.names('pending').length < limit);
    process.kill(running.pid, 'SIGKILL');
    await running.ended;
  }
  // Withdrawn in jobs.db and still in pending/: where a crash comes between the two.
  putEntryOf(self, id, names[0] as string);
  await queueJob(self, ['cancel', id]);
  assert.deepEqual(self.names('pending'), []);
  const cancelled = await show(self, id);
  assert.deepEqual([cancelled.state, cancelled.withdrawn, cancelled.total], ['cancelled', count, count]);
  onJobs(self, (db) => accountOf(db, id));
});

/** A sealed job whose items have all failed; the letters of all but the last `lost` are there. */
async function failedJob(self: Project, count: number, lost = 0): Promise<[string, string[]]> {
  const id = await create(self, '--total', String(count));
  const names = putItems(self, id, count);
  for (const [at, name] of names.entries()) {
    rmSync(join(self.spool, 'pending', name));
    if (at < count - lost) putLetter(self, id, name);
  }
  record(self, id, names, { state: 'failed', error: 'boom' });
  return [id, names];
}

test('retry puts the letters back, and the job runs again until they are decided', async (t) => {
  const self = project(t);
  const [id, names] = await failedJob(self, 3, 1);
  const after = await create(self, '--after', id);
  const { stdout, stderr } = await queueJob(self, ['retry', id], 1);
  assert.equal(stdout, '2 items put back into the queue\n');
  assert.equal(stderr, `queue-job: ${names[2]} stays failed: its dead letter is gone\n`);
  assert.deepEqual([self.names('failed'), self.names('pending')], [[], names.slice(0, 2)]);
  const running = await show(self, id);
  assert.deepEqual(
    [running.state, running.failed, running.processed, running.completedAt, running.error],
    ['running', 1, 1, null, null],
  );
  record(self, id, names.slice(0, 2));
  assert.deepEqual(
    [(await show(self, id)).state, (await show(self, id)).error],
    ['failed', '1 of 3 items failed'],
  );
  const again = await json<{ retried: number; refused: unknown[] }>(self, ['retry', id], 1);
  assert.deepEqual(again.retried, 0);
  assert.deepEqual([(await show(self, id)).state, (await show(self, after)).after], ['failed', id]);
  // Its letter comes back from a backup, say, and is put back by hand.
  record(self, id, names.slice(2));
  assert.deepEqual([(await show(self, id)).state, (await show(self, id)).error], ['completed', null]);
  assert.equal((await show(self, after)).after, null, 'the next one starts');
  onJobs(self, (db) => accountOf(db, id));
});

test('SIGKILL in the middle of a retry, again and again: done again every letter is back once', async (t) => {
  const self = project(t);
  const count = 6000;
  const [id, names] = await failedJob(self, count);
  for (const limit of [5900, 4000, 1500]) {
    const running = background(t, self, JOB, ['retry', id]);
    await waitFor('letters to go back', () => self.names('failed').length < limit - Math.random() * 300);
    process.kill(running.pid, 'SIGKILL');
    await running.ended;
  }
  assert.equal((await show(self, id)).state, 'running');
  await queueJob(self, ['retry', id]);
  assert.deepEqual([self.names('failed'), self.names('pending')], [[], names]);
  onJobs(self, (db) => accountOf(db, id));
  record(self, id, names);
  assert.equal((await show(self, id)).state, 'completed');
});

test('a retry that was killed and never done again: its items count as failed, not as never published', async (t) => {
  const self = project(t);
  const [id, names] = await failedJob(self, 2);
  onJobs(self, (db) => {
    db.exec("UPDATE job_results SET state = 'queued', error = NULL, finished_at = 1");
    db.exec("UPDATE jobs SET state = 'running', completed_at = NULL");
    assert.equal(dropUnpublished(db, spoolAt(self.spool), id), 2);
  });
  const found = await show(self, id);
  assert.deepEqual([found.state, found.failed, found.withdrawn], ['failed', 2, 0]);
  await queueJob(self, ['retry', id]);
  assert.deepEqual(self.names('pending'), names);
});

test('delete: refused while items are queued or others wait; --force; by state and age; the history keeps a line', async (t) => {
  const self = project(t);
  const id = await create(self, '--name', 'x');
  const after = await create(self, '--after', id);
  const names = putItems(self, id, 5000);
  assert.match(
    (await queueJob(self, ['delete', id], 2)).stderr,
    /has 5000 queued items\n {2}Wait for it, or cancel it; --force/,
  );
  assert.match(
    (await queueJob(self, ['delete', id, '--force'], 2)).stderr,
    new RegExp(`the job '${after}' waits for`),
  );
  assert.equal((await show(self, id)).state, 'cancelled');
  await queueJob(self, ['delete', after, id]);
  assert.deepEqual([await json<Job[]>(self, ['list']), self.names('pending')], [[], []]);
  assert.equal(
    names.length,
    onJobs(self, (db) => db.prepare('SELECT total FROM job_history').pluck().get()),
  );
  assert.equal(
    onJobs(self, (db) => db.prepare('SELECT count(*) FROM job_results').pluck().get()),
    0,
  );
  const old = await create(self, '--total', '0');
  const young = await create(self, '--total', '0');
  onJobs(self, (db) =>
    db.prepare('UPDATE jobs SET completed_at = completed_at - 90000000 WHERE id = ?').run(old),
  );
  assert.deepEqual(await json(self, ['delete', '--state', 'completed', '--older-than', '1']), {
    removed: [old],
  });
  assert.deepEqual(
    (await json<Job[]>(self, ['list'])).map((one) => one.id),
    [young],
  );
  const history = await json<{ id: string; state: string; total: number }[]>(self, ['history']);
  assert.deepEqual(
    history.map((one) => [one.id, one.state, one.total]),
    [
      [young, 'completed', 0],
      [id, 'cancelled', 5000],
      [old, 'completed', 0],
    ],
  );
  startNoWorker(self);
});
