import type { EntryError } from '../spool/entry.js';
import type { Spool } from '../spool/layout.js';
export type Fate = 
/** `isDuplicateRow`: nothing was written, for the row was there already. */
{
    kind: 'applied';
    isDuplicateRow?: true;
} | {
    kind: 'failed';
    error: EntryError;
} | {
    kind: 'pending';
};
/**
 * @param seconds how long to wait; Infinity for ever.
 * @param isRow the entry is a structured row: it is told whether that was a duplicate.
 */
export declare function waitForEntry(spool: Spool, name: string, seconds: number, isRow?: boolean): Promise<Fate>;
