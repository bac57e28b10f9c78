import { type Spool } from './layout.js';
export interface JournalLine {
    /** The entry's text as spooled. */
    readonly text: string;
    readonly name: string;
    readonly key: string;
    /** ISO 8601, UTC. */
    readonly appliedAt: string;
}
export declare class Journal {
    #private;
    private constructor();
    /** Opens the newest journal file for appending and cuts off a torn last line. Only the worker may call this. */
    static open(spool: Spool): Journal;
    /**
     * Appends lines and syncs them to disk.
     * @throws system errors (ENOSPC, EIO). Some lines may then be there: ask `recent` before appending them again.
     */
    append(lines: readonly JournalLine[]): void;
    /** Names among `names` that stand in the last few megabytes of the journal. */
    recent(names: ReadonlySet<string>): Set<string>;
    close(): void;
}
/**
 * Appends one line from a process that is not the worker (a direct write): one write(2) with O_APPEND. A torn line
 * that a killed worker left is ended first: cutting it off is the worker's, who may be writing it.
 */
export declare function appendDirect(spool: Spool, line: JournalLine): void;
/** The journal's files, oldest first, archived ones included. */
export declare function journalFiles(spool: Spool): string[];
/** The number of a journal file; NaN for another file. */
export declare function journalNumber(name: string): number;
/**
 * What the journal added to an entry. Its beginning may be missing, where an entry is larger than what is read.
 * @returns undefined for what is no whole line: a killed writer's, ended by the next one.
 */
export declare function endOfLine(line: string): Omit<JournalLine, 'text'> | undefined;
