import type { Config } from '../config.js';
import { type Spool } from '../spool/layout.js';
import type { Alerts } from './alert-thread.js';
import type { WorkerLock } from './lock.js';
import type { Log } from './log.js';
import { type WorkerSummary } from './work.js';
export interface WorkerOptions {
    readonly spool: Spool;
    readonly config: Config;
    readonly log: Log;
    /** Held by the caller until `run` has returned. */
    readonly lock: WorkerLock;
    /** Drain what is due now, then return. */
    readonly once?: boolean;
    /** A parent process starts the successor after a SIGKILL by the watchdog. */
    readonly supervised?: boolean;
    /** Is told of outages and failures. */
    readonly alerts?: Alerts | undefined;
    /** How many names of one priority are held; see order.ts. */
    readonly laneLimit?: number;
}
export declare class Worker {
    #private;
    /** @throws QueueError SPOOL_UNSAFE or SPOOL_UNWRITABLE. */
    constructor(options: WorkerOptions);
    /** Finishes the batch in hand and lets `run` return. */
    stop(): void;
    /** Works until stopped, idle for QUEUE_IDLE_EXIT, or, with `once`, done. */
    run(): Promise<WorkerSummary>;
}
