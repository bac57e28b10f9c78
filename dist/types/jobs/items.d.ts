import type { Db, Prepared } from '../sink/driver.js';
import type { Entry } from '../spool/entry.js';
import type { Spool } from '../spool/layout.js';
import { type ItemState, type Job } from './job.js';
export interface NewItem {
    /** The entry's file name. */
    readonly name: string;
    readonly item: string;
}
export interface Fate extends NewItem {
    readonly job: string;
    readonly state: Exclude<ItemState, 'queued'>;
    readonly error?: string | undefined;
    readonly details?: object | undefined;
    readonly durationUs?: number | undefined;
}
/** With this many rows the producers of other jobs wait 10 to 20 ms. */
export declare const CHUNK = 2000;
/** What an entry is called in its job: as its metadata say, else by its own key, else by its number. */
export declare function itemOf(entry: Pick<Entry, 'metadata' | 'id'>, seq: string): string;
/**
 * Registers items that are about to be published. Those that are there already stay as they are.
 * @throws QueueError NOT_FOUND; USAGE when the job takes no more items, or not so many.
 */
export declare function registerItems(db: Db, id: string, items: readonly NewItem[]): Job;
/**
 * The same for one.
 * @returns false when an item of this name was there before: it is another's, and not to be taken back.
 */
export declare function registerItem(db: Db, id: string, item: NewItem): boolean;
/** Takes back what was registered and could not be published. The last item of a job's --total leaves room again. */
export declare function unregisterItem(db: Db, id: string, name: string): void;
/** The same for many. */
export declare function unregisterItems(db: Db, id: string, names: readonly string[]): void;
/** Records what became of items. Jobs that are not there any more are passed over. */
export declare function recordFates(db: Db, fates: readonly Fate[]): void;
/**
 * Failed items are about to be tried again: to be called before their entries are put back into pending/. Those that
 * an interrupted retry has left queued are noted anew, so that for a while they do not count as never published.
 * @returns false when the job is cancelled, or not there: nothing is changed then.
 */
export declare function retryItems(db: Db, id: string, names: readonly string[], now?: number): boolean;
/** For `refuseCancelled`, where items are to be tried again. */
export declare const RETRY_HINT = "queue-failed retry tries single entries again, without a job.";
/**
 * No more items will come, and no rows go on.
 * @throws QueueError NOT_FOUND; USAGE when it was cancelled.
 */
export declare function sealJob(db: Db, id: string): Job;
/**
 * Settles queued items that were registered long ago and whose entries are not in pending/: one with a dead letter
 * has failed (it could not be read, or a retry was interrupted), the others are withdrawn, as they were never published.
 * Not of a job whose rows are half enqueued: these go on behind those that were published.
 * @returns how many.
 */
export declare function dropUnpublished(db: Db, spool: Spool, id: string, now?: number): number;
/** The name in failed/ of an item's dead letter: its own, or that of one whose retry was interrupted. */
export declare function letterOf(spool: Spool, name: string): string | undefined;
/**
 * Brings the job's state in line with its counters: with all its items and none queued it has ended, as failed while
 * one of them is, else as completed; and then those that wait for it start. Call it inside a transaction.
 */
export declare function endIfDone(db: Db, id: string, now?: number): void;
/** @throws QueueError USAGE. */
export declare function refuseCancelled({ id, state }: Job, hint?: string): void;
/** Preparing a statement costs as much as running it ten times. */
export declare function prepared(db: Db, sql: string): Prepared;
/** For one transaction each. */
export declare function chunksOf<T>(list: readonly T[]): T[][];
