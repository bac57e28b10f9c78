import type { Config } from '../config.js';
import { type Spool } from '../spool/layout.js';
import { type Complaint } from './complaints.js';
import { type DatabaseHealth } from './database-health.js';
export interface StatusReport {
    /** ISO 8601, UTC. */
    readonly time: string;
    /**
     * absent: there is no spool yet. idle: no worker, nothing to do. running: a worker is there. starting: one was
     * started within the last seconds. waiting: the worker waits for a database (or for the spool to be writable).
     * stalled: work is waiting and no worker is there. silent: a worker's process is there, but shows no sign of life.
     * paused: the whole queue is, until queue-job resume; worker or none.
     */
    readonly state: 'absent' | 'idle' | 'running' | 'starting' | 'waiting' | 'paused' | 'stalled' | 'silent';
    /** The state in a sentence, with what to do about it. */
    readonly message: string;
    /** The spool directory. */
    readonly spool: string;
    readonly depths: {
        readonly pending: number;
        readonly processing: number;
        /** Applied so far. */
        readonly completed: number;
        readonly failed: number;
    };
    /** The oldest entry of all priorities in pending/, or null. */
    readonly oldest: {
        readonly name: string;
        readonly since: string;
        readonly ageSeconds: number;
    } | null;
    readonly worker: {
        readonly pid: number;
        /** ISO 8601, or null where the system does not tell. */
        readonly since: string | null;
        readonly heartbeatAgeSeconds: number;
    } | null;
    readonly statistics: {
        /** processed + failed + duplicates + waiting or in hand; a dead letter put back by hand counts again. */
        readonly enqueued: number;
        readonly processed: number;
        readonly failed: number;
        readonly retried: number;
        /** Skipped, because their key was applied before. */
        readonly duplicates: number;
        /** Written to the database without the queue. */
        readonly direct: number;
    };
    readonly database: DatabaseHealth;
    /** What is paused; entries for it stay in pending/. */
    readonly paused: {
        /** The whole queue. */
        readonly all: boolean;
        readonly operations: readonly string[];
        /** Entries that a worker has set aside, for a pause or because their job waits for another. */
        readonly held: number;
    };
    /** What the worker waits for, or waited for when it was last there. */
    readonly outages: readonly {
        readonly target: string;
        readonly message: string;
        readonly since: string;
    }[];
    /** worker.log, and its last warnings and errors. */
    readonly log: string;
    readonly complaints: readonly Complaint[];
    readonly operations?: readonly OperationReport[];
}
export interface OperationReport {
    readonly operation: string;
    /** Applied entries. */
    readonly count: number;
    readonly failed: number;
    /** Time of applying one entry, in microseconds; 0 without any. */
    readonly meanMicros: number;
    /** Within 19 %. */
    readonly p95Micros: number;
}
/**
 * Looks at the queue.
 * @param options.operations include the counts and times of each operation.
 * @throws QueueError SPOOL_UNSAFE, system errors when the spool can't be read.
 */
export declare function readStatus(config: Config, spool: Spool, options?: {
    operations?: boolean;
}): StatusReport;
