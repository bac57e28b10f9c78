import type { Config } from '../../config.js';
import { type Position } from '../../spool/journal-read.js';
import { type Spool } from '../../spool/layout.js';
export interface PruneLedgerOptions {
    readonly config: Config;
    readonly spool: Spool;
    readonly database: string;
    /** Rows of entries applied so many days ago or earlier go. */
    readonly days: number;
    readonly dryRun: boolean;
}
export interface PruneLedgerReport {
    /** Rows deleted, or that would be. */
    readonly rows: number;
    /** The place in the journal that was reached. */
    readonly position: string;
    /** The entry that ended it before the retention did, because the ledger does not have it. */
    readonly stoppedAt: string | undefined;
}
/** @throws SinkOutage when the database can't be used; QueueError NOT_FOUND for a gap in the journal. */
export declare function pruneLedger(options: PruneLedgerOptions): PruneLedgerReport;
/** Up to where the spool's journal is applied to this database for certain, rows in the ledger or not. */
export declare function prunedUntil(database: string, spool: Spool): Position | undefined;
