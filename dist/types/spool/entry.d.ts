export type Params = Record<string, unknown> | unknown[];
export interface Entry {
    /** `<16-digit microseconds>_<pid>`; older writers may have used any string. */
    seq: string;
    /** 1 (first) to 10 (last). */
    priority: number;
    operation: string;
    sql: string;
    /** Bound to the statements' parameters, never spliced into SQL. */
    params?: Params;
    metadata: Record<string, unknown>;
    /** ISO 8601, UTC. */
    created_at: string;
    retries: number;
    /** Idempotency key of the caller's. */
    id?: string;
    /** Target database, when it is not the worker's default. */
    db?: string;
    /** Absolute path of the migrations that the target must have seen before this entry is applied. */
    schema?: string;
    /** Names of the parameters whose text stands in a file of its own (spool/values.ts); only in pending/. */
    values?: string[];
    job?: string;
    /** ISO 8601: not applied before then. */
    not_before?: string;
    /** Only in failed/. */
    error?: EntryError;
    [other: string]: unknown;
}
export interface EntryError {
    /** SQLite's or our own code, such as SQLITE_CONSTRAINT_UNIQUE or BAD_ENTRY. */
    code: string;
    message: string;
    /** ISO 8601, UTC. */
    at: string;
    hint?: string;
}
export declare const DEFAULT_PRIORITY = 5;
export declare const DEFAULT_OPERATION = "write";
/** A larger file in pending/ is set aside unread. */
export declare const MAX_ENTRY_BYTES: number;
/** The file name of an entry; a plain byte sort of names is the order of application. */
export declare function entryName(priority: number, seq: string): string;
/** True when `name` may stand in pending/. */
export declare function isEntryName(name: string): boolean;
/** The parts of an entry's file name, or undefined when it is not one. */
export declare function splitName(name: string): {
    priority: number;
    seq: string;
} | undefined;
/** The entry as it stands on disk, final newline included. BigInt parameters keep all their digits. */
export declare function serializeEntry(entry: Entry): string;
/** True when the bytes end in the commit mark. */
export declare function isFinished(bytes: Uint8Array): boolean;
/**
 * The text of an entry file.
 * @throws QueueError BAD_ENTRY when a byte is not UTF-8.
 */
export declare function decodeEntry(bytes: Buffer): string;
/** `parseEntryText(decodeEntry(bytes), name)`. */
export declare function parseEntry(bytes: Buffer, name: string): Entry;
/**
 * Reads one entry.
 *
 * @param text the file's text, final newline included.
 * @param name its file name; priority and seq are taken from there when the object lacks them.
 * @throws QueueError BAD_ENTRY saying what is wrong with it.
 */
export declare function parseEntryText(text: string, name: string): Entry;
/**
 * Checks the fields of an entry, whoever made it.
 * @throws QueueError BAD_ENTRY.
 */
export declare function checkEntry(entry: Entry): void;
/** @throws QueueError BAD_ENTRY when a string or a key anywhere in `value` holds a lone surrogate. */
export declare function checkWellFormed(value: unknown, where: string): void;
