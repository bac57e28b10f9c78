import { type Spool } from '../../spool/layout.js';
import { type DatabasePages } from './pages.js';
export interface DatabaseStats extends DatabasePages {
    readonly path: string;
    /** Tables and indexes, without SQLite's and the queue's own. */
    readonly userTables: number;
    readonly userIndexes: number;
    /** Null with `quick`. */
    readonly tables: readonly TableStats[] | null;
    /** Null with `quick`, and before the first entry. */
    readonly ledger: {
        readonly rows: number;
        readonly oldest: string | null;
    } | null;
    /** The spool's journal of applied entries. */
    readonly journal: {
        readonly path: string;
        readonly files: number;
        readonly bytes: number;
    };
}
export interface TableStats {
    readonly name: string;
    readonly rows: number;
    /** Pages of the table and of its indexes, in bytes; null if SQLite was compiled without dbstat. */
    readonly bytes: number | null;
    readonly indexBytes: number | null;
}
/**
 * @param options.quick leaves out what needs the database read.
 * @throws SinkOutage when it can't be read; QueueError SPOOL_UNSAFE.
 */
export declare function readDatabaseStats(spool: Spool, path: string, { quick, busyTimeout }?: {
    quick?: boolean;
    busyTimeout?: number;
}): Promise<DatabaseStats>;
