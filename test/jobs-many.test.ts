/** enqueueMany: what it promises for each request, with a job and without, and when it stops in the middle. */
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { openJobs } from '../lib/jobs/database.ts';
import { spoolAt } from '../lib/spool/layout.ts';
import { jobsRows } from './support/jobs.ts';
import { DIST, type Project, project, waitFor } from './support/project.ts';
import { execute, logged, once, put, startNoWorker, withLog } from './support/queue.ts';

const API = pathToFileURL(join(DIST, 'index.mjs')).href;
const { EnqueueStopped, openQueue } = (await import(API)) as typeof import('../lib/index.ts');

const SQL = 'INSERT INTO log(t) VALUES(:t)';

function* requests(count: number, more: object = {}): Generator<{ sql: string; params: { t: string } }> {
  for (let n = 0; n < count; n++) yield { sql: SQL, params: { t: `${n}` }, ...more };
}

function texts(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${n}`);
}

function withJob(self: Project, id: string, expected: number | null = null): void {
  openJobs(spoolAt(self.spool)).close();
  const path = join(self.spool, 'jobs.db');
  execute(self, `INSERT INTO jobs(id, name, expected, created_at) VALUES('${id}', '', ${expected}, 0)`, path);
}

test('all are enqueued, in order, and a worker is started', async (t) => {
  const self = project(t, { QUEUE_IDLE_EXIT: '1' });
  withLog(self);
  const queue = openQueue(self.env);
  assert.deepEqual(queue.enqueueMany([]), { enqueued: 0 });
  assert.deepEqual(queue.enqueueMany(requests(2345)), { enqueued: 2345 });
  await waitFor('all rows', () => logged(self).length === 2345);
  assert.deepEqual(logged(self), texts(2345));
  assert.deepEqual(
    self.names('.tmp').filter((name) => name.endsWith(`.${process.pid}`)),
    [],
  );
});

test('each is an entry like that of enqueue', async (t) => {
  const self = project(t);
  startNoWorker(self);
  const queue = openQueue(self.env);
  const request = {
    sql: SQL,
    params: { t: 2n ** 60n, u: [1.5] },
    operation: 'op',
    priority: 3,
    metadata: { a: 1 },
    id: 'k',
    db: 'other.db',
    schema: '/x.sql',
    notBefore: new Date(0),
  };
  queue.enqueue(request);
  queue.enqueueMany([request, { ...request, id: 'l' }], { durable: true });
  const entries = self.names('pending').map((name) => {
    assert.match(name, /^03_\d{16}_\d+\.json$/);
    const text = readFileSync(join(self.spool, 'pending', name), 'utf8');
    return text.replace(/"seq":"\d+_\d+"|"created_at":"[^"]+"/g, '');
  });
  assert.deepEqual(entries, [entries[0], entries[0], entries[0]?.replace('"k"', '"l"')]);
});

test('as items of a job they are registered, by their own keys or numbers', async (t) => {
  const self = project(t);
  withLog(self);
  startNoWorker(self);
  withJob(self, 'j', 1502);
  const queue = openQueue(self.env);
  queue.enqueueMany(requests(1501), { job: 'j' });
  queue.enqueueMany(requests(1, { id: 'own', job: 'j' }), { job: 'j' });
  const [job] = jobsRows(self, 'SELECT * FROM jobs');
  assert.deepEqual([job?.total, job?.is_sealed], [1502, 1]);
  assert.deepEqual(
    jobsRows(self, 'SELECT name FROM job_results ORDER BY name').map(({ name }) => name),
    self.names('pending'),
  );
  const items = jobsRows(self, 'SELECT item, name FROM job_results ORDER BY name');
  assert.equal(items.at(-1)?.item, 'own');
  assert.ok(items.slice(0, -1).every(({ item, name }) => name === `05_${item}.json`));
  assert.throws(() => queue.enqueueMany(requests(1), { job: 'j' }), /has room for 0 of its 1502 items/);
  assert.throws(() => queue.enqueueMany(requests(1), { job: 'none' }), { code: 'NOT_FOUND' });
  assert.throws(() => queue.enqueueMany(requests(1, { job: 'other' }), { job: 'j' }), { code: 'BAD_ENTRY' });
  assert.equal(self.names('pending').length, 1502);
});

test('when it stops, those before are in and no other is', async (t) => {
  const self = project(t);
  withLog(self);
  startNoWorker(self);
  withJob(self, 'j');
  const queue = openQueue(self.env);
  for (const options of [{}, { job: 'j' }]) {
    const before = self.names('pending').length;
    const many = (function* () {
      yield* requests(1200);
      yield { sql: ' ' };
      yield* requests(5);
    })();
    assert.throws(
      () => queue.enqueueMany(many, options),
      (error: Error) =>
        error instanceof EnqueueStopped && error.enqueued === 1200 && /empty SQL/.test(error.message),
    );
    assert.equal(self.names('pending').length - before, 1200);
    const broken = (function* () {
      yield* requests(3);
      throw new TypeError('mine');
    })();
    assert.throws(() => queue.enqueueMany(broken, options), { name: 'TypeError', message: 'mine' });
    assert.equal(self.names('pending').length - before, 1203);
  }
  assert.equal(jobsRows(self, 'SELECT total FROM jobs')[0]?.total, 1203);
});

test('a name that is taken stops a job behind what is in, and nothing is overwritten', async (t) => {
  const self = project(t);
  startNoWorker(self);
  withJob(self, 'j', 4);
  const queue = openQueue(self.env);
  // A floor that is ahead of the clock makes the numbers known.
  const floor = Date.now() * 1000 + 60_000_000;
  writeFileSync(join(self.spool, '.seq'), `${floor}\n`, { mode: 0o600 });
  const taken = put(self, 'planted', `05_${floor + 3}_${process.pid}.json`);
  assert.throws(
    () => queue.enqueueMany(requests(4), { job: 'j' }),
    (error: Error) =>
      error instanceof EnqueueStopped && error.enqueued === 2 && /is taken/.test(error.message),
  );
  assert.equal(readFileSync(join(self.spool, 'pending', taken), 'utf8'), 'planted');
  const [job] = jobsRows(self, 'SELECT * FROM jobs');
  assert.deepEqual([self.names('pending').length, job?.total, job?.is_sealed], [3, 2, 0]);
  // It takes the others, and is sealed with them.
  queue.enqueueMany(requests(2), { job: 'j' });
  assert.deepEqual(jobsRows(self, 'SELECT total, is_sealed FROM jobs'), [{ total: 4, is_sealed: 1 }]);
});

test('where the spool is refused or not wanted, the database is written; a job needs the queue', async (t) => {
  const self = project(t);
  withLog(self);
  startNoWorker(self);
  withJob(self, 'j');
  const direct = openQueue({ ...self.env, USE_QUEUE: 'false' });
  assert.deepEqual(direct.enqueueMany(requests(3)), { enqueued: 3 });
  assert.throws(() => direct.enqueueMany(requests(3), { job: 'j' }), { code: 'USAGE' });
  chmodSync(self.spool, 0o755);
  try {
    const { enqueued, warning } = openQueue(self.env).enqueueMany(requests(2));
    assert.deepEqual([enqueued, warning?.code], [2, 'SPOOL_UNSAFE']);
    assert.throws(() => openQueue(self.env).enqueueMany(requests(2), { job: 'j' }), { code: 'SPOOL_UNSAFE' });
  } finally {
    chmodSync(self.spool, 0o700);
  }
  await once(self);
  assert.deepEqual(logged(self), [...texts(3), ...texts(2)]);
});
