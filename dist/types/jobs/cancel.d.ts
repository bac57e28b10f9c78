import type { Spool } from '../spool/layout.js';
import { type Job } from './job.js';
export interface CancelOptions {
    /** Seconds to wait for entries that are in the worker's hand; default 10. */
    readonly patience?: number | undefined;
    readonly onProgress?: ((done: number, total: number) => void) | undefined;
}
/**
 * Doing it again finishes what was interrupted, and is harmless.
 * @returns the job: cancelled, with items queued if the worker had not decided them in time; or ended before.
 * @throws QueueError NOT_FOUND; system errors.
 */
export declare function cancelJob(spool: Spool, id: string, options?: CancelOptions): Promise<Job>;
