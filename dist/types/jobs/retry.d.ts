import type { Spool } from '../spool/layout.js';
import { type Refusal } from '../worker/retry.js';
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
