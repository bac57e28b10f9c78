/** The worker's backlog on a real directory in which more entries wait than it may hold. */
import assert from 'node:assert/strict';
import { existsSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ensureSpool, spoolAt } from '../lib/spool/layout.ts';
import { Backlog } from '../lib/worker/backlog.ts';
import { project } from './support/project.ts';

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

test('an entry whose writer has not finished comes before a later one, however soon that appears', (t) => {
  const { backlog, put, next } = setup(t);
  const [first, second] = names(2) as [string, string];
  put(first);
  assert.equal(next(), first);
  backlog.putOffUnfinished(first, 3_600_000);
  assert.equal(next(), undefined);
  put(second);
  backlog.list();
  assert.deepEqual([next(), next(), next()], [first, second, undefined]);
});

test('what is numbered later than the listing begins is taken all the same, in its order', (t) => {
  const { backlog, put } = setup(t);
  const ahead = `05_${(Date.now() + 3_600_000) * 1000}_1.json`;
  put(...names(1, 6), ahead);
  assert.deepEqual([backlog.list(), backlog.take(), backlog.take()], [2, ahead, names(1, 6)[0]]);
  assert.equal(backlog.list(), 0);
});
