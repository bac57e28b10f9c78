import type { Config } from '../../config.js';
import { type Spool } from '../../spool/layout.js';
import type { Until } from './place.js';
import { type ReplayReport } from './replay.js';
export interface RestoreOptions {
    readonly config: Config;
    readonly spool: Spool;
    readonly database: string;
    /** The backup. */
    readonly file: string;
    /** Restores into this new file instead, and leaves queue and database alone. */
    readonly to?: string | undefined;
    /** Goes no further than this entry, or this time; default: the whole journal. */
    readonly until?: Until | undefined;
    /** Names of entries that are left out. */
    readonly except?: readonly string[];
    /** False: the backup as it is, nothing of the journal. */
    readonly withJournal?: boolean;
    readonly dryRun?: boolean;
    /** Told which step begins and how far it is. */
    readonly onProgress?: (step: RestoreStep, done: number, total: number) => void;
}
export type RestoreStep = 'verify' | 'copy' | 'replay' | 'check';
export interface RestoreReport {
    /** The database, or the file named in `to`. */
    readonly path: string;
    /** Where the database that was there is now; null when there was none. */
    readonly aside: string | null;
    readonly replay: ReplayReport;
    readonly warnings: readonly string[];
}
/**
 * @throws QueueError: NOT_FOUND (no such backup, no such entry, a gap in the journal), DATABASE (the backup is not
 *   sound, the database is in use, the disk too full), WORKER, USAGE. The database is then as it was.
 */
export declare function restoreBackup(options: RestoreOptions): Promise<RestoreReport>;
