/** What the jobs of the last days add up to: by name, and over time. */
import type { Spool } from '../spool/layout.js';
import { type PastOptions } from './history.js';
export interface NameStats {
    readonly name: string;
    readonly jobs: number;
    readonly completed: number;
    readonly failed: number;
    readonly cancelled: number;
    /** Items that were applied or have failed. */
    readonly items: number;
    readonly failedItems: number;
    /** Of those items, the share that has failed: 0 to 1; null when there are none. */
    readonly failureRate: number | null;
    /** Items a second while its jobs ran; null when that can't be told. */
    readonly perSecond: number | null;
    /** How long its jobs took, in seconds; null when nothing of them was applied. */
    readonly p50Seconds: number | null;
    readonly p90Seconds: number | null;
    readonly maxSeconds: number | null;
}
export interface Period {
    /** When it begins: ISO 8601, UTC. */
    readonly start: string;
    /** Jobs that ended in it, and their items. */
    readonly jobs: number;
    readonly items: number;
    readonly failedItems: number;
}
export interface JobStats {
    readonly since: string | null;
    /** Most items first. */
    readonly names: readonly NameStats[];
    /** How long a period is: an hour, or a day when it is about more than two days. */
    readonly periodSeconds: number;
    /** Without gaps, oldest first; [] when no job has ended. */
    readonly periods: readonly Period[];
}
export declare function readJobStats(spool: Spool, options?: PastOptions, now?: number): JobStats;
