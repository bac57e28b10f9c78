/**
 * Applying a run of entries to one database: as few transactions as their order and their manners allow.
 *
 * Entries share a transaction until one must run alone (VACUUM), one has broken the transaction (OR ROLLBACK: all
 * of it is undone, the others are applied again up to that one, then it runs on its own) or the lock has been held
 * for long enough. Results are settled after each COMMIT, in order. A sink that applies many at once, because each step
 * would cost it a round trip, sees to all of that itself.
 */

import { SinkOutage } from '../sink/outage.ts';
import type { Outcome, Sink } from '../sink/sink.ts';
import type { EntryError } from '../spool/entry.ts';
import type { Item } from './intake.ts';

/** How long one transaction may keep other writers waiting. */
const LOCK_TIME_MS = 50;

export interface Result {
  readonly item: Item;
  readonly outcome: Exclude<Outcome, { kind: 'solo' } | { kind: 'broken' }>;
  /** Time spent applying. */
  readonly micros: number;
}

/** A structured row that was there already: the entry is done, and counted as a duplicate. */
export function isDuplicateRow(outcome: Result['outcome']): boolean {
  return outcome.kind === 'applied' && outcome.duplicateRow === true;
}

export interface ApplyOptions {
  /** Called before every entry; `leave` after it. */
  readonly enter: (item: Item) => void;
  readonly leave: () => void;
  /** Called after each COMMIT. */
  readonly settle: (results: readonly Result[]) => void;
}

export interface Progress {
  /** How many of the items are settled; the rest were not touched, or were undone. */
  readonly consumed: number;
  readonly outage?: SinkOutage;
  /** The entry inside which the outage showed itself. */
  readonly culprit?: Item;
}

/** Applies items in order until all are settled, the lock time is used up, or the database fails. */
export function applyItems(sink: Sink, items: readonly Item[], options: ApplyOptions): Progress {
  const alone = new Set<string>();
  let consumed = 0;
  let running: Item | undefined;
  /** What may have brought about an outage that says `duringEntry`. */
  let doubted: Item | undefined;

  const timed = (item: Item, apply: Sink['apply']): [ReturnType<Sink['apply']>, number] => {
    running = item;
    const start = performance.now();
    options.enter(item);
    const outcome = apply.call(sink, item.entry, item.key);
    options.leave();
    running = undefined;
    return [outcome, (performance.now() - start) * 1000];
  };

  const unwatched = (item: Item): [ReturnType<Sink['apply']>, number] => {
    const start = performance.now();
    doubted = item;
    const outcome = sink.applyAlone(item.entry, item.key);
    doubted = undefined;
    return [outcome, (performance.now() - start) * 1000];
  };

  /** One transaction from `consumed` on. When it is broken, nothing is consumed, and who did it is in `alone`. */
  const transaction = (): void => {
    const results: Result[] = [];
    sink.begin();
    // Counted from here: waiting for the lock is not holding it.
    const deadline = performance.now() + LOCK_TIME_MS;
    for (const item of items.slice(consumed)) {
      if (alone.has(item.name) || performance.now() > deadline) break;
      const [outcome, micros] = timed(item, sink.apply);
      if (outcome.kind === 'broken' || outcome.kind === 'solo') alone.add(item.name);
      if (outcome.kind === 'broken') return;
      if (outcome.kind === 'solo') break;
      results.push({ item, outcome, micros });
    }
    if (results.length === 0) {
      sink.rollback();
      return;
    }
    if (commitOrBlame(results)) {
      options.settle(results);
      consumed += results.length;
    }
  };

  /** COMMIT; when one of the entries made it impossible, all of them are run alone to find out which. */
  const commitOrBlame = (results: readonly Result[]): boolean => {
    try {
      sink.commit();
      return true;
    } catch (error) {
      if (!(error instanceof SinkOutage) || !error.duringEntry) throw error;
      for (const { item } of results) alone.add(item.name);
      return false;
    }
  };

  /** One transaction of a sink that takes many at once. Its server stops what runs for too long, not the watchdog. */
  const together = (applyMany: NonNullable<Sink['applyMany']>): void => {
    const left = items.slice(consumed);
    const next = left.findIndex((item) => alone.has(item.name));
    const some = next === -1 ? left : left.slice(0, next);
    const start = performance.now();
    doubted = some[0];
    const outcomes = applyMany.call(sink, some);
    doubted = undefined;
    const micros = ((performance.now() - start) * 1000) / outcomes.length;
    const results: Result[] = [];
    outcomes.forEach((outcome, index) => {
      const item = some[index] as Item;
      if (outcome.kind === 'broken' || outcome.kind === 'solo') alone.add(item.name);
      else results.push({ item, outcome, micros });
    });
    if (results.length > 0) options.settle(results);
    consumed += results.length;
  };

  const runAlone = (item: Item): void => {
    const [outcome, micros] = sink.applyMany ? unwatched(item) : timed(item, sink.applyAlone);
    const settled: Result['outcome'] =
      outcome.kind === 'broken' || outcome.kind === 'solo'
        ? { kind: 'failed', error: errorOf(outcome), transient: false }
        : outcome;
    options.settle([{ item, outcome: settled, micros }]);
    consumed += 1;
  };

  const end = performance.now() + LOCK_TIME_MS;
  try {
    do {
      const next = items[consumed];
      if (next === undefined) break;
      if (alone.has(next.name)) runAlone(next);
      else if (sink.applyMany) together(sink.applyMany);
      else transaction();
      // A pass that consumes nothing has found out who must run alone: the next one gets there.
    } while (consumed === 0 || performance.now() < end);
    return { consumed };
  } catch (error) {
    if (!(error instanceof SinkOutage)) throw error;
    if (running) options.leave();
    const culprit = running ?? doubted;
    return culprit && error.duringEntry ? { consumed, outage: error, culprit } : { consumed, outage: error };
  }
}

function errorOf(outcome: { kind: 'broken'; error: EntryError } | { kind: 'solo' }): EntryError {
  if (outcome.kind === 'broken') return outcome.error;
  return {
    code: 'ENTRY_FAILED',
    message: 'it can be run neither in a transaction nor alone',
    at: new Date().toISOString(),
  };
}

/** After an outage inside an entry: if the database takes another write, that entry brought it about. */
export function takesWrites(sink: Sink, key: string): boolean {
  const entry = {
    seq: '',
    priority: 1,
    operation: 'probe',
    sql: 'SELECT 1',
    metadata: {},
    created_at: '',
    retries: 0,
  };
  try {
    sink.begin();
    sink.apply(entry, key);
    sink.commit();
    return true;
  } catch (error) {
    if (error instanceof SinkOutage) return false;
    throw error;
  }
}
