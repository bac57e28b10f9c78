/**
 * Enqueueing the rows of a file is killed, at its system calls and at any time: what was published is applied, each row
 * once and in order, the job has as many items as there are entries, stays open, and goes on by --job alone.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { FULL, faultRun } from '../support/faults.ts';
import { jobsRows, queueJob, template, writeIn } from '../support/jobs.ts';
import { DIST, type Project, project, projectWithin, waitFor } from '../support/project.ts';
import { background, logged, noStrace, once, startNoWorker, withLog } from '../support/queue.ts';
import { CHANGING, describe, inLanes, killAt, pointsOf, pointsToTry, strike } from '../support/sweep.ts';

const CREATE = [process.execPath, join(DIST, 'queue-job'), 'create'];

function prepare(self: Project, count: number): string[] {
  withLog(self);
  startNoWorker(self);
  template(self, 'T', { sql: 'INSERT INTO log(t) VALUES(:t)' });
  const rows = Array.from({ length: count }, (_, n) => `row ${n}`);
  writeIn(self, 'rows.csv', `t\n${rows.join('\n')}\n`);
  return rows;
}

/** Every entry in pending/ is an item; what is an item and no entry was about to be one. */
function assertRegistered(self: Project, context: string): void {
  const items = new Set(jobsRows(self, 'SELECT name FROM job_results').map(({ name }) => name));
  assert.deepEqual(
    self.names('pending').filter((name) => !items.has(name)),
    [],
    context,
  );
}

/** Goes on, or begins when there was no job yet. */
async function finish(self: Project, context: string): Promise<void> {
  // A process that is killed before it has opened them leaves no jobs at all.
  const jobs =
    self.names('pending').length === 0 && !hasJobs(self) ? [] : jobsRows(self, 'SELECT * FROM jobs');
  assert.ok(jobs.length <= 1, context);
  const [job] = jobs;
  if (job?.is_sealed === 1) return;
  const which = job ? ['--job', String(job.id)] : ['--template', 'T'];
  await queueJob(self, ['create', ...which, '--rows', 'rows.csv']);
}

function hasJobs(self: Project): boolean {
  try {
    jobsRows(self, 'SELECT 1 FROM jobs');
    return true;
  } catch {
    return false;
  }
}

async function assertExact(self: Project, rows: readonly string[], context: string): Promise<void> {
  assert.equal(self.names('pending').length, rows.length, context);
  assert.deepEqual(
    jobsRows(self, 'SELECT name FROM job_results ORDER BY name').map(({ name }) => name),
    self.names('pending'),
    context,
  );
  const [job] = jobsRows(self, 'SELECT total, withdrawn, is_sealed FROM jobs');
  assert.deepEqual(job, { total: rows.length, withdrawn: 0, is_sealed: 1 }, context);
  assert.deepEqual(jobsRows(self, 'SELECT * FROM job_rows'), [], context);
  await once(self);
  assert.deepEqual(logged(self), rows, context);
  assert.deepEqual(self.names('failed'), [], context);
}

test('it is killed at each call', { skip: noStrace() }, (t) =>
  faultRun(t, async ({ random, count }) => {
    const outer = project(t);
    const model = projectWithin(outer, 'model');
    prepare(model, 8);
    const command = [...CREATE, '--template', 'T', '--rows', 'rows.csv'];
    const points = pointsToTry(random, await pointsOf(model, CHANGING, command), 8);
    await inLanes(points, async (point, index) => {
      const context = describe(killAt(point));
      const self = projectWithin(outer, `rows-${index}`);
      const rows = prepare(self, 8);
      const { struck } = await strike(self, killAt(point), command);
      count({ entries: rows.length, kills: struck.length > 0 ? 1 : 0 });
      if (hasJobs(self)) assertRegistered(self, context);
      await finish(self, context);
      await assertExact(self, rows, context);
    });
  }),
);

test('it is killed again and again in a file of many blocks', (t) =>
  faultRun(t, async ({ random, count }) => {
    const self = project(t);
    const rows = prepare(self, FULL ? 40_000 : 5000);
    const rounds = FULL ? 12 : 4;
    for (let round = 0; round < rounds; round++) {
      const job = hasJobs(self) ? jobsRows(self, 'SELECT * FROM jobs')[0] : undefined;
      if (job?.is_sealed === 1) break;
      const which = job ? ['--job', String(job.id)] : ['--template', 'T'];
      const [command = '', ...args] = [...CREATE, ...which, '--rows', 'rows.csv'];
      const before = self.names('pending').length;
      const more = random.below(Math.floor(rows.length / rounds));
      const signal = random.pick(['SIGKILL', 'SIGKILL', 'SIGINT'] as const);
      const child = background(t, self, command, args);
      let isOver = false;
      void child.ended.then(() => {
        isOver = true;
      });
      await waitFor('some rows', () => isOver || self.names('pending').length > before + more);
      try {
        process.kill(child.pid, signal);
        count({ kills: 1 });
      } catch {}
      const code = await child.ended;
      if (signal === 'SIGINT' && code === null) {
        assert.match(child.text(), /the job (\w+-\w+) is left open; go on with --job \1,/);
      }
      const context = `round ${round}, ${signal} after ${more} rows: ${child.text()}`;
      assertRegistered(self, context);
    }
    count({ entries: rows.length });
    await finish(self, 'at the end');
    await assertExact(self, rows, 'at the end');
  }));

test('what was published of a killed run is applied, and the job stays open', (t) =>
  faultRun(t, async ({ count }) => {
    const self = project(t);
    const rows = prepare(self, 1500);
    const [command = '', ...args] = [...CREATE, '--template', 'T', '--rows', 'rows.csv', '--open'];
    const child = background(t, self, command, args);
    await waitFor('some rows', () => self.names('pending').length > 0);
    process.kill(child.pid, 'SIGKILL');
    await child.ended;
    const published = self.names('pending').length;
    await once(self);
    assert.deepEqual(logged(self), rows.slice(0, published));
    const [job] = jobsRows(self, 'SELECT * FROM jobs');
    assert.deepEqual([job?.is_sealed, job?.completed_at], [0, null]);
    count({ entries: published, kills: 1 });
  }));
