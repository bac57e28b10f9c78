/**
 * The order of application as a model: short enough to be evidently right, slow enough to be nothing else.
 *
 * Order. Of each priority the least name (byte order) comes first; of these up to ten the one of the best rank is
 * next, and of equals the one with the least sequence. The rank is the priority, less one for every `aging` seconds
 * between the name's time and now, but never better than 1; a name without a time has not waited.
 *
 * Drain. The due entries that are present are taken in that order, one by one, and one thing becomes of each:
 *   its database is down           it stays
 *   its database knows its key     it goes, with no effect (the key: the caller's id, else the name)
 *   it fails for good              it goes to failed/
 *   it fails for now               it stays for later, or goes to failed/ when its retries are used up
 *   else                           it is applied: a row, and the key is known from then on
 * So batches, recovery, parking and lanes have no place in the model: none of them may be seen from outside.
 */

/** The next of these names, by definition. */
export function nextOf(names: Iterable<string>, nowMicros: number, aging: number): string | undefined {
  const heads = new Map<string, string>();
  for (const name of names) {
    const head = heads.get(name.slice(0, 2));
    if (head === undefined || name < head) heads.set(name.slice(0, 2), name);
  }
  const rank = (name: string): number => {
    const micros = Number(/^\d\d_(\d{16})_/.exec(name)?.[1] ?? nowMicros);
    const steps = aging === 0 ? 0 : Math.floor(Math.max(0, nowMicros - micros) / (aging * 1_000_000));
    return Math.max(1, Number(name.slice(0, 2)) - steps);
  };
  const before = (a: string, b: string): boolean =>
    rank(a) < rank(b) || (rank(a) === rank(b) && a.slice(3) < b.slice(3));
  let best: string | undefined;
  for (const head of heads.values()) if (best === undefined || before(head, best)) best = head;
  return best;
}

/** All of these names, in order. */
export function orderOf(names: Iterable<string>, nowMicros: number, aging: number): string[] {
  const left = new Set(names);
  const order: string[] = [];
  for (let next = nextOf(left, nowMicros, aging); next; next = nextOf(left, nowMicros, aging)) {
    left.delete(next);
    order.push(next);
  }
  return order;
}

/** An entry as the model sees it at the start of a drain. */
export interface ModelEntry {
  readonly name: string;
  readonly database: string;
  /** What the database knows it by. */
  readonly key: string;
  readonly fate: 'row' | 'fails' | 'fails for now';
  readonly retriesLeft: number;
}

export interface Drained {
  /** Names by database, in the order of their rows. */
  readonly rows: Map<string, string[]>;
  readonly failed: Set<string>;
  /** Names that stay. */
  readonly left: Set<string>;
}

/** What becomes of the entries that are due. `known` has the keys of each database, and gets those of the new rows. */
export function drain(
  due: Iterable<ModelEntry>,
  { known, down, nowMicros, aging }: DrainConditions,
): Drained {
  const entries = new Map([...due].map((entry) => [entry.name, entry]));
  const result: Drained = { rows: new Map(), failed: new Set(), left: new Set() };
  for (const name of orderOf(entries.keys(), nowMicros, aging)) {
    const { database, key, fate, retriesLeft } = entries.get(name) as ModelEntry;
    const keys = known.get(database) ?? new Set();
    if (down === database || (fate === 'fails for now' && retriesLeft > 0 && !keys.has(key))) {
      result.left.add(name);
    } else if (keys.has(key)) {
    } else if (fate === 'row') {
      result.rows.set(database, [...(result.rows.get(database) ?? []), name]);
      known.set(database, keys.add(key));
    } else result.failed.add(name);
  }
  return result;
}

export interface DrainConditions {
  readonly known: Map<string, Set<string>>;
  /** The database that can't be used. */
  readonly down: string | undefined;
  readonly nowMicros: number;
  readonly aging: number;
}
