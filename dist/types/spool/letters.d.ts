import { type Entry, type EntryError } from './entry.js';
import type { Spool } from './layout.js';
export interface Letter {
    /** Its file name in failed/. */
    readonly name: string;
    readonly error: EntryError;
    /** The entry, or undefined for a raw letter: what could not be read as one. */
    readonly entry: Entry | undefined;
    /** For a raw letter its first bytes; undefined when it is no regular file. */
    readonly start: Buffer | undefined;
    /** When it failed, in epoch milliseconds: by the error, else the file's mtime. */
    readonly failedAt: number;
}
export declare const RETRY_SUFFIX = ".retry";
/** The letters among the names in failed/: all but the .why files that belong to one, or to none any more. */
export declare function letterNames(names: readonly string[]): string[];
/** All letters' names, in the order of entries. */
export declare function allLetterNames(spool: Spool): string[];
/** The letter, or undefined when it has left failed/ meanwhile. Names must come from `allLetterNames`. */
export declare function readLetter(spool: Spool, name: string): Letter | undefined;
/** All letters, or those of one operation. */
export declare function readLetters(spool: Spool, operation?: string): Letter[];
/**
 * The letters' names that the user means: each given name with or without `.json`.
 * @throws QueueError USAGE for a path, NOT_FOUND naming the first that is not there.
 */
export declare function findLetters(spool: Spool, wanted: readonly string[]): string[];
/** The name that a letter had in pending/: without what a second one of its name, or a retry, has added. */
export declare function entryNameOf(letterName: string): string;
