import type { Spool } from '../spool/layout.js';
export interface Complaint {
    /** ISO 8601, with its zone. */
    readonly time: string;
    readonly level: 'warn' | 'error';
    readonly message: string;
}
/** The last `count` complaints in the last 64 KB of the log, oldest first; none when there is no log. */
export declare function recentComplaints(spool: Spool, count: number): Complaint[];
