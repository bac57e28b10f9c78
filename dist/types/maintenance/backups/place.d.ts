/** A place in the journal as users name it: an entry, a moment. */
import { type Position } from '../../spool/journal-read.js';
import type { Spool } from '../../spool/layout.js';
import type { Note } from './history.js';
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
