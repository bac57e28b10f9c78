/**
 * Jobs under faults: the worker and a producer are killed, or get an error, at the calls of a run. When the next worker
 * is through, the job has as many items as there were entries, each with the result that its entry had, and none counted
 * twice; and at no moment do other processes read counters that are apart from the rows.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openJobs } from '../../lib/jobs/database.ts';
import { registerItems, sealJob } from '../../lib/jobs/items.ts';
import { spoolAt } from '../../lib/spool/layout.ts';
import { type FaultRun, faultRun } from '../support/faults.ts';
import { accountOf, addJob, resultsOf } from '../support/jobs.ts';
import { DIST, type Project, project, projectWithin, waitFor } from '../support/project.ts';
import {
  background,
  entryText,
  logged,
  logs,
  noStrace,
  put,
  startNoWorker,
  withLog,
} from '../support/queue.ts';
import {
  CHANGING,
  describe,
  type Fault,
  inLanes,
  killAt,
  pointsOf,
  pointsToTry,
  SYNCING,
  strike,
} from '../support/sweep.ts';

const WORKER = [process.execPath, join(DIST, 'queue-worker'), 'run', '--once'];
const CALLS = [...CHANGING, ...SYNCING];
const COUNT = 9;
/** Its SQL is wrong. */
const BAD = 4;

/** COUNT entries of one job, all but the last registered: that one's producer found jobs.db locked. */
function place(outer: Project, directory: string): Project {
  const self = projectWithin(outer, directory, { QUEUE_BATCH_SIZE: '4', SQLITE_BUSY_TIMEOUT: '300' });
  withLog(self);
  const db = openJobs(spoolAt(self.spool));
  addJob(db, 'j');
  for (let i = 0; i < COUNT; i++) {
    const name = `05_${1_700_000_000_000_000 + i}_4194303.json`;
    put(self, entryText(i === BAD ? 'INSERT INTO nowhere VALUES(1)' : logs(String(i)), { job: 'j' }), name);
    if (i < COUNT - 1) registerItems(db, 'j', [{ name, item: String(i) }]);
  }
  db.close();
  return self;
}

/** Ends what was begun, with no fault, and takes the account. */
async function settle(self: Project, context: string, count: FaultRun['count']): Promise<void> {
  const result = await self.run('queue-worker', ['run', '--once']);
  assert.ok(result.code === 0 || result.code === 3, `${context}: ${result.stdout}${result.stderr}`);
  const db = openJobs(spoolAt(self.spool));
  try {
    assert.equal(sealJob(db, 'j').state, 'failed', context);
    const account = accountOf(db, 'j');
    count({
      entries: COUNT,
      lost: Math.max(0, COUNT - account.total),
      duplicated: Math.max(0, account.total - COUNT),
    });
    assert.deepEqual(
      account,
      { state: 'failed', total: COUNT, done: COUNT - 1, failed: 1, withdrawn: 0 },
      context,
    );
    assert.equal(resultsOf(db, 'j')[BAD]?.state, 'failed', context);
  } finally {
    db.close();
  }
  assert.equal(logged(self).length, COUNT - 1, context);
  assert.deepEqual([self.names('pending'), self.names('failed').length], [[], 1], context);
}

test('a worker is killed at each call of a run over entries of a job', { skip: noStrace() }, (t) =>
  faultRun(t, async ({ random, count }) => {
    const outer = project(t);
    const model = place(outer, 'model');
    const points = await pointsOf(model, CALLS, WORKER);
    await settle(model, 'the model', count);
    assert.ok(points.some(({ line }) => line.includes('jobs.db-wal')));
    await inLanes(pointsToTry(random, points, 24), async (point, index) => {
      const context = `${describe(killAt(point))}, in the model ${point.line}`;
      const self = place(outer, String(index));
      const { struck } = await strike(self, killAt(point), WORKER);
      count({ kills: struck.length > 0 ? 1 : 0 });
      await settle(self, context, count);
    });
  }),
);

test('jobs.db can not be written: EIO and ENOSPC, once and for good', { skip: noStrace() }, (t) =>
  faultRun(t, async ({ random, count }) => {
    const outer = project(t);
    const calls: Record<string, string[]> = {
      pwrite64: ['ENOSPC', 'EIO'],
      fdatasync: ['EIO'],
      fsync: ['EIO'],
      pread64: ['EIO'],
    };
    const faults = Object.entries(calls).flatMap(([call, errors]) =>
      errors.flatMap((error) =>
        ['', '+'].map(
          (suffix): Fault => ({ kind: `error=${error}`, call, when: `${1 + random.below(3)}${suffix}` }),
        ),
      ),
    );
    await inLanes(faults, async (fault, index) => {
      const self = place(outer, `error-${index}`);
      const paths = ['jobs.db', 'jobs.db-wal'].map((name) => join(self.spool, name));
      const result = await strike(self, { ...fault, paths }, WORKER);
      const context = `${describe({ ...fault, paths })}: ${result.code} ${result.stderr}`;
      assert.ok([0, 1, 3].includes(result.code as number), context);
      count({ faults: result.struck.length });
      await settle(self, context, count);
    });
  }),
);

/** Processes of others that read all the time. @returns what ends them, and fails when one has seen what can't be. */
function watchers(t: TestContext, self: Project, count: number): () => Promise<void> {
  const script = `
    const Database = require('better-sqlite3');
    const db = new Database(process.argv[1], { timeout: 20000, readonly: true });
    let stop = false, looks = 0, last = 0;
    process.on('SIGTERM', () => { stop = true; });
    const look = db.transaction(() => [
      db.prepare("SELECT total, processed, failed, withdrawn FROM jobs WHERE id = 'j'").get(),
      db.prepare("SELECT count(*) AS total, coalesce(sum(state IN ('done', 'failed')), 0) AS processed, coalesce(sum(state = 'failed'), 0) AS failed, coalesce(sum(state = 'withdrawn'), 0) AS withdrawn FROM job_results WHERE job_id = 'j'").get(),
    ]);
    (function again() {
      const [job, rows] = look();
      if (JSON.stringify(job) !== JSON.stringify(rows)) { console.log('apart', JSON.stringify([job, rows])); process.exit(9); }
      if (job.processed < last) { console.log('backwards', last, job.processed); process.exit(9); }
      last = job.processed; looks++;
      if (stop) { console.log('looks', looks); process.exit(0); }
      setTimeout(again, 2);
    })();`;
  const all = Array.from({ length: count }, () =>
    background(t, self, process.execPath, ['-e', script, join(self.spool, 'jobs.db')], {
      NODE_PATH: join(DIST, '..', 'node_modules'),
    }),
  );
  return async () => {
    for (const { pid } of all) process.kill(pid, 'SIGTERM');
    for (const own of all) assert.equal(await own.ended, 0, own.text());
  };
}

test('a worker is killed again and again while a job of many is drained, and others look on', (t) =>
  faultRun(t, async ({ random, count }) => {
    const self = project(t, { QUEUE_BATCH_SIZE: '50' });
    withLog(self);
    const jobs = openJobs(spoolAt(self.spool));
    t.after(() => jobs.close());
    addJob(jobs, 'j');
    const total = 2500;
    const names = Array.from({ length: total }, (_, i) => `05_${1_700_000_000_000_000 + i}_4194303.json`);
    for (const name of names) put(self, entryText(logs(name), { job: 'j' }), name);
    registerItems(
      jobs,
      'j',
      names.map((name) => ({ name, item: name })),
    );
    sealJob(jobs, 'j');
    const endWatch = watchers(t, self, 2);
    const left = (): number => self.names('pending').length;
    for (const mark of [2400, 1900, 1200, 500].map((each) => each - random.below(200))) {
      const worker = background(t, self, join(DIST, 'queue-worker'), ['run', '--once']);
      await waitFor(`${mark} entries to be left`, () => left() <= mark);
      process.kill(worker.pid, 'SIGKILL');
      await worker.ended;
      count({ kills: 1 });
      // What has left pending/ has its result; some of the others may have.
      assert.ok(accountOf(jobs, 'j').done >= total - left());
    }
    assert.equal((await self.run('queue-worker', ['run', '--once'])).code, 0);
    await endWatch();
    count({ entries: total });
    assert.deepEqual(accountOf(jobs, 'j'), {
      state: 'completed',
      total,
      done: total,
      failed: 0,
      withdrawn: 0,
    });
    assert.deepEqual(logged(self), names);
  }));

test(
  'a producer is killed at each call: what is in pending/ is registered, the rest is dropped',
  { skip: noStrace() },
  (t) =>
    faultRun(t, async ({ random, count }) => {
      const outer = project(t);
      const command = (text: string): string[] => [
        process.execPath,
        join(DIST, 'queue-write'),
        '--job',
        'j',
        '--print',
        logs(text),
      ];
      const prepare = (directory: string): Project => {
        const self = projectWithin(outer, directory);
        withLog(self);
        const db = openJobs(spoolAt(self.spool));
        addJob(db, 'j');
        db.close();
        startNoWorker(self);
        return self;
      };
      const points = await pointsOf(prepare('model'), CALLS, command('model'));
      assert.ok(points.some(({ line }) => line.includes('jobs.db-wal')));
      const self = prepare('spool');
      const db = openJobs(spoolAt(self.spool), { busyTimeout: 20_000 });
      let kills = 0;
      for (const point of pointsToTry(random, points, 14)) {
        const { struck } = await strike(self, killAt(point), command(`${point.call}-${point.when}`));
        kills += struck.length > 0 ? 1 : 0;
        const registered = new Set(resultsOf(db, 'j').map(({ name }) => name));
        for (const name of self.names('pending')) assert.ok(registered.has(name), describe(killAt(point)));
      }
      const entries = self.names('pending').length;
      const unpublished = accountOf(db, 'j').total - entries;
      db.exec('UPDATE job_results SET finished_at = 1');
      sealJob(db, 'j');
      assert.equal((await self.run('queue-worker', ['run', '--once'])).code, 0);
      count({ kills, entries });
      assert.deepEqual(accountOf(db, 'j'), {
        state: 'completed',
        total: entries + unpublished,
        done: entries,
        failed: 0,
        withdrawn: unpublished,
      });
      assert.equal(logged(self).length, entries);
      db.close();
    }),
);
