/** Reads jobs: one, or a list of them. */
import type { Spool } from '../spool/layout.js';
import { type ItemResult, type Job, type JobState } from './job.js';
export interface ListOptions {
    /** Only those in one of these states. */
    readonly states?: readonly JobState[] | undefined;
    /** Only those whose name matches this GLOB pattern of SQLite's. */
    readonly name?: string | undefined;
    /** At most so many; 0 for all. */
    readonly limit?: number | undefined;
}
export interface JobList {
    /** Newest first. */
    readonly jobs: readonly Job[];
    /** How many there are without the limit. */
    readonly count: number;
}
export declare function listJobs(spool: Spool, { states, name, limit }?: ListOptions): JobList;
/** A job and what a page about it needs besides. */
export interface JobDetails {
    readonly job: Job;
    /** The job that it waits for; undefined when there is none, or it was removed. */
    readonly predecessor: Job | undefined;
    /** Its first failures, at most `errors`. */
    readonly failures: readonly ItemResult[];
}
/** @throws QueueError NOT_FOUND. */
export declare function readJobDetails(spool: Spool, id: string, errors?: number): JobDetails;
