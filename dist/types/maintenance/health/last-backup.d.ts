export interface LastBackup {
    readonly path: string;
    /** ISO 8601, UTC. */
    readonly createdAt: string;
}
/**
 * The newest one that was not found to be bad.
 * @returns undefined when there is none.
 * @throws system errors when the directory can't be read.
 */
export declare function lastGoodBackup(database: string): LastBackup | undefined;
