/** Whether a database is sound: SQLite's own checks. */
import { type Row } from './sql-thread.js';
export declare const INTEGRITY_CHECK = "PRAGMA integrity_check(100)";
export interface IntegrityOptions {
    /** Leaves out whether indexes hold what tables hold. */
    readonly quick?: boolean;
    /** Looks for rows whose parent is missing, too. The worker does not enforce foreign keys, so there may be some. */
    readonly foreignKeys?: boolean;
    readonly busyTimeout?: number;
}
/**
 * `PRAGMA integrity_check`, or quick_check, and foreign_key_check.
 * @returns the problems, no more than a hundred of each kind; none when it is sound.
 * @throws SinkOutage when it can't be opened, is no database, or is locked.
 */
export declare function checkIntegrity(path: string, { quick, foreignKeys, busyTimeout }?: IntegrityOptions): Promise<string[]>;
/** What the rows of such a check complain of. */
export declare function problemsIn(rows: readonly Row[]): string[];
