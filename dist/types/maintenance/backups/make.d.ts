import { type Spool } from '../../spool/layout.js';
import { type Label } from './shelf.js';
export interface BackupOptions {
    readonly database: string;
    readonly spool: Spool;
    /** Part of the file's name; default: the database's. */
    readonly name?: string | undefined;
    /** Default: `backups` beside the database. */
    readonly directory?: string | undefined;
    /** So many backups of this name stay; default 10. */
    readonly keep?: number | undefined;
    readonly compress?: boolean | undefined;
    /** Milliseconds to wait for another connection's lock. */
    readonly busyTimeout: number;
    /** Told how much of the work is done. */
    readonly onProgress?: (done: number, total: number) => void;
}
export interface BackupResult {
    readonly path: string;
    readonly label: Label;
    readonly warnings: readonly string[];
    /** Older backups that were removed. */
    readonly pruned: readonly string[];
}
export declare const KEEP = 10;
/**
 * Makes a verified backup and removes those that are too many.
 * @throws QueueError DATABASE when the database can't be read, is not sound, or the disk is too full; USAGE for a
 *   name or directory that can't be. Older backups are then as they were.
 */
export declare function makeBackup(options: BackupOptions): Promise<BackupResult>;
