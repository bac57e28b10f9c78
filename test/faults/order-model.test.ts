/**
 * The order of application against its model (test/support/order-model.ts), in process: the lanes alone, and the
 * backlog on a real directory, over random histories that fast-check makes small when one of them fails.
 *
 * In a history names come (in time, late, with a clock that was set back), are taken, put back (their batch ended
 * before them, their database is back), put off, settled, removed by somebody else, and the worker starts anew. The
 * model of the backlog is what was in the directory at the last listing, less what was taken since.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { entryName } from '../../lib/spool/entry.ts';
import { FULL, faultRun, type Random } from '../support/faults.ts';
import { nextOf, orderOf } from '../support/order-model.ts';
import { type Clock, ListedBacklog, ListedLanes, type Subject } from '../support/order-subjects.ts';
import { project } from '../support/project.ts';

/** The tests' clock, so that aging is the same in every run: seconds. */
const START = 1_700_000_000;

interface Newcomer {
  readonly priority: number;
  /** Seconds before now; a clock that was set back makes names that are smaller than those applied. */
  readonly age: number;
  /** Older writers used any string. */
  readonly isOld: boolean;
}

type Counted = 'take' | 'settle' | 'putBack' | 'putOff' | 'remove';

interface Step {
  readonly kind: Counted | 'put' | 'list' | 'resume' | 'restart' | 'clock';
  readonly names?: Newcomer[];
  readonly count?: number;
  readonly seconds?: number;
}

interface History {
  readonly aging: number;
  readonly limit: number;
  readonly steps: Step[];
}

const newcomer: fc.Arbitrary<Newcomer> = fc.record({
  priority: fc.oneof(fc.integer({ min: 1, max: 10 }), fc.constant(5)),
  age: fc.integer({ min: 0, max: 400 }),
  isOld: fc.integer({ min: 0, max: 9 }).map((dice) => dice === 9),
});

const counted = (kind: Counted, max: number) =>
  fc.record({ kind: fc.constant(kind), count: fc.integer({ min: 1, max }) });

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('put' as const), names: fc.array(newcomer) }) },
  { weight: 8, arbitrary: counted('take', 8) },
  { weight: 3, arbitrary: counted('settle', 8) },
  { weight: 2, arbitrary: counted('putBack', 8) },
  { weight: 2, arbitrary: counted('putOff', 4) },
  { weight: 1, arbitrary: counted('remove', 2) },
  {
    weight: 4,
    arbitrary: fc.constantFrom<Step>(
      { kind: 'list' },
      { kind: 'list' },
      { kind: 'resume' },
      { kind: 'restart' },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('clock' as const),
      seconds: fc.integer({ min: -200, max: 300 }),
    }),
  },
);

const history: fc.Arbitrary<History> = fc.record({
  aging: fc.constantFrom(0, 0, 7, 60, 0.001),
  limit: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.constant(Number.POSITIVE_INFINITY)),
  steps: fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }),
});

/** Plays a history; every name that is taken must be the model's. @returns how many were taken. */
function play({ aging, steps }: History, subject: Subject, clock: Clock): number {
  /** Present, as of the last listing; the others are not known to anyone yet. */
  const seen = new Set<string>();
  const unseen = new Set<string>();
  const inHand: string[] = [];
  const putOff = new Set<string>();
  let count = 0;
  let taken = 0;
  const all = (): void => {
    for (const name of unseen) seen.add(name);
    unseen.clear();
  };
  const list = (): void => {
    subject.list();
    all();
  };
  const take = (): boolean => {
    let name = subject.take();
    if (name === undefined && subject.needsListing) {
      subject.relist();
      all();
      name = subject.take();
    }
    assert.equal(name, nextOf(seen, clock.micros(), aging));
    if (name === undefined) return false;
    taken += 1;
    seen.delete(name);
    inHand.push(name);
    return true;
  };
  const newName = ({ priority, age, isOld }: Newcomer): string => {
    count += 1;
    const seq = isOld ? `old-${count}` : `${clock.micros() - age * 1_000_000}_${count}`;
    return entryName(priority, seq);
  };
  const run: Record<Step['kind'], (step: Step) => void> = {
    put: ({ names = [] }) => {
      const fresh = names.map(newName);
      for (const name of fresh) unseen.add(name);
      subject.put(fresh);
    },
    list,
    take: ({ count = 0 }) => {
      for (let i = 0; i < count && take(); i++);
    },
    settle: ({ count = 0 }) => {
      for (const name of inHand.splice(0, count)) subject.settle(name);
    },
    putBack: ({ count = 0 }) => {
      const back = inHand.splice(-count);
      for (const name of back) seen.add(name);
      subject.putBack(back);
    },
    putOff: ({ count = 0 }) => {
      for (const name of inHand.splice(-count)) {
        putOff.add(name);
        subject.putOff(name);
      }
    },
    resume: () => {
      for (const name of putOff) seen.add(name);
      putOff.clear();
      subject.resume();
    },
    // One in hand, so that it is known where it is: what is in a lane is found gone when it is taken.
    remove: ({ count = 0 }) => {
      for (const name of inHand.splice(0, count)) subject.remove(name);
    },
    restart: () => {
      for (const name of [...inHand.splice(0), ...putOff]) unseen.add(name);
      putOff.clear();
      for (const name of seen) unseen.add(name);
      seen.clear();
      subject.restart();
    },
    clock: ({ seconds = 0 }) => clock.move(seconds),
  };
  for (const step of steps) {
    run[step.kind](step);
    const peeked = subject.peek(5);
    if (aging === 0) assert.deepEqual(peeked, orderOf(seen, 0, 0).slice(0, peeked.length), 'peek');
    assert.ok(subject.size <= seen.size, `${subject.size} names are held, of ${seen.size}`);
  }
  run.resume({ kind: 'resume' });
  list();
  while (take());
  return taken;
}

/** A clock that only the test moves; Date.now() shows it, and with it the worker's own. */
function testClock(t: TestContext): Clock {
  let now = START;
  t.mock.method(Date, 'now', () => now * 1000);
  return {
    micros: () => now * 1_000_000,
    move: (seconds) => {
      now += seconds;
    },
  };
}

/** Plays `runs` histories; the smallest that fails is shown. @returns how many names were taken in all. */
function check(random: Random, runs: number, one: (history: History) => number): number {
  let taken = 0;
  fc.assert(
    fc.property(history, (history) => {
      taken += one(history);
    }),
    { numRuns: runs, seed: random.below(2 ** 31) },
  );
  return taken;
}

test('lanes: what is taken next is what the model says, over random histories', async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const clock = testClock(t);
    const entries = check(random, FULL ? 50_000 : 2000, (history) =>
      play(history, new ListedLanes(history, clock), clock),
    );
    count({ entries });
  });
});

test('backlog on a directory: the same', async (t) => {
  const base = join(project(t).dir, 'spool');
  await faultRun(t, async ({ random, count }) => {
    const clock = testClock(t);
    const entries = check(random, FULL ? 15_000 : 500, (history) =>
      play(history, new ListedBacklog(history, base), clock),
    );
    count({ entries });
  });
});
