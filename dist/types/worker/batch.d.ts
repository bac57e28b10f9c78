/**
 * One batch: taken in order, written into the manifest, applied database by database, settled.
 *
 * `Work` is what the worker's parts share. Exactly one thing becomes of an entry that is taken: settled (applied,
 * a duplicate, buried, put off for a retry), parked while its database is down, put off until it is due or whole,
 * or put back because its batch ended before it.
 */
import type { Config } from '../config.js';
import type { Journal } from '../spool/journal.js';
import type { Spool } from '../spool/layout.js';
import { type Stats } from '../spool/stats.js';
import type { Backlog } from './backlog.js';
import type { FilesThread } from './files-thread.js';
import { type Item } from './intake.js';
import type { Log } from './log.js';
import { type Suspicion } from './recover.js';
import type { Targets } from './targets.js';
import type { Watch } from './watchdog.js';
export interface WorkerSummary {
    applied: number;
    duplicates: number;
    failed: number;
    /** With `once`: why a database could not be used, for all or for one that is still there. */
    outage?: string | undefined;
}
export interface Work {
    readonly spool: Spool;
    readonly config: Config;
    readonly log: Log;
    /** Of the spool; '' before the first recovery. */
    identity: string;
    readonly journal: Journal;
    readonly stats: Stats;
    readonly targets: Targets;
    readonly backlog: Backlog;
    readonly summary: WorkerSummary;
    /** Names whose writers have not finished. */
    readonly unfinished: Set<string>;
    /** Of entries taken in, the parameters whose values have files of their own. */
    readonly values: Map<string, readonly string[]>;
    /** Names whose transaction is committed and that have not left pending/ yet. */
    readonly committed: Set<string>;
    /** Of entries that wait because the database has no room for them alone: what it said. */
    readonly tooLarge: Map<string, string>;
    suspicion: Suspicion;
    watch: Watch | undefined;
    /** Only while a large backlog is drained. */
    files: FilesThread | undefined;
}
/** Takes entries in order: those for a database that works are returned, the others find their place. */
export declare function takeBatch(work: Work): Item[];
/** Names in pending/ that are no entry's go to failed/. */
export declare function buryOddNames(work: Work): void;
/**
 * Applies and settles a batch.
 * @throws system errors when the spool can't be written; the manifest is then still there to recover from.
 */
export declare function applyBatch(work: Work, items: readonly Item[]): void;
/** The name has left pending/. */
export declare function gone(work: Work, name: string): void;
