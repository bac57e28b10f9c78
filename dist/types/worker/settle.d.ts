import { type Config } from '../config.js';
import type { Journal, JournalLine } from '../spool/journal.js';
import type { Spool } from '../spool/layout.js';
import { type Stats } from '../spool/stats.js';
import type { Accounts } from './accounts.js';
import { type Result } from './apply.js';
import type { Item } from './intake.js';
import type { Log } from './log.js';
import type { Suspicion } from './recover.js';
import type { WorkerSummary } from './work.js';
/** The entry's effect, or a part of it, is in the database. */
export declare function isCommitted(outcome: Result['outcome']): boolean;
export interface SettleContext {
    readonly spool: Spool;
    readonly config: Config;
    readonly journal: Journal;
    readonly accounts: Accounts;
    readonly stats: Stats;
    readonly log: Log;
    readonly summary: WorkerSummary;
    readonly suspicion: Suspicion;
    /** The entry is in failed/ and has left pending/. */
    readonly onGone: (name: string) => void;
    /** These are applied, and journaled: takes them out of pending/, now or soon. */
    readonly remove: (names: readonly string[]) => void;
    /** The entry stays, to be tried again in `ms`. */
    readonly onLater: (name: string, ms: number) => void;
}
/** @throws system errors when the spool can't be written; the manifest must then be recovered. */
export declare function settle(context: SettleContext, results: readonly Result[]): void;
/** The journal line of an applied item. */
export declare function journalLine(item: Item, appliedAt: string, outcome?: Result['outcome']): JournalLine;
/**
 * Of items whose keys are in the ledger, in the order of applying, those that the journal has no line of. Of several
 * with one key, which its callers chose, one was applied: the journal has that one, or the first of these is it.
 */
export declare function withoutLine({ journal, config }: Pick<SettleContext, 'journal' | 'config'>, items: readonly Item[]): Item[];
