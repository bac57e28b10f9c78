import { type Sink } from '../sink/sink.js';
import type { Journal } from '../spool/journal.js';
import type { Spool } from '../spool/layout.js';
import { type Stats } from '../spool/stats.js';
import { type IntakeContext } from './intake.js';
import type { Log } from './log.js';
export interface Suspicion {
    /** Names in hand at a worker's death and not settled since. */
    readonly suspects: Set<string>;
    /** Deaths with the one entry in hand alone. */
    readonly deaths: number;
    /** The most entries in one batch while there are suspects. */
    readonly limit: number;
}
export declare const NO_SUSPICION: Suspicion;
export interface RecoveryContext extends IntakeContext {
    readonly journal: Journal;
    readonly stats: Stats;
    readonly log: Log;
    readonly sinkFor: (target: string) => Sink;
}
/**
 * Settles the manifest that was left behind.
 * @throws SinkOutage when a database can't be asked; nothing is then changed, and the caller tries again.
 */
export declare function recoverBatch(context: RecoveryContext): Suspicion;
/** Entry files in processing/ go back to pending/; other things there go to failed/. @returns how many. */
export declare function recoverOrphans(spool: Spool, minAgeMs: number, log: Log): number;
/** Temporary files that a killed process left in .tmp. @returns their names. */
export declare function staleTemporaries(spool: Spool, minAgeMs?: number): string[];
/** Removes them. @returns how many. */
export declare function removeStaleTemporaries(spool: Spool): number;
