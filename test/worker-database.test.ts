/**
 * A database that can't be used: nothing goes to failed/, nobody's retries are spent, status tells, others go on, and
 * work is taken up when it is back. And the other kind of failure: an entry's own that may pass.
 */
import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { DIST, type Project, project, waitFor, workerPid } from './support/project.ts';
import {
  drained,
  execute,
  letter,
  lockDatabase,
  logged,
  logs,
  noMounts,
  once,
  putEntry,
  startWorker,
  stats,
  withLog,
  workerLog,
} from './support/queue.ts';

type Outages = Record<string, { message: string; since: string }>;
const outages = (self: Project): Outages => (stats(self).outages ?? {}) as Outages;

interface Outage {
  /** Makes the database unusable. @returns what makes it usable again. */
  begin: (self: Project) => () => void;
  message: RegExp;
}

const moveAway = (path: string): (() => void) => {
  renameSync(path, `${path}.away`);
  return () => renameSync(`${path}.away`, path);
};

/** Brings what was written into the database file itself, and takes the WAL away. */
function withoutWal(path: string): void {
  const db = new Database(path, { timeout: 10_000 });
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
}

const cases: Record<string, Outage> = {
  'locked by another connection': { begin: lockDatabase, message: /SQLITE_BUSY/ },
  'moved away': { begin: ({ db }) => moveAway(db), message: /missing/ },
  'in a directory that is moved away': { begin: ({ db }) => moveAway(dirname(db)), message: /missing/ },
  'overwritten with garbage': {
    begin: ({ db }) => {
      // With a WAL beside it, SQLite would find all it needs in there.
      withoutWal(db);
      const back = moveAway(db);
      writeFileSync(db, 'this is no database. '.repeat(500));
      return () => {
        rmSync(db);
        back();
      };
    },
    message: /SQLITE_NOTADB/,
  },
  'a directory': {
    begin: ({ db }) => {
      const back = moveAway(db);
      mkdirSync(db);
      return () => {
        rmSync(db, { recursive: true });
        back();
      };
    },
    message: /SQLITE_CANTOPEN/,
  },
};

for (const [what, { begin, message }] of Object.entries(cases)) {
  test(`a database that is ${what}: entries wait, status tells, and they are applied in order when it is back`, async (t) => {
    const home = project(t);
    // In a directory of its own, so that this can be moved without the spool.
    const self = { ...home, db: join(home.dir, 'data', 'my.db') };
    mkdirSync(dirname(self.db));
    withLog(self);
    putEntry(self, logs('before'));
    const pid = await startWorker(self, {
      HIVE_DB: self.db,
      SQLITE_BUSY_TIMEOUT: '50',
      QUEUE_MAX_RETRIES: '0',
    });
    await drained(self);
    const end = begin(self);
    const names = [1, 2, 3].map((i) => putEntry(self, logs(`during ${i}`)));
    const outage = await waitFor('the outage to be told', () => outages(self)[self.db]);
    assert.match(outage.message, message);
    assert.ok(Date.parse(outage.since) <= Date.now());
    // Several tries in vain.
    const tries = Date.now() + 1000;
    await waitFor('some tries', () => Date.now() > tries);
    assert.deepEqual([self.names('pending'), self.names('failed')], [names, []]);
    assert.equal(workerLog(self).match(/waiting for the database/g)?.length, 1, 'it is logged once');
    end();
    await drained(self);
    assert.deepEqual(logged(self), ['before', 'during 1', 'during 2', 'during 3']);
    assert.equal(self.journal().length, 4);
    await waitFor('the outage to be over', () => !outages(self)[self.db]);
    assert.match(workerLog(self), /the database is back/);
    assert.equal(workerPid(self), pid, 'it is another worker');
    assert.deepEqual([self.names('failed'), stats(self).retried], [[], 0]);
    for (const line of self.journal()) assert.equal(line.retries, 0);
  });
}

test('a read-only database is an outage, and --once exits 1 with the reason', {
  skip: noMounts(),
}, async (t) => {
  const self = project(t, { SQLITE_BUSY_TIMEOUT: '300' });
  const data = join(self.dir, 'data');
  mkdirSync(data);
  withLog(self, join(data, 'my.db'));
  const name = putEntry(self, logs('a'));
  const env = { HIVE_DB: join(data, 'my.db') };
  const script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" --once';
  const result = await self.run(
    'unshare',
    ['-m', 'sh', '-c', script, 'sh', data, join(DIST, 'queue-worker')],
    { env },
  );
  assert.equal(result.code, 1, result.stdout);
  assert.match(result.stderr, /my\.db can't be used: .*SQLITE_(READONLY|CANTOPEN)/);
  assert.deepEqual([self.names('pending'), self.names('failed')], [[name], []]);
  await once(self, 0, env);
  assert.deepEqual(logged(self, join(data, 'my.db')), ['a']);
});

test('a new database is made where none has been, 0600; where one was used and is gone, none is', async (t) => {
  const self = project(t, { SQLITE_BUSY_TIMEOUT: '0' });
  putEntry(self, 'CREATE TABLE log(n INTEGER PRIMARY KEY, t)');
  await once(self);
  assert.equal(statSync(self.db).mode & 0o777, 0o600);
  rmSync(self.db);
  putEntry(self, logs('a'));
  const result = await once(self, 1);
  assert.match(result.stderr, /is missing/);
  assert.equal(existsSync(self.db), false);
  assert.deepEqual(self.names('failed'), []);
});

test('a database that is replaced by another while the worker runs: the next entries go to the new one', async (t) => {
  const self = project(t);
  withLog(self);
  const other = join(self.dir, 'other.db');
  withLog(self, other);
  putEntry(self, logs('old'));
  await startWorker(self);
  await drained(self);
  withoutWal(self.db);
  renameSync(other, self.db);
  putEntry(self, logs('new'));
  await drained(self);
  assert.deepEqual(logged(self), ['new']);
  assert.deepEqual(self.names('failed'), []);
});

test('a backup that is put back takes what was written since from pending/, and no entry twice', async (t) => {
  const self = project(t);
  withLog(self);
  putEntry(self, logs('a'));
  await once(self);
  withoutWal(self.db);
  copyFileSync(self.db, `${self.db}.backup`);
  putEntry(self, logs('b'));
  await once(self);
  withoutWal(self.db);
  renameSync(`${self.db}.backup`, self.db);
  putEntry(self, logs('c'));
  await once(self);
  assert.deepEqual(logged(self), ['a', 'c']);
});

test('of two databases one is down: the entries of the other are applied, in order, and its own wait', async (t) => {
  const self = project(t, { SQLITE_BUSY_TIMEOUT: '50' });
  const other = join(self.dir, 'other.db');
  withLog(self);
  withLog(self, other);
  putEntry(self, logs('warm'));
  putEntry(self, logs('warm'), { db: other });
  await startWorker(self);
  await drained(self);
  const back = moveAway(other);
  for (let i = 0; i < 5; i++) {
    putEntry(self, logs(`other ${i}`), { db: other });
    putEntry(self, logs(`own ${i}`));
  }
  await waitFor('all of its own', () => logged(self).length === 6);
  await waitFor('the outage to be told', () => outages(self)[other]);
  assert.equal(outages(self)[self.db], undefined);
  // A row is there at COMMIT, a moment before its entry leaves pending/.
  await waitFor('only the five of the other to be left', () => self.names('pending').length === 5);
  putEntry(self, logs('own 5'));
  await waitFor('one more', () => logged(self).length === 7);
  back();
  await drained(self);
  assert.deepEqual(logged(self), ['warm', ...[0, 1, 2, 3, 4, 5].map((i) => `own ${i}`)]);
  assert.deepEqual(logged(self, other), ['warm', ...[0, 1, 2, 3, 4].map((i) => `other ${i}`)]);
});

test('a target that can be none does not keep the successor of a killed worker from its work', async (t) => {
  const self = project(t);
  withLog(self);
  const names = [putEntry(self, 'SELECT 1', { db: 'mysql://host/db' }), putEntry(self, logs('a'))];
  writeFileSync(join(self.spool, 'processing', 'batch'), `deaths=0\n${names.join('\n')}\n`);
  await once(self, 3);
  assert.deepEqual([logged(self), self.names('failed')], [['a'], [names[0]]]);
});

test('a failure that may pass is tried again, later and later, QUEUE_MAX_RETRIES times; then it is a dead letter', async (t) => {
  const self = project(t, { QUEUE_MAX_RETRIES: '2' });
  withLog(self);
  execute(self, 'PRAGMA journal_mode=WAL; CREATE TABLE held(x); INSERT INTO held VALUES(1)');
  // A reader in another connection: PRAGMA journal_mode can't have the database to itself.
  const reader = new Database(self.db);
  t.after(() => reader.close());
  reader.exec('BEGIN; SELECT * FROM held');
  const name = putEntry(self, 'PRAGMA journal_mode=DELETE');
  putEntry(self, logs('other'));
  await startWorker(self);
  await waitFor('the dead letter', () => self.names('failed').length === 1);
  assert.match(letter(self, name).code, /SQLITE_BUSY|SQLITE_LOCKED/);
  const entry = JSON.parse(readFileSync(join(self.spool, 'failed', name), 'utf8'));
  assert.equal(entry.retries, 2);
  assert.equal(entry.not_before, undefined);
  await waitFor('the counters', () => stats(self).failed === 1);
  assert.equal(stats(self).retried, 2);
  const pauses = [...workerLog(self).matchAll(/is tried again in (\d+) ms/g)].map(([, ms]) => Number(ms));
  assert.equal(pauses.length, 2);
  assert.ok((pauses[0] as number) >= 250 && (pauses[1] as number) >= 500, `pauses of ${pauses} ms`);
  assert.deepEqual(logged(self), ['other']);
});

test('a failure that has passed by the next try is applied, and counted as retried', async (t) => {
  const self = project(t);
  withLog(self);
  execute(self, 'PRAGMA journal_mode=WAL');
  const reader = new Database(self.db);
  t.after(() => reader.close());
  reader.exec('BEGIN; SELECT * FROM log');
  putEntry(self, 'PRAGMA journal_mode=DELETE');
  await startWorker(self);
  await waitFor('a try', () => /is tried again/.test(workerLog(self)));
  reader.close();
  await drained(self);
  assert.deepEqual(self.names('failed'), []);
  assert.equal(self.journal().length, 1);
});
