import { type JournalLine } from './journal.js';
import type { Spool } from './layout.js';
export interface Position {
    readonly file: number;
    readonly offset: number;
}
export interface PlacedLine extends JournalLine {
    /** Where the line begins. */
    readonly start: Position;
    /** Where the next one does. */
    readonly end: Position;
}
export declare const JOURNAL_START: Position;
export declare function comparePositions(a: Position, b: Position): number;
export declare function later(a: Position, b: Position): Position;
/** { file: 3, offset: 5120 } -> '00000003:5120' */
export declare function formatPosition({ file, offset }: Position): string;
/** Undefined for what is no position. */
export declare function parsePosition(text: string): Position | undefined;
/** Where what is there begins: files may have been removed. */
export declare function journalStart(spool: Spool): Position;
/** Behind the last whole line. */
export declare function journalEnd(spool: Spool): Position;
/**
 * Whole lines from `from` to `to`, in order.
 * @throws QueueError NOT_FOUND when a file between them is missing, with the range.
 */
export declare function readJournal(spool: Spool, from: Position, to?: Position): Generator<PlacedLine>;
