import type { Database } from './database.js';
import { type Counts } from './file.js';
import { type QueuePlace, type Refusal } from './place.js';
export interface SyncReport extends Counts {
    /** Taken files that are settled and gone. */
    readonly files: number;
    /** Those that someone may still write to, or that end in a line that is not finished. */
    readonly followed: number;
    /** What stands in the place of a queue file and is none. */
    readonly refused: readonly Refusal[];
    readonly seconds: number;
}
/** Told how many bytes of how many are settled. */
export type OnProgress = (done: number, total: number) => void;
export interface PassOptions {
    readonly place: QueuePlace;
    readonly database: Database;
    readonly signal: AbortSignal;
    /** Throws when another sync could be at work here. */
    readonly checkLock: () => void;
    readonly replayFailed: boolean;
    /** Waits for a last line without a newline until it is old enough to be taken as it is. */
    readonly patient: boolean;
    readonly onProgress: OnProgress;
}
/** @throws SinkOutage, QueueError; everything is then where it was, and the next pass goes on from there. */
export declare function runPass(options: PassOptions): Promise<SyncReport>;
