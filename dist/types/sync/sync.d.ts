import { QueueError } from '../errors.js';
import { type OnProgress, type SyncReport } from './pass.js';
export interface SyncOptions {
    readonly queueDir: string;
    /** The path of the SQLite database, which must be there. */
    readonly database: string;
    /** Milliseconds to wait for another connection's lock; default 5000. */
    readonly busyTimeout?: number;
    /** One pass, then return; else pass after pass until the signal. */
    readonly once?: boolean;
    /** Seconds between passes; default 10. */
    readonly interval?: number;
    /** Passes also begin when a file event tells of new lines. */
    readonly watch?: boolean;
    /** The first pass takes the lines that have failed before as well. */
    readonly replayFailed?: boolean;
    /** Finishes the batch in hand and returns. */
    readonly signal?: AbortSignal;
    /** Told after each pass. */
    readonly onPass?: (report: SyncReport) => void;
    readonly onProgress?: OnProgress;
    /** Told when nothing can be done for now, and once more when the reason changes; without `once`. */
    readonly onTrouble?: (error: QueueError) => void;
}
export type SyncTotals = Omit<SyncReport, 'refused' | 'seconds'>;
/**
 * Syncs a queue directory with a database.
 * @returns the sums of all passes.
 * @throws QueueError, with `once` also what else kept the pass from its end: nothing is lost then.
 */
export declare function syncQueues(options: SyncOptions): Promise<SyncTotals>;
