/**
 * What an error from SQLite means for the queue: the database's fault (an outage: nothing is lost, everything
 * waits), or the entry's own (for good, or perhaps only this time).
 */
import { QueueError } from '../errors.js';
/**
 * The database can't be used now: busy, missing, read-only, full, not a database, I/O error. No entry is to
 * blame unless `duringEntry` says that one may be.
 */
export declare class SinkOutage extends QueueError {
    /** SQLite's extended code, such as SQLITE_BUSY or SQLITE_IOERR_WRITE; a SQLSTATE; NO_DRIVER. */
    readonly reason: string;
    /**
     * true: it arose while an entry's own statements ran (or at a COMMIT that a statement made impossible), so
     * that entry may always provoke it. false: it arose where no entry has a say.
     */
    readonly duringEntry: boolean;
    /** true: a COMMIT was sent and its answer was lost, so that the entries may be applied; ask applied(). */
    readonly inDoubt: boolean;
    constructor(target: string, reason: string, detail: string, options?: {
        duringEntry?: boolean;
        inDoubt?: boolean;
        hint?: string | undefined;
        cause?: unknown;
    });
}
/** An entry's own fault that SQLite never saw, such as parameters that don't fit; or that its migrations are wrong. */
export declare class EntryFault extends Error {
    readonly code: FaultCode;
    readonly hint: string | undefined;
    /** The same entry may go through later. */
    readonly transient: boolean;
    constructor(code: FaultCode, message: string, hint?: string, { transient }?: {
        transient?: boolean | undefined;
    });
}
export type FaultCode = 'BAD_PARAMS' | 'EMPTY_SQL' | 'BAD_TEXT' | 'REFUSED' | 'BAD_SCHEMA' | 'BAD_ROW' | 'POISON';
/** The code of whatever was thrown; the driver's own TypeError and RangeError carry none. */
export declare function reasonOf(error: unknown): string;
/** True for codes that speak of the database file, its locks or the machine. */
export declare function isOutage(reason: string): boolean;
/** True for outage codes after which a look at the database itself tells whether it is usable. */
export declare function mayBeLocal(reason: string): boolean;
/** True when the same entry may go through if it is tried again. */
export declare function isTransient(reason: string): boolean;
/** Wraps what `work` throws for the driver or the database's sake into a SinkOutage. */
export declare function asOutage(target: string, error: unknown, duringEntry: boolean): SinkOutage;
/** What to do about an entry's own error, where the message of SQLite alone leaves its author guessing. */
export declare function entryHint(message: string): string | undefined;
