import { type Db } from '../sink/driver.js';
import { type Spool } from '../spool/layout.js';
export interface OpenJobsOptions {
    /** Milliseconds to wait for another connection's lock. */
    readonly busyTimeout?: number;
    /** OFF and NORMAL may lose the last commits in a power cut; default FULL, as results must not be lost. */
    readonly synchronous?: 'FULL' | 'NORMAL';
}
/** Where it lies. */
export declare function jobsPath(spool: Spool): string;
/** Which file stands there now, another one when it was replaced; undefined when there is none. One stat(2). */
export declare function jobsFile(spool: Spool): string | undefined;
/**
 * Opens jobs.db, making it when there is none.
 * @throws QueueError DATABASE when it can't be used or is of a later version; SPOOL_UNSAFE, SPOOL_UNWRITABLE.
 */
export declare function openJobs(spool: Spool, options?: OpenJobsOptions): Db;
/**
 * Opens jobs.db only to read. Nothing is created.
 * @returns undefined when there is none yet.
 * @throws QueueError DATABASE when it can't be used or is of a later version; SPOOL_UNSAFE.
 */
export declare function openJobsToRead(spool: Spool): Db | undefined;
/**
 * Opens jobs.db for `work` and closes it.
 * @throws QueueError DATABASE for what the driver throws; what `work` throws.
 */
export declare function withJobs<T>(spool: Spool, work: (db: Db) => T): T;
/** The same to read only; without jobs.db the result is `none()`. */
export declare function withJobsToRead<T>(spool: Spool, none: () => T, work: (db: Db) => T): T;
/** What the driver threw, as one of our errors; others as they are. */
export declare function jobsError(spool: Spool, error: unknown): unknown;
