/**
 * A simulation: many spools return to one PostgreSQL server after an outage. `tsx scripts/herd.ts [SPOOLS] [SEED]`.
 *
 * Time is virtual, chance is seeded, and the pauses between two tries are those of the worker's own backoff. Each spool has
 * tried for long enough to be at its longest pause; at second 0 the server is back. It answers connections one after
 * another, has a limited number of them, and applies batches one after another at the rate that was measured. A spool
 * that finds no free connection is refused and pauses again; one that has drained gives its connection back after a
 * while. Compared are the worker's pauses, the same without jitter, and no pauses that grow at all.
 */
import { pathToFileURL } from 'node:url';
import { backoff } from '../lib/worker/backoff.ts';

export interface Herd {
  readonly spools: number;
  readonly seed: number;
  /** The pause before try number `attempt`, in milliseconds. */
  readonly pause: (attempt: number) => number;
  /** Entries waiting in each spool: from 0 to twice this. */
  readonly backlog?: number;
  /** max_connections, less those that are reserved. */
  readonly connections?: number;
  /** Milliseconds of the server for one connection, taken or refused. */
  readonly connectMs?: number;
  /** Of all connections together. */
  readonly entriesPerSecond?: number;
  readonly batch?: number;
  /** For how long a spool that has drained keeps its connection. */
  readonly idleMs?: number;
}

export interface Course {
  /** Tries to connect, in all and in the busiest 50 ms. */
  readonly tries: number;
  readonly peak: number;
  /** The busiest 50 ms of the first second, against the mean of that second. */
  readonly unevenness: number;
  /** The longest time that a try waited for its answer, in milliseconds. */
  readonly longestWait: number;
  /** Seconds until half of the spools, and all, are drained. */
  readonly half: number;
  readonly all: number;
  readonly entries: number;
}

const BUCKET_MS = 50;
/** An outage of minutes: every spool is at its longest pause. */
const LONG_AGO = 20;

/** Runs one herd to its end. */
export function simulate(herd: Herd): Course {
  const { spools, pause, backlog = 500, connections = 97, connectMs = 4, entriesPerSecond = 10_000 } = herd;
  const { batch = 500, idleMs = 2000 } = herd;
  const chance = seeded(herd.seed);
  const usual = Math.random;
  Math.random = chance;
  try {
    const left = Array.from({ length: spools }, () => Math.round(chance() * 2 * backlog));
    const entries = left.reduce((sum, count) => sum + count, 0);
    const attempts = new Array<number>(spools).fill(LONG_AGO);
    const buckets = new Map<number, number>();
    const done: number[] = [];
    const events = new Queue();
    let tries = 0;
    let free = connections;
    let doorFree = 0;
    let workFree = 0;
    let longestWait = 0;
    // Where in its pause a spool is at second 0 is as good as random only if the pauses have made it so.
    for (let spool = 0; spool < spools; spool++) {
      let at = 0;
      for (let tried = 0; tried < LONG_AGO; tried++) at += pause(tried);
      const outage = LONG_AGO * 1000;
      for (let tried = LONG_AGO; at < outage; tried++) at += pause(tried);
      events.add(at - outage, () => knock(spool, at - outage));
    }
    const knock = (spool: number, now: number): void => {
      tries += 1;
      const bucket = Math.floor(now / BUCKET_MS);
      buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
      doorFree = Math.max(doorFree, now) + connectMs;
      longestWait = Math.max(longestWait, doorFree - now);
      const at = doorFree;
      events.add(at, () => (free > 0 ? enter(spool, at) : refuse(spool, at)));
    };
    const refuse = (spool: number, now: number): void => {
      const at = now + pause(attempts[spool] as number);
      attempts[spool] = (attempts[spool] as number) + 1;
      events.add(at, () => knock(spool, at));
    };
    const enter = (spool: number, now: number): void => {
      free -= 1;
      work(spool, now);
    };
    const work = (spool: number, now: number): void => {
      const count = Math.min(batch, left[spool] as number);
      if (count === 0) {
        done.push(now);
        const at = now + idleMs;
        events.add(at, () => {
          free += 1;
        });
        return;
      }
      left[spool] = (left[spool] as number) - count;
      workFree = Math.max(workFree, now) + (count * 1000) / entriesPerSecond;
      const at = workFree;
      events.add(at, () => work(spool, at));
    };
    events.run();
    const first = Array.from({ length: 1000 / BUCKET_MS }, (_, bucket) => buckets.get(bucket) ?? 0);
    const mean = first.reduce((sum, count) => sum + count, 0) / first.length;
    return {
      tries,
      peak: Math.max(...buckets.values()),
      unevenness: Math.max(...first) / mean,
      longestWait,
      half: (done[Math.floor(spools / 2)] as number) / 1000,
      all: (done.at(-1) as number) / 1000,
      entries,
    };
  } finally {
    Math.random = usual;
  }
}

/** The three that are compared. */
export const PAUSES: Readonly<Record<string, Herd['pause']>> = {
  'backoff with jitter': backoff,
  'without jitter': (attempt) => Math.min(800, 50 * 2 ** Math.min(attempt, 10)),
  'every 50 ms': () => 50,
};

/** Events in the order of their times; those of one time in the order in which they were added. */
class Queue {
  readonly #heap: { at: number; order: number; run: () => void }[] = [];
  #count = 0;

  add(at: number, run: () => void): void {
    const heap = this.#heap;
    heap.push({ at, order: this.#count++, run });
    for (let child = heap.length - 1; child > 0; ) {
      const parent = (child - 1) >> 1;
      if (!this.#isBefore(child, parent)) break;
      this.#swap(child, parent);
      child = parent;
    }
  }

  run(): void {
    for (let next = this.#take(); next; next = this.#take()) next();
  }

  #take(): (() => void) | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last) return undefined;
    if (heap.length > 0) heap[0] = last;
    for (let parent = 0; ; ) {
      const [left, right] = [2 * parent + 1, 2 * parent + 2];
      let least = parent;
      if (left < heap.length && this.#isBefore(left, least)) least = left;
      if (right < heap.length && this.#isBefore(right, least)) least = right;
      if (least === parent) return first.run;
      this.#swap(parent, least);
      parent = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a], this.#heap[b]] as [
      { at: number; order: number },
      { at: number; order: number },
    ];
    return one.at < other.at || (one.at === other.at && one.order < other.order);
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap;
    [heap[a], heap[b]] = [heap[b], heap[a]] as [(typeof heap)[number], (typeof heap)[number]];
  }
}

/** mulberry32. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function main([spools = '1000', seed = '1']: readonly string[]): void {
  const say = (line: string): boolean => process.stdout.write(`${line}\n`);
  say(
    `${spools} spools, seed ${seed}: tries to connect, the most in 50 ms, that against the first second's mean,`,
  );
  say('the longest wait for an answer, until half and all of the spools are drained');
  for (const [name, pause] of Object.entries(PAUSES)) {
    for (const connections of [97, 2000]) {
      const course = simulate({ spools: Number(spools), seed: Number(seed), pause, connections });
      const figures = [
        `${course.tries} tries`,
        `${course.peak} at once`,
        `${course.unevenness.toFixed(1)} x`,
        `${(course.longestWait / 1000).toFixed(1)} s`,
        `${course.half.toFixed(0)} s`,
        `${course.all.toFixed(0)} s for ${course.entries} entries`,
      ];
      say(`${name}, ${connections} connections: ${figures.join(', ')}`);
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(process.argv.slice(2));
