import type { Spool } from '../spool/layout.js';
import { type Job, type JobState } from './job.js';
export interface WaitOptions {
    /** Seconds; default for ever. */
    readonly timeout?: number | undefined;
    /** Ends the wait as if the time were over. */
    readonly signal?: AbortSignal | undefined;
}
export interface Waited {
    readonly id: string;
    readonly state: JobState;
    /** As it is now; undefined when it was removed meanwhile, and history alone knows it. */
    readonly job: Job | undefined;
    /** The error of the first item that failed. */
    readonly firstError: string | undefined;
    /** The job that it waits for, when that one was cancelled or removed and can't be completed any more. */
    readonly deadEnd: string | undefined;
}
/**
 * @returns its state: that of a job that has ended, unless the time was over or it can't start any more.
 * @throws QueueError NOT_FOUND when there is no such job, or it was removed and no history has it.
 */
export declare function waitForJob(spool: Spool, id: string, options?: WaitOptions): Promise<Waited>;
/** Sees to it that a worker is there when there is something for it to do. */
export declare function startIfEntriesWait(spool: Spool): void;
