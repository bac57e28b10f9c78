import type { Database } from './database.js';
import { type Outputs } from './outputs.js';
import { type QueuePlace, type TakenFile } from './place.js';
/** What a pass works with. */
export interface Workshop {
    readonly place: QueuePlace;
    readonly database: Database;
    readonly outputs: Outputs;
    readonly signal: AbortSignal;
    /** Throws when another sync could be at work here. */
    readonly checkLock: () => void;
    /** Told after each batch. */
    readonly onBatch: (counts: Counts) => void;
}
export interface Counts {
    readonly bytes: number;
    readonly inserted: number;
    readonly duplicates: number;
    readonly failed: number;
    readonly malformed: number;
}
/**
 * `gone`: all its lines are settled. `followed`: someone may still write to it. `torn`: it ends in a line without a
 * newline that is too young. `stopped`: by the signal.
 */
export type State = 'gone' | 'followed' | 'torn' | 'stopped';
/** Settles what is there now, and removes the file if it is complete. @throws SinkOutage, QueueError. */
export declare function settleFile(shop: Workshop, file: TakenFile): Promise<State>;
/** After a crash: has the outputs have what the last batch of the file adds. */
export declare function completeOutputs({ database, outputs }: Workshop, file: TakenFile): void;
/** A crash has kept it from going. What the database no longer knows was settled; what has grown since is not. */
export declare function finishRemoval({ database }: Workshop, name: string, done: string): void;
