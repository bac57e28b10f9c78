export interface LastBackup {
    readonly path: string;
    /** ISO 8601, UTC. */
    readonly createdAt: string;
}
/**
 * Of those in its directory; one without a label is no backup that restore could go on from.
 * @returns undefined when there is none.
 * @throws system errors when the directory can't be read.
 */
export declare function lastGoodBackup(database: string): LastBackup | undefined;
