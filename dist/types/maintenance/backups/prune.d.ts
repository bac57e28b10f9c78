export interface PruneOptions {
    /** Only the backups of this name; default: each name for itself. */
    readonly name?: string | undefined;
    /** So many stay of each name. */
    readonly keep?: number | undefined;
    /** Those older than so many days go. */
    readonly days?: number | undefined;
    /** This path stays: it is the one just made, whatever the clock said when the others were. */
    readonly spare?: string | undefined;
}
/** @returns the paths that were removed, newest first. */
export declare function pruneBackups(directory: string, options: PruneOptions): string[];
