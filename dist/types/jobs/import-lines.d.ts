/** The lines of an export, checked: whatever a file says, only what jobs.db could have held gets into it. */
import { type JobRow, type JobState, type ResultRow } from './job.js';
/** As the columns of `jobs`. */
export type ImportedJob = Omit<JobRow, 'state'> & {
    readonly state: JobState;
};
/** As the columns of `job_results`. */
export type ImportedResult = ResultRow;
/** @throws Error saying what is wrong with it. */
export declare function importedJob(value: unknown): ImportedJob;
/** @throws Error saying what is wrong with it. */
export declare function importedResult(value: unknown): ImportedResult;
