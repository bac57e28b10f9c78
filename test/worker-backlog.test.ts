/** The worker's backlog on a real directory in which more entries wait than it may hold. */
import assert from 'node:assert/strict';
import fs, { existsSync, unlinkSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ensureSpool, spoolAt } from '../lib/spool/layout.ts';
import { Backlog } from '../lib/worker/backlog.ts';
import { project, waitFor } from './support/project.ts';

const LIMIT = 10;
const START = 1_700_000_000_000_000;

function setup(t: TestContext) {
  const spool = spoolAt(project(t).spool);
  ensureSpool(spool);
  const backlog = new Backlog(spool, { pollInterval: 60, aging: 0 }, LIMIT);
  t.after(() => backlog.close());
  return {
    backlog,
    put: (...names: string[]) => {
      for (const name of names) writeFileSync(join(spool.pending, name), '');
    },
    /** Out of pending/, as the worker or somebody else does it. */
    unlink: (name: string) => unlinkSync(join(spool.pending, name)),
    isThere: (name: string) => existsSync(join(spool.pending, name)),
    /** The next name, as the worker asks for it. */
    next: () => {
      backlog.refill();
      return backlog.take();
    },
  };
}

function names(count: number, priority = 5, first = 0): string[] {
  return Array.from({ length: count }, (_, i) => `0${priority}_${START + first + i}_1.json`);
}

test('what is beyond the limit is taken too, in order and once, and only the next names are held', (t) => {
  const { backlog, put, unlink, isThere, next } = setup(t);
  const all = [...names(7, 3), ...names(100, 5), ...names(40, 9)];
  put(...[...all].sort(() => Math.random() - 0.5));
  const removed = [all[12] as string, all[60] as string, all[130] as string];
  const taken: string[] = [];
  const leaving: string[] = [];
  for (let name = next(); name !== undefined; name = next()) {
    assert.ok(backlog.ready <= 3 * 1.5 * LIMIT, `${backlog.ready} names are held`);
    taken.push(name);
    // Unlinking lags behind: a listing still sees names that were taken.
    leaving.push(name);
    if (leaving.length > 5) {
      const gone = leaving.shift() as string;
      if (isThere(gone)) unlink(gone);
      backlog.forget(gone);
    }
    if (taken.length === 2) removed.slice(1).forEach(unlink);
  }
  assert.deepEqual(
    taken,
    all.filter((name) => !removed.slice(1).includes(name)),
  );
  assert.equal(backlog.hasMore, false);
  assert.equal(backlog.list(), 0);
  assert.equal(backlog.highest, START + 99);
});

test('an urgent entry that comes while a large backlog waits goes first, whatever lane is exhausted', (t) => {
  const { backlog, put, next } = setup(t);
  const all = names(50);
  put(...all);
  const taken = [next()];
  while (backlog.ready > 0) taken.push(backlog.take());
  assert.ok(taken.length < 2 * LIMIT, `${taken.length} names were held`);
  put('01_1700000000000000_2.json', '09_1700000000000000_2.json');
  assert.deepEqual([backlog.ready, backlog.take(), backlog.hasMore], [0, undefined, true]);
  for (let name = next(); name !== undefined; name = next()) taken.push(name);
  const urgentAt = taken.indexOf('01_1700000000000000_2.json');
  assert.ok(urgentAt < 2 * LIMIT, `it came as number ${urgentAt}`);
  assert.deepEqual(taken.toSpliced(urgentAt, 1), [...all, '09_1700000000000000_2.json']);
  assert.equal(backlog.hasMore, false);
});

test('the highest sequence number is that of all entries, not only of those that are held', (t) => {
  const { backlog, put, next } = setup(t);
  put(...names(50));
  assert.equal(next(), names(1)[0]);
  assert.equal(backlog.highest, START + 49);
  // Beyond the horizon from the start.
  put(...names(1, 5, 70));
  backlog.list();
  assert.equal(backlog.highest, START + 70);
});

test('names that come back late, and no longer have room, are found again', (t) => {
  const { backlog, put, unlink, next } = setup(t);
  const late = names(50, 5, 1000);
  put(...late);
  // All of it is parked: its database is down.
  const parked = Array.from({ length: 50 }, () => next() as string);
  assert.deepEqual([parked, next(), backlog.list()], [late, undefined, 0]);
  const early = names(30);
  put(...early);
  backlog.list();
  const first = next();
  assert.equal(first, early[0]);
  backlog.putBack(parked);
  assert.ok(backlog.ready <= 1.5 * LIMIT);
  assert.equal(backlog.has(late[49] as string), false, 'what is not held is not known');
  unlink(late[20] as string);
  const taken = Array.from({ length: 78 }, next);
  assert.deepEqual(taken, [...early.slice(1), ...late.toSpliced(20, 1)]);
  assert.equal(next(), undefined);
});

test('names that were put off come in their order, also when they have lost their place', (t) => {
  const { backlog, put, next } = setup(t);
  const late = names(3, 5, 1000);
  put(...late);
  for (let i = 0; i < 3; i++) backlog.putOffFor(next() as string, 3_600_000);
  assert.deepEqual([next(), backlog.hasMore, backlog.has(late[0] as string)], [undefined, false, true]);
  const early = names(30);
  put(...early);
  backlog.list();
  assert.equal(next(), early[0]);
  backlog.resumeAll();
  assert.deepEqual([backlog.putOff, backlog.has(late[0] as string)], [0, false]);
  assert.deepEqual(Array.from({ length: 33 }, next), [...early.slice(1), ...late, undefined]);
});

test('odd names are handed out once, beyond a horizon too', (t) => {
  const { backlog, put, next } = setup(t);
  const odd = ['00_a.json', '05_9.json~', '11_a.json', 'x'];
  put(...names(50), ...odd);
  const found: string[] = [];
  for (let i = 0; i < 51; i++) {
    next();
    found.push(...backlog.takeOdd());
  }
  assert.deepEqual(found.sort(), odd);
});

test('after reset all is listed again, although the directory has not changed', (t) => {
  const { backlog, put, next } = setup(t);
  const all = names(50);
  put(...all);
  next();
  while (backlog.ready > 0) backlog.take();
  assert.equal(backlog.hasMore, true);
  backlog.reset();
  assert.deepEqual([backlog.ready, backlog.hasMore], [0, false]);
  assert.deepEqual(Array.from({ length: 51 }, next), [...all, undefined]);
  backlog.reset();
  assert.equal(next(), all[0]);
});

/** A name of now, as a producer makes it just before its file. */
function fresh(priority: number): string {
  return `0${priority}_${Math.floor((performance.timeOrigin + performance.now()) * 1000)}_1.json`;
}

/** Has the next listing of a directory call `meanwhile` and then show `others` alone. */
function duringListing(t: TestContext, meanwhile: () => void, others: readonly string[]): void {
  const real = fs.opendirSync;
  const mock = t.mock.method(fs, 'opendirSync', (path: string) => {
    mock.mock.restore();
    syncBuiltinESMExports();
    const handle = real(path);
    meanwhile();
    const shown = others.map((name) => ({ name }));
    return { readSync: () => shown.shift() ?? null, closeSync: () => handle.closeSync() };
  });
  syncBuiltinESMExports();
}

test('two entries that come during a listing, which shows only the second: they are taken in order', (t) => {
  const { backlog, put } = setup(t);
  let a = '';
  const shown: string[] = [];
  duringListing(
    t,
    () => {
      a = fresh(1);
      put(a);
      const b = fresh(1).replace('_1.json', '_2.json');
      put(b);
      shown.push(b);
    },
    shown,
  );
  assert.equal(backlog.list(), 1, 'it is counted, so that a worker that would leave stays');
  const b = shown[0];
  assert.equal(backlog.take(), undefined, 'what may have come before it is not known');
  assert.equal(backlog.list(), 2);
  assert.deepEqual([backlog.take(), backlog.take(), backlog.list()], [a, b, 0]);
});

test('entries from a clock that was ahead are taken in order, and not later than others', (t) => {
  const { backlog, put } = setup(t);
  const ahead = [0, 1].map((i) => `05_${(Date.now() + 3_600_000) * 1000 + i}_1.json`);
  put(...ahead, '06_1700000000000000_1.json');
  assert.ok(backlog.list() > 0);
  const taken = [backlog.take(), backlog.take(), backlog.take(), backlog.list()];
  assert.deepEqual(taken, [...ahead, '06_1700000000000000_1.json', 0]);
});

test('an entry that came before the watch was opened is not overtaken by one whose event came', async (t) => {
  const { backlog, put } = setup(t);
  backlog.refill();
  const [a, b] = names(2) as [string, string];
  put(a);
  const waited = backlog.wait(60_000);
  put(b);
  await waited;
  const taken: string[] = [];
  await waitFor('both', async () => {
    backlog.refill();
    const name = backlog.take();
    if (name === undefined) await backlog.wait(100);
    else taken.push(name);
    return taken.length === 2;
  });
  assert.deepEqual(taken, [a, b]);
});

test('an unfinished entry is looked at again before a newer one is taken', (t) => {
  const { backlog, put } = setup(t);
  const [a, b] = names(2) as [string, string];
  put(a);
  backlog.list();
  assert.equal(backlog.take(), a);
  backlog.putOffUnfinished(a, 3_600_000);
  put(b);
  backlog.list();
  backlog.refill();
  assert.deepEqual([backlog.take(), backlog.take(), backlog.putOff], [a, b, 0]);
});

test('while names wait to be taken it sleeps, and is told of expected ones together', async (t) => {
  const { backlog, put } = setup(t);
  const all = names(9);
  put(all[0] as string);
  backlog.refill();
  // The directory has changed since it was listed.
  put(all[1] as string);
  const start = performance.now();
  let waits = 0;
  const waitOnce = async (ms: number): Promise<void> => {
    await backlog.wait(ms, (name) => all.includes(name));
    backlog.refill();
    waits += 1;
  };
  for (const name of all.slice(2)) {
    put(name);
    await waitOnce(20);
  }
  while (performance.now() < start + 500) await waitOnce(start + 500 - performance.now());
  assert.equal(backlog.ready, all.length);
  assert.ok(waits < 30, `it woke ${waits} times`);
});

test('the event of an unlink brings no name back', async (t) => {
  const { backlog, put, unlink, next } = setup(t);
  const [a, b] = names(2) as [string, string];
  put(a);
  await backlog.wait(0);
  assert.equal(next(), a);
  unlink(a);
  backlog.forget(a);
  await backlog.wait(60_000);
  backlog.refill();
  assert.equal(backlog.ready, 0);
  put(b);
  assert.equal(await waitFor('the next one', () => next()), b);
});
