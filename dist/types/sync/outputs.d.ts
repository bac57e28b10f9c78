import { type QueuePlace, type TakenFile } from './place.js';
import type { Failure, Item } from './record.js';
export type Output = 'log' | 'error' | 'failed' | 'all';
export type Sizes = Partial<Record<Output, number>>;
/** What a batch adds. */
export type Additions = Partial<Record<Output, Buffer>>;
/** What these lines become. */
export declare function additionsOf(file: TakenFile, items: readonly Item[], failures: ReadonlyMap<number, Failure>, at: string): Additions;
export declare class Outputs {
    #private;
    constructor(place: QueuePlace);
    /** How long the files are that get something. @throws QueueError when one of them can't be written. */
    sizes(file: TakenFile, additions: Additions): Sizes;
    /**
     * Appends what is not there yet, and has it on disk before it returns.
     * @param sizes how long the files were before any of it was appended.
     */
    append(file: TakenFile, additions: Additions, sizes: Sizes): void;
    close(): void;
}
