/**
 * The one error class of the program, and its exit codes.
 *
 * Every error that a user can meet is a `QueueError`: `message` says what was wrong and where, `hint` what to
 * do about it, `code` is stable and may be matched on.
 */
/** Exit codes of all executables; documented in the README. */
export declare const EXIT: {
    readonly ok: 0;
    /** The thing asked for did not happen (for queue-write: neither the spool nor the database has it). */
    readonly failure: 1;
    /** The command line or an environment variable is wrong; nothing was done. */
    readonly usage: 2;
    /** An entry was tried and failed; its error is on stderr or in failed/. */
    readonly entryFailed: 3;
    /** --wait ran out before the entry was applied; it is still in the spool. */
    readonly notYet: 4;
};
export type ErrorCode = 
/** A bad argument, option or value given by the caller. */
'USAGE'
/** A bad environment variable. */
 | 'CONFIG'
/** Bytes that are not an entry: torn, not UTF-8, not JSON, wrong fields. */
 | 'BAD_ENTRY'
/** The spool is a symlink, someone else's, or open to group or others. */
 | 'SPOOL_UNSAFE'
/** The spool can't be created or written: full, read-only, no permission. */
 | 'SPOOL_UNWRITABLE'
/** The entry's own SQL failed for good. */
 | 'ENTRY_FAILED'
/** The database can't be used now: busy, missing, read-only, full, not a database. */
 | 'DATABASE'
/** A worker runs, or does not, and the command needs the opposite. */
 | 'WORKER'
/** The agent's settings file is not what it should be, or can't be read or written. */
 | 'SETTINGS'
/** A named thing is not there. */
 | 'NOT_FOUND';
export declare class QueueError extends Error {
    readonly name = "QueueError";
    readonly code: ErrorCode;
    /** One sentence saying what to do, or undefined when the message says it all. */
    readonly hint: string | undefined;
    constructor(code: ErrorCode, message: string, options?: {
        hint?: string;
        cause?: unknown;
    });
    /** The exit code that stands for this error when it reaches the edge of an executable. */
    get exitCode(): number;
}
/** The text of anything thrown, in one line, without a stack. */
export declare function messageOf(error: unknown): string;
/** The `code` of a system or SQLite error ('ENOENT', 'SQLITE_BUSY'), or undefined. */
export declare function codeOf(error: unknown): string | undefined;
