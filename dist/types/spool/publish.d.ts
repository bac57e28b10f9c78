import { QueueError } from '../errors.js';
import { type Entry } from './entry.js';
import { type Spool } from './layout.js';
export interface PublishOptions {
    readonly durable: boolean;
    readonly onReset?: (message: string) => void;
    /** Told of the name before the entry is there; when that is taken, of the next one. What it throws ends it. */
    readonly claim?: ((name: string) => void) | undefined;
}
/**
 * Gives `draft` its sequence number and puts it into pending/.
 * @returns the entry's file name.
 * @throws QueueError SPOOL_UNWRITABLE, what `claim` throws; nothing is then left in pending/.
 */
export declare function publish(spool: Spool, draft: Omit<Entry, 'seq'>, options: PublishOptions): string;
export declare function unwritable(spool: Spool, error: unknown): QueueError;
/**
 * Puts `text` into pending/ under `name`.
 * @returns false when the name is taken.
 */
export declare function publishAs(spool: Spool, name: string, text: string, durable: boolean): boolean;
/**
 * Creates `path` with `text`, whole or not at all, by way of a file in .tmp.
 * @returns false when `path` is there already.
 */
export declare function linkNew(spool: Spool, name: string, path: string, text: string, durable?: boolean): boolean;
/**
 * Moves a file to a name that must be free.
 * @returns false when it is taken; the file then stays where it is.
 */
export declare function moveNew(from: string, to: string): boolean;
/** Replaces the entry `name` in pending/ (its own retry) or another spool file: readers see the old or the new. */
export declare function replaceFile(spool: Spool, path: string, text: string): void;
/**
 * Opens one of the spool's own files, by no symlink and waiting for nobody.
 * @throws QueueError SPOOL_UNSAFE when it is something else than a file, system errors (a symlink: ELOOP).
 */
export declare function openOwnFile(path: string, flags: number): number;
/** Appends in one write(2), creating the file. @throws when a symlink, a FIFO or the like stands in its place. */
export declare function appendOwnFile(path: string, text: string): void;
/** Writes all the bytes, however many calls that takes. */
export declare function writeAll(fd: number, bytes: Buffer): void;
/** unlink that takes 'no such file' for success. */
export declare function unlinkIfThere(path: string): void;
/** Unlinks what nobody needs: it may stay where the system does not let it go. */
export declare function removeLitter(path: string): void;
/** A second name for a file, or a copy where there are no hard links. @returns false when the name is taken. */
export declare function linkOrCopy(from: string, to: string): boolean;
/** Makes a new name in the directory survive a power cut. */
export declare function fsyncDirectory(path: string): void;
