import type { Db } from '../../sink/driver.js';
import { type OpenOptions } from './open.js';
export interface DatabasePages {
    /** Bytes of the file. */
    readonly size: number;
    /** Bytes of its -wal; 0 without one. */
    readonly walSize: number;
    readonly pageSize: number;
    readonly pages: number;
    /** Pages that hold nothing: new rows go there, or a vacuum gives them back. */
    readonly freePages: number;
    /** freePages / pages, from 0 to 1. */
    readonly fragmentation: number;
    /** wal, delete, truncate, persist, ... */
    readonly journalMode: string;
    readonly autoVacuum: 'none' | 'full' | 'incremental';
}
/**
 * @param options not `readonly`: whoever closes a database last tidies its -wal and -shm away, if it may write.
 * @throws SinkOutage when it can't be read.
 */
export declare function readPages(path: string, options?: OpenOptions): DatabasePages;
export declare function numberOf(db: Db, pragma: string): number;
/** Bytes of a file; 0 when it is not there. */
export declare function sizeOf(path: string): number;
