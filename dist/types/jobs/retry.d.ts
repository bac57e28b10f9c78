import type { Spool } from '../spool/layout.js';
import { type Refusal, type RetryResult } from '../worker/retry.js';
import { type Job } from './job.js';
export interface RetryReport {
    readonly job: Job;
    /** How many items are in pending/ again. */
    readonly retried: number;
    /** Items that stay failed, by entry name, and why. */
    readonly refused: readonly Refusal[];
}
/** @throws QueueError NOT_FOUND; USAGE when it was cancelled; system errors. */
export declare function retryJob(spool: Spool, id: string, onProgress?: (done: number, total: number) => void): RetryReport;
/**
 * Puts letters of whatever entries back, and tells the jobs of those that have one. An entry of a cancelled job goes on
 * without it, for the worker would withdraw it.
 * @param names from `findLetters` or `readLetters`.
 * @throws QueueError DATABASE when an entry has a job, and jobs.db can't be used; system errors.
 */
export declare function retryLetters(spool: Spool, names: readonly string[]): RetryResult;
