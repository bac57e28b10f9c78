/** No more items will come. */
import type { Spool } from '../spool/layout.js';
import { type Job } from './job.js';
/** @throws QueueError NOT_FOUND; USAGE when it was cancelled. */
export declare function seal(spool: Spool, id: string): Job;
/**
 * Before something is done with a job: without jobs.db none is made.
 * @throws QueueError NOT_FOUND.
 */
export declare function requireJob(spool: Spool, id: string): Job;
