export interface QueueCleanupOptions {
    /** Age by the time of the last change. */
    readonly days: number;
    readonly dryRun?: boolean;
}
export interface RemovedFile {
    readonly path: string;
    readonly bytes: number;
    /** ISO 8601: when it was last written to. */
    readonly changed: string;
}
/**
 * Removes what is older, or with `dryRun` tells what that would be.
 * @returns the files, oldest first. @throws QueueError NOT_FOUND, system errors.
 */
export declare function cleanQueues(directory: string, { days, dryRun }: QueueCleanupOptions): RemovedFile[];
