import { type OpenOptions } from './open.js';
export type Row = Record<string, unknown>;
/**
 * Runs the statements one after the other, each in autocommit.
 * @param onDone told how many are done, after each.
 * @returns the rows of each.
 * @throws SinkOutage (a QueueError, DATABASE) when the database can't be used or a statement fails.
 */
export declare function runSql(path: string, statements: readonly string[], options?: OpenOptions, onDone?: (done: number) => void): Promise<Row[][]>;
/** True in such a thread; the queue-maint executable then calls `runSqlThread`. */
export declare function isSqlThread(): boolean;
export declare function runSqlThread(): void;
