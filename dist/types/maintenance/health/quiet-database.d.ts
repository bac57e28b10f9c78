import { type Db } from '../../sink/driver.js';
import { type DatabaseHealth } from '../database-health.js';
/** How a database that is 'ok' can be looked at now. */
export type Access = 'sqlite' | 'file' | 'unrecovered';
/** 'unrecovered': a -wal that nobody has taken in yet, so that the file alone is not the database. */
export declare function accessTo({ path, journalMode }: DatabaseHealth): Access;
/** Calls `look` with a connection that can only read. @throws whatever SQLite does. */
export declare function withQuiet<T>(database: DatabaseHealth, access: 'sqlite' | 'file', look: (db: Db) => T): T;
export interface PageCounts {
    readonly pages: number;
    /** Of these, the ones that hold nothing. */
    readonly free: number;
    /** Bytes of one. */
    readonly pageSize: number;
}
/** As the header has them. */
export declare function countPages(path: string): PageCounts;
