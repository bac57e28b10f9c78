import type { EntryError } from '../spool/entry.js';
import type { Spool } from '../spool/layout.js';
export type Fate = {
    kind: 'applied';
} | {
    kind: 'failed';
    error: EntryError;
} | {
    kind: 'pending';
};
/** @param seconds how long to wait; Infinity for ever. */
export declare function waitForEntry(spool: Spool, name: string, seconds: number): Promise<Fate>;
