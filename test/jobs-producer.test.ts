/** Producers and jobs: an item is registered before its entry is in pending/, and refused before anything is written. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { JobRow } from '../lib/jobs/job.ts';
import { accountOf, addJob, jobsOf, lockJobs, resultsOf } from './support/jobs.ts';
import { DIST, type Project, project } from './support/project.ts';
import { logged, logs, nodeWrite, once, startNoWorker, withLog, workerLog, write } from './support/queue.ts';

function withJob(t: TestContext, columns: Partial<JobRow> = {}) {
  const self = project(t);
  withLog(self);
  startNoWorker(self);
  const db = jobsOf(t, self);
  addJob(db, 'j', columns);
  return { self, db };
}

function entryOf(self: Project, name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(self.spool, 'pending', name), 'utf8')) as Record<string, unknown>;
}

test('an item is called as the metadata say, else by its key, else by its number, and its entry names the job', async (t) => {
  const { self, db } = withJob(t);
  await write(self, '--job', 'j', '-m', '{"item":"file.txt"}', '--id', 'key', logs('a'));
  await write(self, '--job=j', '--id', 'key 2', '-m', '{"item":7}', logs('b'));
  const bash = await self.run('queue-write', ['--job', 'j', logs('c')]);
  assert.deepEqual([bash.code, bash.stderr], [0, '']);
  const names = self.names('pending');
  const seq = (names[2] as string).slice(3, -'.json'.length);
  assert.deepEqual(
    resultsOf(db, 'j').map(({ name, item, state }) => [name, item, state]),
    [
      [names[0], 'file.txt', 'queued'],
      [names[1], 'key 2', 'queued'],
      [names[2], seq, 'queued'],
    ],
  );
  for (const name of names) assert.equal(entryOf(self, name).job, 'j');
  assert.deepEqual(accountOf(db, 'j'), { state: 'queued', total: 3, done: 0, failed: 0, withdrawn: 0 });
});

test('a job that is not known, sealed, cancelled or full is refused, and nothing is written', async (t) => {
  const { self, db } = withJob(t);
  addJob(db, 'sealed', { is_sealed: 1 });
  addJob(db, 'cancelled', { state: 'cancelled' });
  addJob(db, 'full', { expected: 1 });
  await write(self, '--job', 'full', logs('a'));
  const before = self.names('pending');
  for (const [job, code, said] of [
    ['none', 1, /there is no job 'none'/],
    ['sealed', 2, /'sealed' is sealed/],
    ['cancelled', 2, /'cancelled' was cancelled/],
    ['full', 2, /'full' has room for 0 of its 1 items/],
  ] as const) {
    const result = await nodeWrite(self, ['--job', job, logs('x')]);
    assert.equal(result.code, code, result.stderr);
    assert.match(result.stderr, said);
  }
  assert.deepEqual(
    [self.names('pending'), self.names('.tmp').filter((name) => !name.startsWith('start-'))],
    [before, []],
  );
  assert.deepEqual(accountOf(db, 'full').total, 1);
});

test('without a jobs.db no job is known, and none is made', async (t) => {
  const self = project(t);
  const result = await nodeWrite(self, ['--job', 'j', logs('x')]);
  assert.equal(result.code, 1);
  assert.match(result.stderr, /there is no job 'j'/);
  assert.equal(existsSync(join(self.spool, 'jobs.db')), false);
});

test('an entry of a job is not written directly', async (t) => {
  const { self, db } = withJob(t);
  const off = await nodeWrite(self, ['--job', 'j', logs('x')], { env: { USE_QUEUE: 'false' } });
  assert.equal(off.code, 2);
  assert.match(off.stderr, /a job's entry needs the queue, and USE_QUEUE is false/);
  // A directory that can't take a file, whoever asks.
  renameSync(join(self.spool, 'pending'), join(self.spool, 'away'));
  writeFileSync(join(self.spool, 'pending'), '');
  const full = await nodeWrite(self, ['--job', 'j', logs('x')]);
  assert.equal(full.code, 1, full.stderr);
  assert.deepEqual([logged(self), accountOf(db, 'j').total], [[], 0]);
});

test('what could not be published is taken back, and leaves its place in a job that was full with it', async (t) => {
  const { self, db } = withJob(t, { expected: 1 });
  // .tmp is where the entry is written first: after the registration.
  const script = `
    const fs = require('node:fs');
    fs.linkSync = () => { throw Object.assign(new Error('no space'), { code: 'ENOSPC' }); };
  `;
  const preload = join(self.dir, 'no-link.cjs');
  writeFileSync(preload, script);
  const env = { NODE_OPTIONS: `--require ${preload}` };
  const result = await nodeWrite(self, ['--job', 'j', logs('x')], { env });
  assert.equal(result.code, 1, result.stderr);
  assert.match(result.stderr, /can't be written: no space/);
  assert.deepEqual([self.names('pending'), resultsOf(db, 'j'), logged(self)], [[], [], []]);
  await write(self, '--job', 'j', logs('y'));
  assert.equal(accountOf(db, 'j').total, 1);
});

test('a name that is taken is given back, and not that of another', async (t) => {
  const { self, db } = withJob(t);
  const preload = join(self.dir, 'tie.cjs');
  writeFileSync(
    preload,
    `const fs = require('node:fs'), link = fs.linkSync; let ties = 0;
     fs.linkSync = (from, to) => { if (/pending/.test(to) && ties++ < 2) throw Object.assign(new Error('x'), { code: 'EEXIST' }); link(from, to); };`,
  );
  const result = await nodeWrite(self, ['--job', 'j', logs('x')], {
    env: { NODE_OPTIONS: `--require ${preload}` },
  });
  assert.equal(result.code, 0, result.stderr);
  const names = self.names('pending');
  assert.equal(names.length, 1);
  assert.deepEqual(
    resultsOf(db, 'j').map(({ name }) => name),
    names,
  );
});

test('with jobs.db locked or damaged the entry is published all the same, and the log tells', async (t) => {
  const { self, db } = withJob(t);
  const release = lockJobs(self);
  const busy = await nodeWrite(self, ['--job', 'j', logs('a')], { env: { SQLITE_BUSY_TIMEOUT: '50' } });
  release();
  assert.deepEqual([busy.code, busy.stderr], [0, '']);
  assert.match(workerLog(self), /the job 'j' is not told of an entry.*locked/);
  assert.deepEqual(accountOf(db, 'j').total, 0);
  // Its record registers it.
  await once(self);
  assert.deepEqual(accountOf(db, 'j'), { state: 'running', total: 1, done: 1, failed: 0, withdrawn: 0 });
  db.close();
  for (const suffix of ['', '-wal', '-shm']) {
    if (suffix !== '-shm')
      writeFileSync(join(self.spool, `jobs.db${suffix}`), 'no database at all'.repeat(300));
  }
  const broken = await nodeWrite(self, ['--job', 'j', logs('b')]);
  assert.deepEqual([broken.code, broken.stderr], [0, '']);
  assert.match(workerLog(self), /not told of an entry.*not a database/);
});

test("the job's time to start becomes the entry's, and the later of the two counts", async (t) => {
  const soon = Date.now() + 3_600_000;
  const { self, db } = withJob(t, { not_before: soon });
  addJob(db, 'past', { not_before: Date.now() - 1000 });
  await write(self, '--job', 'j', logs('a'));
  await write(self, '--job', 'j', '--delay', '7200', logs('b'));
  await write(self, '--job', 'past', logs('c'));
  const dues = self.names('pending').map((name) => entryOf(self, name).not_before as string | undefined);
  assert.equal(dues[0], new Date(soon).toISOString());
  assert.ok((dues[1] as string) > (dues[0] as string));
  assert.equal(dues[2], undefined);
});

test('in process one connection is kept, and a jobs.db that was replaced is seen', async (t) => {
  const { self, db } = withJob(t);
  const script = `
    import { enqueue } from '${join(DIST, 'index.mjs')}';
    import { readdirSync, renameSync } from 'node:fs';
    const base = process.env.CLAUDE_PROJECT_DIR + '/.hive-mind/queue';
    const open = () => readdirSync('/proc/self/fd').length;
    enqueue({ job: 'j', sql: 'SELECT 1' });
    const fds = process.platform === 'linux' ? open() : 0;
    for (let i = 0; i < 20; i++) enqueue({ job: 'j', sql: 'SELECT 1' });
    if (process.platform === 'linux' && open() !== fds) throw new Error('it opens more and more');
    for (const suffix of ['-shm', '-wal', '']) renameSync(base + '/jobs.db' + suffix, base + '/old.db' + suffix);
    try { enqueue({ job: 'j', sql: 'SELECT 1' }); } catch (error) { console.log(error.code, error.name); }
  `;
  const result = await self.run(process.execPath, ['--input-type=module', '-e', script]);
  assert.deepEqual([result.code, result.stdout, result.stderr], [0, 'NOT_FOUND QueueError\n', '']);
  assert.equal(accountOf(db, 'j').total, 21);
});
