import { type Entry } from './entry.js';
import type { Spool } from './layout.js';
/**
 * Brings the values of pending/`name` into its params.
 * @returns why the system could not read one now, or undefined.
 * @throws QueueError BAD_ENTRY when one is missing, torn, not UTF-8, or no file.
 */
export declare function loadValues(spool: Spool, name: string, entry: Entry): string | undefined;
/** Removes the files of an entry that has left pending/. What can't be removed is litter, and may stay. */
export declare function removeValues(spool: Spool, name: string, params: readonly string[]): void;
/**
 * Paths of the files in values/ that are old, whose entry is neither in pending/ nor in failed/, and whose writer is
 * gone: one that waits for the end of its stdin may be at it for hours.
 * @throws system errors when it can't be told.
 */
export declare function orphanValues(spool: Spool, minAgeMs?: number): string[];
