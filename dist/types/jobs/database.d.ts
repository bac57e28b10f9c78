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
/**
 * Opens jobs.db, making it when there is none.
 * @throws QueueError DATABASE when it can't be used or is of a later version; SPOOL_UNSAFE, SPOOL_UNWRITABLE.
 */
export declare function openJobs(spool: Spool, options?: OpenJobsOptions): Db;
