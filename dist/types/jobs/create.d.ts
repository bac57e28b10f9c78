import type { Spool } from '../spool/layout.js';
import { type Job } from './job.js';
export interface NewJob {
    /** What it is called in lists. */
    readonly name?: string | undefined;
    /** How many items it is to have: with them it is sealed. */
    readonly total?: number | undefined;
    /** The caller's own notes. */
    readonly meta?: Readonly<Record<string, unknown>> | undefined;
    /** The template that makes its items. */
    readonly template?: string | undefined;
    /** The job that must be completed before this one starts. */
    readonly after?: string | undefined;
    /** Not before this time, in milliseconds since 1970. */
    readonly notBefore?: number | undefined;
}
/** @throws QueueError NOT_FOUND when there is no job `after`; USAGE when it will never be completed. */
export declare function createJob(spool: Spool, options?: NewJob): Job;
