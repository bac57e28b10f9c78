import type { Spool } from './layout.js';
export interface OldestDue {
    readonly name: string;
    /** Since it was written, or since the time it was told to wait for. */
    readonly seconds: number;
}
/**
 * @param minAge seconds; younger entries are not looked at.
 * @returns the entry; undefined when none is that old; 'delayed' when all that were read are waiting for their time.
 */
export declare function oldestDue(spool: Spool, minAge: number): OldestDue | 'delayed' | undefined;
