/**
 * `_queue_sync(file, done, lines, pending)` in the target database: how far each taken file is settled, written in the
 * transaction that writes the rows. `done` counts bytes, `lines` the lines in them.
 *
 * `pending` is the last batch, as long as what it adds to the output files may not be there: where it began, how long
 * the outputs were before it, and which lines failed and why. The rest follows from the lines. One batch at most is
 * pending in a directory: the next one's transaction, or the end of a pass, confirms it.
 */
import type { Db } from '../sink/driver.js';
import type { Sizes } from './outputs.js';
import type { Failure } from './record.js';
export interface Progress {
    readonly done: number;
    readonly lines: number;
}
export interface Pending {
    readonly from: Progress;
    readonly sizes: Sizes;
    /** ISO 8601: the time in its records. */
    readonly at: string;
    /** By the offset of the line. */
    readonly failures: readonly (readonly [offset: number, failure: Failure])[];
    /** The line without a newline at the end of the file is part of it. */
    readonly torn?: true;
}
export interface Found {
    readonly isKnown: boolean;
    readonly progress: Progress;
    readonly pending: Pending | undefined;
}
export declare class Bookkeeping {
    #private;
    constructor(db: Db);
    find(file: string): Found;
    /** Makes the table. Call it inside a transaction; when that is given up, forget(). */
    create(): void;
    /** Inside a transaction: a file is settled up to here. */
    note(file: string, { done, lines }: Progress, pending: Pending): void;
    /** The outputs have what the file's last batch adds. */
    confirm(file: string): void;
    /** The file is gone. */
    remove(file: string): void;
    /** The transaction was given up in which the table may have been made. */
    forget(): void;
}
