export type Row = Record<string, unknown>;
export interface SqlOptions {
    /** Opens the database only for reading. */
    readonly readonly?: boolean;
    /** Milliseconds to wait for another connection's lock. */
    readonly busyTimeout?: number;
}
/**
 * Runs the statements one after the other, each in autocommit.
 * @returns the rows of each.
 * @throws SinkOutage (a QueueError, DATABASE) when the database can't be used or a statement fails.
 */
export declare function runSql(path: string, statements: readonly string[], options?: SqlOptions): Promise<Row[][]>;
/** True in such a thread; the queue-maint executable then calls `runSqlThread`. */
export declare function isSqlThread(): boolean;
export declare function runSqlThread(): void;
