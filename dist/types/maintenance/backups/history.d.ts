import { type PlacedLine, type Position } from '../../spool/journal-read.js';
import { type Spool } from '../../spool/layout.js';
export interface Note {
    readonly kind: 'restore' | 'replay';
    /** ISO 8601, UTC. */
    readonly at: string;
    /** Lines from here ... */
    readonly from: Position;
    /** ... to here were taken in. */
    readonly until: Position;
    /** Where the journal ended: of a restore, nothing between `until` and `end` is part of the database. */
    readonly end: Position;
    /** Names of entries that were left out. */
    readonly except: readonly string[];
    /** Only entries of this operation. */
    readonly only?: string | undefined;
    /** How many notes of this database its reading of the journal went by. */
    readonly seen: number;
    /** Of a restore: how many notes there were when the backup was made. */
    readonly seenByBackup: number;
    /** The file that takes the database's place. */
    readonly temporary?: string | undefined;
}
/** What of a line decides. */
export type LineKey = Pick<PlacedLine, 'start' | 'name'> & {
    readonly operation: string;
};
/** True when the database has the line, if these are all the notes. */
export declare function isPart(line: LineKey, notes: readonly Note[]): boolean;
/** The notes about this database that count, oldest first. */
export declare function readNotes(spool: Spool, database: string): Note[];
/** Writes a note and syncs it to disk. The queue must be held: notes are of one writer. */
export declare function addNote(spool: Spool, database: string, note: Note): void;
/** The exchange with this file has happened. */
export declare function confirmNote(spool: Spool, temporary: string): void;
/** It does not happen: call this before the file is removed. */
export declare function cancelNote(spool: Spool, temporary: string): void;
