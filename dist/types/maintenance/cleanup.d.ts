import type { Config } from '../config.js';
import { type Spool } from '../spool/layout.js';
export declare const TASKS: readonly ['logs', 'archive', 'purge-failed', 'recover', 'temporaries', 'hook-files'];
export type Task = (typeof TASKS)[number];
export interface TaskReport {
    readonly task: Task;
    /** Files that were dealt with, or would be. */
    readonly count: number;
    /** What was done, in one line. */
    readonly detail: string;
}
export interface CleanupOptions {
    readonly tasks: readonly Task[];
    /** Hours; defaults: archive 24, purge-failed 168. */
    readonly hours?: number | undefined;
    readonly dryRun: boolean;
}
export declare const ARCHIVE_HOURS = 24;
export declare const PURGE_HOURS = 168;
/** A session that is resumed after this time counts its operations anew, and shows the old count until it is passed. */
export declare const HOOK_FILE_HOURS: number;
/**
 * Runs the tasks one after the other.
 * @returns a report a task, in their order; none when there is no spool.
 * @throws QueueError SPOOL_UNSAFE, system errors when the spool can't be written.
 */
export declare function cleanUp(config: Config, spool: Spool, options: CleanupOptions): TaskReport[];
