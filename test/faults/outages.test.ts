/**
 * A database that can't be used for a while, in every way, while producers go on writing and the worker is stopped or
 * killed: nothing is lost, repeated, blamed or put out of order, status tells, and nobody spins meanwhile.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { backoff } from '../../lib/worker/backoff.ts';
import { compare, FULL, faultRun } from '../support/faults.ts';
import { DIST, type Project, project, waitFor, workerPid } from '../support/project.ts';
import {
  drained,
  ended,
  entryText,
  lockDatabase,
  logged,
  logs,
  nameOf,
  noStrace,
  once,
  put,
  putEntry,
  startWorker,
  stats,
  stopWorker,
  withLog,
  workerLog,
} from '../support/queue.ts';
import { strike } from '../support/sweep.ts';

/** Makes the database unusable. @returns what makes it usable again. */
type Outage = (path: string) => () => void;

const moveAway = (path: string): (() => void) => {
  renameSync(path, `${path}.away`);
  return () => renameSync(`${path}.away`, path);
};

/** Moves it away with what belongs to it, and puts something else in its place, as a whole: half of it may be a database. */
const replaceBy =
  (make: (path: string) => void): Outage =>
  (path) => {
    const suffixes = ['', '-wal', '-shm'].filter((suffix) => existsSync(path + suffix));
    const back = suffixes.map((suffix) => moveAway(path + suffix));
    make(`${path}.new`);
    if (existsSync(`${path}.new`)) renameSync(`${path}.new`, path);
    return () => {
      for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { recursive: true, force: true });
      for (const restore of back) restore();
    };
  };

const OUTAGES: Readonly<Record<string, Outage>> = {
  locked: (path) => lockDatabase({ db: path } as Project),
  missing: replaceBy(() => {}),
  'without its directory': (path) => moveAway(dirname(path)),
  'a directory': replaceBy((path) => mkdirSync(path)),
  garbage: replaceBy((path) => writeFileSync(path, 'this is no database. '.repeat(500))),
  'another that is read-only': replaceBy((path) => {
    const db = new Database(path);
    db.exec('CREATE TABLE other(x)');
    db.close();
    const bytes = readFileSync(path);
    // File format write version 9: SQLite opens it, and only to read.
    bytes[18] = 9;
    writeFileSync(path, bytes);
  }),
};

const ENV = { SQLITE_BUSY_TIMEOUT: '50', QUEUE_MAX_RETRIES: '0' };

/** A project whose database, in a directory of its own, has been used once by a worker that runs. */
async function atWork(t: TestContext, env: Record<string, string> = {}): Promise<Project> {
  const home = project(t);
  const db = join(home.dir, 'data', 'my.db');
  const self = { ...home, db, env: Object.assign(home.env, ENV, { HIVE_DB: db }, env) };
  mkdirSync(dirname(db));
  withLog(self);
  putEntry(self, logs('first'));
  await startWorker(self);
  await drained(self);
  return self;
}

const outageOf = (self: Project, path = self.db): { message: string; since: string } | undefined =>
  (stats(self).outages as Record<string, { message: string; since: string }> | undefined)?.[path];

/** Writes `NAME-0`, `NAME-1`, ... from now on. @returns ends it and tells how many. */
function producer(self: Project, name: string): () => Promise<number> {
  const stop = join(self.dir, `stop-${name}`);
  const script = `for ((i = 0; ; i++)); do
  queue_db_write "INSERT INTO log(t) VALUES('$1-$i')" || { echo refused; exit 1; }
  read -r -t 0.03 <> <(:)
  [[ ! -e $2 ]] || { echo $((i + 1)); exit; }
done`;
  const result = self.bash(script, [name, stop]);
  return async () => {
    writeFileSync(stop, '');
    const { stdout, stderr } = await result;
    assert.match(stdout, /^\d+\n$/, stderr);
    return Number(stdout);
  };
}

/** Nothing failed, nobody's retries are spent, and the journal has every row in the order of the table. */
function assertUnblamed(self: Project): void {
  for (const directory of ['pending', 'processing', 'failed', 'values'] as const) {
    assert.deepEqual(self.names(directory), [], `${directory}/`);
  }
  const journal = self.journal();
  assert.deepEqual([...new Set(journal.map((line) => line.retries))], [0]);
  const written = journal.map((line) => /VALUES\('(.*)'\)/.exec(line.sql as string)?.[1]);
  assert.deepEqual(written, logged(self), 'the journal');
}

/** How often workers have begun to wait; stats.json is still the last one's when a worker has just come up. */
const waits = (self: Project): number => workerLog(self).split('waiting for the database').length;

async function statusOf(self: Project): Promise<{ state: string; message: string }> {
  return JSON.parse((await self.run('queue-status', ['--json'])).stdout);
}

test('outages of every kind, while producers write and the worker is stopped or killed', (t) =>
  faultRun(t, async ({ random, count }) => {
    const self = await atWork(t);
    const names = ['a', 'b', 'c'];
    const producers = names.map((name) => producer(self, name));
    const rounds = FULL ? 3 : 1;
    let kills = 0;
    let slowest = 0;
    const kinds = Array.from({ length: rounds }, () => random.shuffle(Object.keys(OUTAGES))).flat();
    for (const kind of kinds) {
      const end = (OUTAGES[kind] as Outage)(self.db);
      const told = await waitFor(`${kind} to be told`, () => outageOf(self));
      assert.ok(Date.parse(told.since) <= Date.now());
      const interruption = random.pick(['none', 'stop', 'kill']);
      if (interruption === 'stop') await stopWorker(self);
      if (interruption === 'kill') {
        const pid = workerPid(self) as number;
        process.kill(pid, 'SIGKILL');
        await ended(pid);
        kills += 1;
      }
      if (interruption !== 'none') {
        const known = waits(self);
        await startWorker(self);
        await waitFor(`${kind} to be told again`, () => waits(self) > known);
      }
      // Between two tries of a worker that has just come up, both may be written a moment later.
      const { message } = await waitFor('WAITING', async () => {
        const status = await statusOf(self);
        return status.state === 'waiting' && status;
      });
      assert.ok(message.includes(self.db), message);
      if (FULL && kind === 'locked') await new Promise((done) => setTimeout(done, 60_000 / rounds));
      end();
      const back = performance.now();
      await waitFor(`work to go on after ${kind}, ${interruption}`, () => !outageOf(self));
      slowest = Math.max(slowest, performance.now() - back);
    }
    const counts = await Promise.all(producers.map((stop) => stop()));
    await drained(self);
    await stopWorker(self);
    const sent = names.flatMap((name, i) =>
      Array.from({ length: counts[i] as number }, (_, n) => `${name}-${n}`),
    );
    const arrived = logged(self).slice(1) as string[];
    const { lost, duplicated } = compare(sent, arrived);
    const disorder = names.filter((name) => {
      const numbers = arrived.filter((id) => id.startsWith(name)).map((id) => Number(id.slice(2)));
      return numbers.some((number, i) => number !== i);
    });
    count({
      entries: sent.length,
      kills,
      faults: kinds.length,
      lost: lost.length,
      duplicated: duplicated.length,
      outOfOrder: disorder.length,
    });
    t.diagnostic(`work went on at most ${Math.round(slowest)} ms after the database was back`);
    assert.deepEqual([lost, duplicated, disorder], [[], [], []]);
    assertUnblamed(self);
  }));

test('the next try is never more than a second away', () => {
  for (let attempt = 0; attempt < 5000; attempt++) assert.ok(backoff(attempt) < 1000);
});

test('one of two databases is down with thousands of entries: the other goes on, and nobody spins', (t) =>
  faultRun(t, async ({ count }) => {
    const self = await atWork(t);
    const other = join(self.dir, 'other.db');
    withLog(self, other);
    const back = (OUTAGES.missing as Outage)(self.db);
    for (let i = 0; i < 4000; i++) putEntry(self, logs(`down ${i}`));
    const pid = workerPid(self) as number;
    await waitFor('the outage', () => outageOf(self));
    for (let i = 0; i < 10; i++) {
      putEntry(self, logs(`other ${i}`), { db: other });
      await waitFor('the entry of the other', () => logged(self, other).length === i + 1);
    }
    // What it does at most twice a second must cost next to nothing, however many wait.
    const [start, before] = [performance.now(), cpuMs(pid)];
    await waitFor('two seconds', () => performance.now() - start > 2000);
    const share = (cpuMs(pid) - before) / (performance.now() - start);
    t.diagnostic(`${Math.round(share * 100)} % of a core while 4,000 entries wait`);
    assert.ok(share < 0.4, `the worker takes ${Math.round(share * 100)} % of a core`);
    count({ entries: 4010, faults: 1 });
    back();
    await drained(self);
    assert.equal(workerPid(self), pid);
    assert.deepEqual(logged(self), ['first', ...Array.from({ length: 4000 }, (_, i) => `down ${i}`)]);
    assert.deepEqual(self.names('failed'), []);
  }));

/** User and system time of a process, all threads. */
function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

test('an outage whose entries were taken away is forgotten, and the worker leaves when it is idle', async (t) => {
  const self = await atWork(t, { QUEUE_IDLE_EXIT: '1' });
  const back = (OUTAGES.missing as Outage)(self.db);
  const pid = workerPid(self) as number;
  const name = putEntry(self, logs('a'));
  await waitFor('the outage', () => outageOf(self));
  rmSync(join(self.spool, 'pending', name));
  await ended(pid);
  assert.equal(outageOf(self), undefined);
  back();
  putEntry(self, logs('b'));
  await once(self);
  assert.deepEqual(logged(self), ['first', 'b']);
});

test('--once beside a database that stays away applies the others, and exits 1 with the reason', async (t) => {
  const self = await atWork(t, { SQLITE_BUSY_TIMEOUT: '300' });
  await stopWorker(self);
  const other = join(self.dir, 'other.db');
  withLog(self, other);
  const back = (OUTAGES.missing as Outage)(self.db);
  // Not due for long, and a name from a wrong clock: neither is what it waits for.
  const kept = [
    putEntry(self, logs('later'), { not_before: '2999-01-01T00:00:00Z', db: other }),
    putEntry(self, logs('down')),
    put(self, entryText(logs('from 2100')), nameOf(5, 4_102_444_800_000_000)),
  ];
  putEntry(self, logs('own'), { db: other });
  const result = await once(self, 1);
  assert.match(result.stderr, /my\.db can't be used: it is missing/);
  assert.deepEqual([self.names('pending'), logged(self, other)], [kept, ['own']]);
  back();
  await once(self);
  assert.deepEqual(logged(self), ['first', 'down', 'from 2100']);
  assert.deepEqual(self.names('pending'), kept.slice(0, 1));
});

/** As it is after a SIGKILL between COMMIT and the journal of an entry. @returns what undoes the outage it finds. */
async function diedAfterCommit(self: Project): Promise<() => void> {
  const journal = join(self.spool, 'completed', 'journal-00000001.jsonl');
  const before = readFileSync(journal);
  const low = putEntry(self, logs('low'), { priority: 9 });
  const text = readFileSync(join(self.spool, 'pending', low));
  await once(self);
  writeFileSync(journal, before);
  writeFileSync(join(self.spool, 'pending', low), text);
  writeFileSync(join(self.spool, 'processing', 'batch'), `deaths=0\n${low}\n`);
  return (OUTAGES.missing as Outage)(self.db);
}

test('the journal keeps the order of the database, when the worker died after COMMIT and its successor finds none', async (t) => {
  const self = await atWork(t, { QUEUE_BATCH_SIZE: '1' });
  await stopWorker(self);
  const back = await diedAfterCommit(self);
  for (const isLast of [false, false, true]) {
    const known = waits(self);
    if (isLast) putEntry(self, logs('high'), { priority: 1 });
    const pid = await startWorker(self);
    await waitFor('the outage', () => waits(self) > known);
    if (isLast) break;
    process.kill(pid, 'SIGKILL');
    await ended(pid);
  }
  back();
  await drained(self);
  await stopWorker(self);
  assert.deepEqual(logged(self), ['first', 'low', 'high']);
  assertUnblamed(self);
});

test('the same, when the successor dies while it replaces the manifest', { skip: noStrace() }, async (t) => {
  const self = await atWork(t, { QUEUE_BATCH_SIZE: '1', SQLITE_BUSY_TIMEOUT: '100' });
  await stopWorker(self);
  const back = await diedAfterCommit(self);
  const worker = [process.execPath, join(DIST, 'queue-worker'), 'run', '--once'];
  // It opens the manifest to read it; were it to remove it first, it would open it again to write the new one.
  const paths = [join(self.spool, 'processing', 'batch')];
  await strike(self, { kind: 'signal=SIGKILL', call: 'openat', when: '2+', paths }, worker);
  back();
  putEntry(self, logs('high'), { priority: 1 });
  await once(self);
  assert.deepEqual(logged(self), ['first', 'low', 'high']);
  assertUnblamed(self);
});

test('an entry is not to blame for workers that are killed while they wait for the lock with it alone in hand', (t) =>
  faultRun(t, async ({ count }) => {
    // They wait for a second: long enough to be killed in the middle.
    const self = await atWork(t, { SQLITE_BUSY_TIMEOUT: '1000' });
    await stopWorker(self);
    const manifest = join(self.spool, 'processing', 'batch');
    const unlock = lockDatabase(self);
    putEntry(self, logs('innocent'));
    let inHand = 0;
    const kills = 8;
    for (let kill = 0; kill < kills; kill++) {
      const known = waits(self);
      const pid = await startWorker(self);
      await waitFor('the wait', () => existsSync(manifest) || waits(self) > known);
      if (existsSync(manifest)) inHand += 1;
      process.kill(pid, 'SIGKILL');
      await ended(pid);
    }
    unlock();
    await startWorker(self);
    await drained(self);
    await stopWorker(self);
    count({ entries: 2, kills });
    assert.ok(inHand >= 3, `${inHand} were killed with it in hand`);
    assert.deepEqual(logged(self), ['first', 'innocent']);
    assertUnblamed(self);
  }));

for (const suffixes of [['-wal'], ['-shm'], ['-wal', '-shm']]) {
  test(`${suffixes.join(' and ')} removed under the worker: nothing is lost, and others see what it writes`, async (t) => {
    const self = await atWork(t);
    putEntry(self, logs('a'));
    await drained(self);
    for (const suffix of suffixes) rmSync(self.db + suffix, { force: true });
    for (const text of ['b', 'c']) {
      putEntry(self, logs(text));
      await drained(self);
      assert.deepEqual(logged(self).at(-1), text);
    }
    await stopWorker(self);
    assert.deepEqual(logged(self), ['first', 'a', 'b', 'c']);
    const db = new Database(self.db);
    assert.equal(db.pragma('integrity_check', { simple: true }), 'ok');
    db.close();
    assertUnblamed(self);
  });
}
