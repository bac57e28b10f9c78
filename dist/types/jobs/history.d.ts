/** Jobs that have ended, those that were removed since included, and what can be counted of them. */
import type { Spool } from '../spool/layout.js';
import { type JobState } from './job.js';
export interface PastOptions {
    /** Only those whose name matches this GLOB pattern of SQLite's. */
    readonly name?: string | undefined;
    /** Only those that ended in the last so many days. */
    readonly days?: number | undefined;
}
/** A job that has ended. */
export interface PastJob {
    readonly id: string;
    readonly name: string;
    readonly state: JobState;
    readonly total: number;
    readonly processed: number;
    readonly failed: number;
    /** ISO 8601, UTC. */
    readonly createdAt: string;
    readonly startedAt: string | null;
    readonly completedAt: string;
    /** From its first item to its end; null when nothing of it was applied. */
    readonly seconds: number | null;
}
/** Newest first. */
export declare function readHistory(spool: Spool, options?: PastOptions, now?: number): PastJob[];
