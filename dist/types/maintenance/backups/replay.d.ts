/**
 * Applying the journal onto a database: what it has already, its ledger knows, and is passed over.
 *
 * The same code as the worker's applies the entries, in batches, with the time at which each was applied first
 * (sink/past.ts). An entry that fails now is reported, and the others go on.
 */
import type { Config } from '../../config.js';
import { QueueError } from '../../errors.js';
import { type EntryError } from '../../spool/entry.js';
import { type PlacedLine, type Position } from '../../spool/journal-read.js';
import { type Spool } from '../../spool/layout.js';
import { type Note } from './history.js';
import { type Until } from './place.js';
export interface ReplayOptions {
    readonly spool: Spool;
    readonly config: Config;
    /** The database as entries name it. */
    readonly database: string;
    /** The file to apply to; it may be a copy. */
    readonly file: string;
    readonly from: Position;
    readonly until: Position;
    /** Notes of earlier restores and replays that the reading goes by. */
    readonly notes: readonly Note[];
    /** Names of entries that are left out. */
    readonly except: readonly string[];
    readonly only?: string | undefined;
    /** Lists what would be applied, and applies nothing. */
    readonly dryRun?: boolean;
    readonly onProgress?: (done: number, total: number) => void;
}
export interface ReplayReport {
    applied: number;
    /** The database had them already. */
    duplicates: number;
    /** Left out: by `except` or `only`, by an earlier restore, or for another database. */
    skipped: number;
    readonly failed: {
        name: string;
        operation: string;
        error: EntryError;
    }[];
    /** Of a dry run: what would be applied. */
    readonly planned: {
        name: string;
        operation: string;
        appliedAt: string;
    }[];
}
/** @throws SinkOutage when the database can't be used; QueueError NOT_FOUND for a gap in the journal. */
export declare function replay(options: ReplayOptions): ReplayReport;
export interface ForwardOptions {
    readonly config: Config;
    readonly spool: Spool;
    readonly database: string;
    /** Default: where the journal begins. */
    readonly from?: Position | undefined;
    readonly until?: Until | undefined;
    readonly except?: readonly string[] | undefined;
    readonly only?: string | undefined;
    readonly dryRun?: boolean | undefined;
    readonly onProgress?: (done: number, total: number) => void;
}
/**
 * Applies to the database what it lacks of the journal, while the queue is held. What the last restore has left out is taken
 * in: that is the way forward after a rollback.
 * @throws as `replay`; NOT_FOUND when the journal has no such entry; WORKER.
 */
export declare function replayJournal(options: ForwardOptions): Promise<ReplayReport>;
/** Without its rows, everything would be applied again. */
export declare function noLedger(): QueueError;
/**
 * Each must be there: a misspelt one would be applied.
 * @throws QueueError NOT_FOUND.
 */
export declare function checkExcept(spool: Spool, from: Position, until: Position, except: readonly string[]): void;
/** Lines from `from` on whose entries this file has already: the first ones, if any. */
export declare function appliedAhead(file: string, spool: Spool, from: Position, until: Position): PlacedLine[];
