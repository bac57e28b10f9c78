import type { Spool } from '../spool/layout.js';
export interface Depths {
    /** Entries waiting, those in hand not counted. */
    readonly pending: number;
    /** Entries of the batch in hand that still stand in pending/, and orphans in processing/. */
    readonly processing: number;
    readonly failed: number;
    /** Files in processing/ that are no manifest. */
    readonly orphans: number;
    /** The oldest name in pending/ over all priorities, and the microseconds since 1970 in it. */
    readonly oldest: {
        readonly name: string;
        readonly micros: number;
    } | undefined;
}
export declare function readDepths(spool: Spool): Depths;
