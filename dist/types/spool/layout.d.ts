export interface Spool {
    /** The spool directory, absolute. */
    readonly base: string;
    /** Entries waiting, one file each, named `PP_SEQ.json`. */
    readonly pending: string;
    /** The manifest of the batch in hand. */
    readonly processing: string;
    /** The journal of applied entries. */
    readonly completed: string;
    /** Dead letters. */
    readonly failed: string;
    /** Values of entries in pending/ that have files of their own; see values.ts. */
    readonly values: string;
    /** Half-written files, never read. */
    readonly tmp: string;
    /** What the plugin's hook scripts keep of each session; made by the first that needs it. */
    readonly hooks: string;
    /** The sequence floor: 16 digits of microseconds. */
    readonly seq: string;
    /** The worker's lock, a SQLite file held by an exclusive transaction. */
    readonly lock: string;
    /** `PID STARTTIME HEARTBEAT` of the worker, one line. */
    readonly pidFile: string;
    readonly log: string;
    readonly stats: string;
    /** One byte for each direct write (O_APPEND needs no lock). */
    readonly direct: string;
    /** The spool's random name, part of every ledger key that is not the caller's own. */
    readonly identity: string;
}
export declare const FILE_MODE = 384;
export declare const DIRECTORY_MODE = 448;
/** The paths of the spool at `base`; touches nothing. */
export declare function spoolAt(base: string): Spool;
/** The directories inside a spool. */
export declare function spoolDirectories(spool: Spool): string[];
/**
 * Creates what is missing of a spool and checks what is there.
 * @throws QueueError SPOOL_UNSAFE, or SPOOL_UNWRITABLE when a directory can't be made.
 */
export declare function ensureSpool(spool: Spool): void;
/**
 * Checks owner, kind and mode of the spool and its directories.
 * @returns false when a part is missing, true when all is there and safe.
 * @throws QueueError SPOOL_UNSAFE.
 */
export declare function checkSpool(spool: Spool): boolean;
