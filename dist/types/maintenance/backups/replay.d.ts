/**
 * Applying the journal onto a database: what it has already, its ledger knows, and is passed over.
 *
 * The same code as the worker's applies the entries, in batches, with the time at which each was applied first
 * (sink/past.ts). An entry that fails now is reported, and the others go on.
 */
import { type Config } from '../../config.js';
import { type EntryError } from '../../spool/entry.js';
import { type Position } from '../../spool/journal-read.js';
import { type Spool } from '../../spool/layout.js';
import { type Note } from './history.js';
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
/** How far: up to and with an entry (or, with `before`, up to it), or up to a time in epoch milliseconds. */
export type Until = {
    readonly name: string;
    readonly before?: boolean;
} | {
    readonly time: number;
};
export interface Place {
    readonly stop: Position;
    /** Of these notes those that had been written by then: what was restored later had not happened yet. */
    readonly seen: (notes: readonly Note[]) => readonly Note[];
}
/**
 * The place in the journal that `until` means; of a time, before the first entry that was applied after it.
 * @returns undefined when no entry from `from` on has that name.
 */
export declare function findPlace(spool: Spool, from: Position, until: Until | undefined): Place | undefined;
