import type { Sink } from '../sink/sink.js';
import type { Journal } from '../spool/journal.js';
import type { Spool } from '../spool/layout.js';
import { type Stats } from '../spool/stats.js';
import type { Accounts } from './accounts.js';
import { type IntakeContext } from './intake.js';
import type { Log } from './log.js';
import type { WorkerSummary } from './work.js';
export interface Suspicion {
    /** Names in hand at a worker's death and not settled since. */
    readonly suspects: Set<string>;
    /** Of those, the ones whose database could not be asked; it is before anything else is applied to it. */
    readonly undecided: Set<string>;
    /** Deaths with the one entry in hand alone. */
    readonly deaths: number;
    /** The most entries in one batch while there are suspects. */
    readonly limit: number;
}
export declare const NO_SUSPICION: Suspicion;
interface SettlingContext extends IntakeContext {
    readonly accounts: Accounts;
    readonly journal: Journal;
    readonly stats: Stats;
}
export interface RecoveryContext extends SettlingContext {
    /** Names whose transaction this process has committed; without a ledger only it knows. */
    readonly committed: ReadonlySet<string>;
    /** The first recovery of a process follows a death of the last one; a later one follows a fault of the spool. */
    readonly isRestart: boolean;
    readonly summary: WorkerSummary;
    readonly log: Log;
    readonly sinkFor: (target: string) => Sink;
}
/**
 * Settles the manifest that was left behind. Entries whose database can't be asked now stay in it, and where they are,
 * for `decide`.
 */
export declare function recoverBatch(context: RecoveryContext): Suspicion;
/**
 * Settles what recovery left undecided of one database. To be called before that takes anything new: what was applied
 * first comes first in the journal.
 * @returns the names that were applied.
 * @throws SinkOutage, system errors; all stay undecided then.
 */
export declare function decide(context: SettlingContext, undecided: Set<string>, target: string, sink: Sink): Set<string>;
/** Entry files in processing/ go back to pending/; other things there go to failed/. @returns how many. */
export declare function recoverOrphans(spool: Spool, minAgeMs: number, log: Log): number;
/** Temporary files that a killed process left in .tmp. @returns their paths. */
export declare function staleTemporaries(spool: Spool, minAgeMs?: number): string[];
export {};
