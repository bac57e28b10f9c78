import type { Spool } from '../spool/layout.js';
import { type CancelOptions } from './cancel.js';
import { type JobState } from './job.js';
export interface RemoveOptions extends CancelOptions {
    /** Cancels it first when it has queued items. */
    readonly force?: boolean | undefined;
}
/** @throws QueueError NOT_FOUND; USAGE when it has queued items, or others wait for it. */
export declare function removeJob(spool: Spool, id: string, options?: RemoveOptions): Promise<void>;
/**
 * Those in `state` that ended more than `olderThanMs` ago. Jobs that others wait for stay.
 * @returns their ids.
 */
export declare function removeOldJobs(spool: Spool, options: {
    state: JobState;
    olderThanMs: number;
    now?: number;
}): string[];
