import type { Spool } from './layout.js';
export interface JournalLine {
    /** The entry's text as spooled. */
    readonly text: string;
    readonly name: string;
    readonly key: string;
    /** ISO 8601, UTC. */
    readonly appliedAt: string;
    /** The row that the entry holds was there already. */
    readonly isDuplicateRow?: true;
}
/** What recovery wants to know of a line. */
export interface RecentLine {
    readonly name: string;
    readonly key: string;
    /** The entry's `db`, if it has one. */
    readonly db?: string;
    /** The line's beginning is not in what was read, so `db` is not known. */
    readonly isCut?: true;
    readonly isDuplicateRow?: true;
}
export declare class Journal {
    #private;
    /** Touches nothing. */
    constructor(spool: Spool);
    /** Opens the newest journal file for appending and cuts off a torn last line. Only the worker may call this. */
    static open(spool: Spool): Journal;
    /** The same, unless it is open; throws system errors. */
    open(): void;
    /**
     * Appends lines and syncs them to disk.
     * @throws system errors (ENOSPC, EIO). Some lines may then be there: ask `recent` before appending them again.
     */
    append(lines: readonly JournalLine[]): void;
    /** Lines in the last few megabytes of the journal that have one of these names or keys, oldest first. */
    recent(names: ReadonlySet<string>, keys?: ReadonlySet<string>): RecentLine[];
    close(): void;
}
/**
 * Appends lines from a process that is not the worker (direct writes): one write(2) with O_APPEND. A torn line
 * that a killed worker left is ended first: cutting it off is the worker's, who may be writing it.
 */
export declare function appendDirect(spool: Spool, ...lines: readonly JournalLine[]): void;
/** The journal's files, oldest first, archived ones included. */
export declare function journalFiles(spool: Spool): string[];
/** The number of a journal file; NaN for another file. */
export declare function journalNumber(name: string): number;
/** Makes a journal file with this number, empty, unless it is there. */
export declare function beginJournal(spool: Spool, number: number): void;
/**
 * What `formatLine` added to an entry: the entry can't hold that in a string, where quotes are escaped, nor behind it.
 * The line's beginning may be missing, where an entry is larger than what is read; what stands between, a key, may
 * be as large, so no pattern goes over it.
 * @returns undefined for what is no whole line: a killed writer's, ended by the next one.
 */
export declare function endOfLine(line: string): Omit<JournalLine, 'text'> | undefined;
