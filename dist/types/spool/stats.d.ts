import type { Spool } from './layout.js';
export interface OperationStats {
    count: number;
    failed: number;
    /** Microseconds spent applying, summed. */
    micros: number;
    /** How many took up to 2^(i/4) microseconds, by i: enough for percentiles within 19 %. */
    histogram: Record<string, number>;
}
export interface Stats {
    processed: number;
    failed: number;
    retried: number;
    /** Entries skipped because their ledger key was there, and structured rows because these were. */
    duplicates: number;
    /** Entries in pending/ that wait because their operation is paused, or for the job before theirs. */
    held: number;
    /** Targets that have been opened once: a missing file is then an outage, not a new database. */
    databases: string[];
    operations: Record<string, OperationStats>;
    /** What keeps the worker from working, by target; empty when nothing does. */
    outages: Record<string, {
        message: string;
        since: string;
    }>;
}
/** The counters as last written; what is missing or damaged counts from nothing. */
export declare function readStats(spool: Spool): Stats;
export declare function writeStats(spool: Spool, stats: Stats): void;
/** How many writes went straight to the database. */
export declare function directCount(spool: Spool): number;
/** Counts one applied entry of `operation` that took `micros`. */
export declare function countApplied(stats: Stats, operation: string, micros: number): void;
export declare function countFailed(stats: Stats, operation: string): void;
/** The time in microseconds that the given share (0..1) of an operation's entries stayed under; 0 without any. */
export declare function percentile(operation: OperationStats, share: number): number;
