/**
 * The order of application, in one place: by priority, then by sequence, which is the plain byte order of names.
 *
 * Lanes holds one sorted queue a priority. The first of each lane is its oldest, so the next entry of all is the
 * best of at most ten heads; with aging, an entry counts one priority higher for every `aging` seconds it has
 * waited, and that is still true, because within a lane the oldest has aged most.
 *
 * However many entries wait, a lane holds a limited number: when it has grown too large it is cut back to its oldest
 * names, and the last of these is its horizon. Names beyond the horizon are on disk alone. A lane with a horizon that
 * has run empty is exhausted: what comes next is not known until pending/ has been listed.
 */
import { microsOf } from './sequence.ts';

/** A lane grows to this multiple of its limit before it is cut, so that cutting costs little for each name. */
const OVERSHOOT = 1.5;

interface Lane {
  readonly priority: number;
  /** Sorted; taken from `head`, so that taking is O(1). */
  names: string[];
  head: number;
  /** Set by a cut: larger names of this priority are not held. */
  horizon: string | undefined;
}

export class Lanes {
  readonly #lanes: Lane[];
  readonly #agingMicros: number;
  readonly #limit: number;
  #size = 0;

  /**
   * @param aging seconds of waiting that raise an entry by one priority; 0 = off.
   * @param limit how many names a lane keeps when it is cut.
   */
  constructor(aging = 0, limit = Number.POSITIVE_INFINITY) {
    this.#agingMicros = aging * 1_000_000;
    this.#limit = limit;
    this.#lanes = Array.from({ length: 10 }, (_, index) => emptyLane(index + 1));
  }

  get size(): number {
    return this.#size;
  }

  /** True when a lane is exhausted: pending/ must be listed, after `liftHorizons`. */
  get isExhausted(): boolean {
    return this.#lanes.some(isExhausted);
  }

  /** True for a name that `add` would not hold. */
  isBeyondHorizon(name: string): boolean {
    const horizon = this.#lanes[priorityOf(name) - 1]?.horizon;
    return horizon !== undefined && name > horizon;
  }

  /** Lets the exhausted lanes hold any name again; whoever calls it then adds all there are. */
  liftHorizons(): void {
    for (const lane of this.#lanes) if (isExhausted(lane)) lane.horizon = undefined;
  }

  /**
   * Adds names that are not in yet, in any order; each must be an entry name.
   * @returns those, of these and of the names held so far, that are beyond a horizon and so not held.
   */
  add(names: readonly string[]): string[] {
    const dropped: string[] = [];
    const fresh: string[][] = this.#lanes.map(() => []);
    for (const name of names) {
      if (this.isBeyondHorizon(name)) dropped.push(name);
      else fresh[priorityOf(name) - 1]?.push(name);
    }
    this.#size += names.length - dropped.length;
    fresh.forEach((list, index) => {
      if (list.length === 0) return;
      const lane = this.#lanes[index] as Lane;
      this.#merge(lane, list.sort());
      for (const name of this.#cut(lane)) dropped.push(name);
    });
    return dropped;
  }

  /** Forgets all names and horizons. */
  clear(): void {
    for (const lane of this.#lanes) Object.assign(lane, emptyLane(lane.priority));
    this.#size = 0;
  }

  /**
   * Takes the next name; undefined when there is none, or when it is not known which it is.
   * @param nowMicros the time that waiting is measured against; only looked at with aging.
   */
  take(nowMicros: number): string | undefined {
    let best: Lane | undefined;
    let bestRank = Number.POSITIVE_INFINITY;
    let bestName = '';
    for (const lane of this.#lanes) {
      // What it does not hold may come before anything that less urgent lanes hold, and with aging before all.
      if (isExhausted(lane)) return undefined;
      const name = lane.names[lane.head];
      if (name === undefined) continue;
      const rank = this.#rank(lane, name, nowMicros);
      if (rank < bestRank || (rank === bestRank && name.slice(3) < bestName.slice(3))) {
        best = lane;
        bestRank = rank;
        bestName = name;
      }
      // Without aging, lanes are in order of rank already.
      if (this.#agingMicros === 0) break;
    }
    if (!best) return undefined;
    best.head += 1;
    this.#size -= 1;
    // A lane that never runs empty must not keep all that was ever taken from it.
    if (best.head * 2 >= best.names.length) {
      best.names = best.names.slice(best.head);
      best.head = 0;
    }
    return bestName;
  }

  /** The next `count` names without taking them; with aging, only about. */
  peek(count: number): string[] {
    const names: string[] = [];
    for (const lane of this.#lanes) {
      if (names.length >= count) break;
      const end = Math.min(lane.names.length, lane.head + count - names.length);
      for (let at = lane.head; at < end; at++) names.push(lane.names[at] as string);
      // Less urgent names do not come next: those beyond the horizon do.
      if (lane.horizon !== undefined) break;
    }
    return names;
  }

  #rank(lane: Lane, name: string, nowMicros: number): number {
    if (this.#agingMicros === 0) return lane.priority;
    const waited = Math.max(0, nowMicros - (microsOf(name) || nowMicros));
    return Math.max(1, lane.priority - Math.floor(waited / this.#agingMicros));
  }

  /** Merges a sorted list into a lane; new entries usually belong at its end, which costs nothing but themselves. */
  #merge(lane: Lane, list: string[]): void {
    const lastName = lane.names.at(-1);
    if (lastName === undefined || lastName <= (list[0] as string)) {
      // One by one: spreading a million names into push() overflows the stack.
      for (const name of list) lane.names.push(name);
    } else {
      lane.names = mergeSorted(lane.names.slice(lane.head), list);
      lane.head = 0;
    }
  }

  /** @returns the names that the lane does not hold any more. */
  #cut(lane: Lane): string[] {
    if (lane.names.length - lane.head <= this.#limit * OVERSHOOT) return [];
    const end = lane.head + this.#limit;
    const dropped = lane.names.slice(end);
    lane.names = lane.names.slice(lane.head, end);
    lane.head = 0;
    lane.horizon = lane.names.at(-1);
    this.#size -= dropped.length;
    return dropped;
  }
}

function emptyLane(priority: number): Lane {
  return { priority, names: [], head: 0, horizon: undefined };
}

function isExhausted(lane: Lane): boolean {
  return lane.horizon !== undefined && lane.head === lane.names.length;
}

function mergeSorted(a: readonly string[], b: readonly string[]): string[] {
  // Made in its full size: growing would leave arrays of megabytes behind, one after another.
  const merged = new Array<string>(a.length + b.length);
  let i = 0;
  let j = 0;
  for (let at = 0; at < merged.length; at++) {
    const isFromA = j === b.length || (i < a.length && (a[i] as string) <= (b[j] as string));
    merged[at] = (isFromA ? a[i++] : b[j++]) as string;
  }
  return merged;
}

/** The priority in an entry name's first two digits. */
export function priorityOf(name: string): number {
  return (name.charCodeAt(0) - 48) * 10 + (name.charCodeAt(1) - 48);
}
