import { type Found, type Pending, type Progress } from './bookkeeping.js';
import type { Failure, Item } from './record.js';
export interface Applied {
    /** Lines of the batch that were dealt with; the others come with the next one. */
    readonly count: number;
    readonly inserted: number;
    readonly duplicates: number;
    /** By the offset of the line. */
    readonly failures: ReadonlyMap<number, Failure>;
}
export declare class Database {
    #private;
    readonly path: string;
    constructor(path: string, busyTimeout: number);
    /** How far a file is settled. @throws SinkOutage. */
    find(file: string): Found;
    /** @throws SinkOutage when nothing could be written now. */
    check(): void;
    /**
     * Writes the rows of a batch, as many as the time for the lock allows.
     * @param describe gives what the batch is to leave in the books; its outputs are opened there, so that one that
     *   can't be written stops it before anything is done.
     * @returns undefined, and nothing is done, when the file is settled to elsewhere than `from`: the database was
     *   replaced, or another sync is at work.
     * @throws SinkOutage, and what `describe` throws; nothing is done then.
     */
    apply(file: string, items: readonly Item[], from: Progress, describe: (applied: Applied) => {
        progress: Progress;
        pending: Pending;
    }): Applied | undefined;
    /** What the last batch of a file adds is in the outputs. @throws SinkOutage. */
    confirm(file?: string | undefined): void;
    /** A file is gone, or going. @throws SinkOutage. */
    remove(file: string): void;
    close(): void;
}
