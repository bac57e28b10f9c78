import type { Spool } from '../spool/layout.js';
export declare const HEARTBEAT_INTERVAL_MS = 5000;
export interface Presence {
    readonly pid: number;
    /** Kernel clock ticks since boot; 0 where /proc does not tell. */
    readonly startTime: number;
    /** Epoch seconds. */
    readonly heartbeat: number;
}
/** Writes this process into worker.pid with a fresh heartbeat. */
export declare function announce(spool: Spool): void;
/** Takes worker.pid away if it is ours. */
export declare function withdraw(spool: Spool): void;
/** What worker.pid says, true or not. */
export declare function readPresence(spool: Spool): Presence | undefined;
/** The living worker, or undefined. Cheap: a producer asks after every entry. */
export declare function livingWorker(spool: Spool): Presence | undefined;
/** True when the process that worker.pid names still runs, heartbeat or not (it may be suspended). */
export declare function isSameProcess(presence: Presence): boolean;
/**
 * Asks the worker to finish its batch and leave, and waits until it has.
 * @returns its pid, or undefined when none ran.
 * @throws QueueError WORKER when it has not left after `timeoutMs`.
 */
export declare function stopWorker(spool: Spool, timeoutMs?: number): Promise<number | undefined>;
