import type { Db } from '../../sink/driver.js';
export interface AnalyzeOptions {
    /** Only this table, in any case of letters; default all. */
    readonly table?: string | undefined;
    readonly busyTimeout?: number;
    /** Told how many tables are done. */
    readonly onProgress?: (done: number, total: number) => void;
}
export interface AnalyzeReport {
    readonly path: string;
    /** Those that were analyzed. */
    readonly tables: readonly string[];
    readonly seconds: number;
}
/** @throws QueueError NOT_FOUND naming the tables there are; SinkOutage when the database can't be used. */
export declare function analyzeDatabase(path: string, options?: AnalyzeOptions): Promise<AnalyzeReport>;
/** The tables with rows of their own: no views, no virtual tables, none of SQLite's. */
export declare function tablesOf(db: Db): string[];
/** A name as an identifier of SQL. */
export declare function quoted(name: string): string;
