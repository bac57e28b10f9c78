/**
 * The order of application, in one place: by priority, then by sequence, which is the plain byte order of names.
 *
 * Lanes holds one sorted queue a priority. The first of each lane is its oldest, so the next entry of all is the
 * best of at most ten heads; with aging, an entry counts one priority higher for every `aging` seconds it has
 * waited, and that is still true, because within a lane the oldest has aged most.
 */
import { microsOf } from './sequence.ts';

interface Lane {
  readonly priority: number;
  /** Sorted; taken from `head`, so that taking is O(1). */
  names: string[];
  head: number;
}

export class Lanes {
  readonly #lanes: Lane[];
  readonly #agingMicros: number;
  #size = 0;

  /** @param aging seconds of waiting that raise an entry by one priority; 0 = off. */
  constructor(aging = 0) {
    this.#agingMicros = aging * 1_000_000;
    this.#lanes = Array.from({ length: 10 }, (_, index) => ({ priority: index + 1, names: [], head: 0 }));
  }

  get size(): number {
    return this.#size;
  }

  /** Adds names that are not in yet, in any order; each must be an entry name. */
  add(names: readonly string[]): void {
    const fresh: string[][] = this.#lanes.map(() => []);
    for (const name of names) fresh[priorityOf(name) - 1]?.push(name);
    fresh.forEach((list, index) => {
      if (list.length > 0) this.#merge(this.#lanes[index] as Lane, list.sort());
    });
    this.#size += names.length;
  }

  /**
   * Takes the next name.
   * @param nowMicros the time that waiting is measured against; only looked at with aging.
   */
  take(nowMicros: number): string | undefined {
    let best: Lane | undefined;
    let bestRank = Number.POSITIVE_INFINITY;
    let bestName = '';
    for (const lane of this.#lanes) {
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
    if (best.head === best.names.length) {
      best.names = [];
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
}

function mergeSorted(a: readonly string[], b: readonly string[]): string[] {
  const merged: string[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    merged.push((a[i] as string) <= (b[j] as string) ? (a[i++] as string) : (b[j++] as string));
  }
  while (i < a.length) merged.push(a[i++] as string);
  while (j < b.length) merged.push(b[j++] as string);
  return merged;
}

/** The priority in an entry name's first two digits. */
export function priorityOf(name: string): number {
  return (name.charCodeAt(0) - 48) * 10 + (name.charCodeAt(1) - 48);
}
