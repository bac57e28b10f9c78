/**
 * passive: what goes without waiting for anyone. full: waits for writers and readers, and copies all. restart: and until
 * no reader needs the WAL, so that the next writer starts it anew. truncate: and its file becomes empty.
 */
export declare const CHECKPOINT_MODES: readonly ['passive', 'full', 'restart', 'truncate'];
export type CheckpointMode = (typeof CHECKPOINT_MODES)[number];
export interface CheckpointReport {
    readonly path: string;
    readonly mode: CheckpointMode;
    /** Not everything that the mode promises was done: a reader or writer was in the way. */
    readonly busy: boolean;
    /** Pages in the WAL, and how many of them the database has; null when it is not in WAL mode. */
    readonly log: number | null;
    readonly checkpointed: number | null;
    /** Bytes of the -wal file. Whoever closes the database last removes it. */
    readonly walBefore: number;
    readonly walAfter: number;
}
/** @throws SinkOutage when the database can't be used; QueueError USAGE for a mode that there is not. */
export declare function checkpointDatabase(path: string, { mode, busyTimeout }?: {
    mode?: CheckpointMode;
    busyTimeout?: number;
}): Promise<CheckpointReport>;
export declare function checkpointSql(mode: CheckpointMode): string;
/** What that statement answers. */
export declare function checkpointResult(rows?: readonly Record<string, unknown>[]): Pick<CheckpointReport, 'busy' | 'log' | 'checkpointed'>;
