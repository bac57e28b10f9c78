/**
 * Applying a run of entries to one database: as few transactions as their order and their manners allow.
 *
 * Entries share a transaction until one must run alone (VACUUM), one has broken the transaction (OR ROLLBACK: all
 * of it is undone, the others are applied again up to that one, then it runs on its own) or the lock has been held
 * for long enough. Results are settled after each COMMIT, in order. A sink that applies many at once, because each step
 * would cost it a round trip, sees to all of that itself.
 */
import { type Outcome, type Sink, SinkOutage } from '../sink/sink.js';
import type { Item } from './intake.js';
export interface Result {
    readonly item: Item;
    readonly outcome: Exclude<Outcome, {
        kind: 'solo';
    } | {
        kind: 'broken';
    }>;
    /** Time spent applying. */
    readonly micros: number;
}
/** A structured row that was there already: the entry is done, and counted as a duplicate. */
export declare function isDuplicateRow(outcome: Result['outcome']): boolean;
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
export declare function applyItems(sink: Sink, items: readonly Item[], options: ApplyOptions): Progress;
/** After an outage inside an entry: if the database takes another write, that entry brought it about. */
export declare function takesWrites(sink: Sink, key: string): boolean;
