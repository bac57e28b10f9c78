import { type AlertSettings, type Config } from '../config.js';
import { type Spool } from '../spool/layout.js';
import type { Log } from './log.js';
import { type Presence } from './presence.js';
import type { WorkerSummary } from './work.js';
export interface RunOptions {
    readonly spool: Spool;
    readonly config: Config;
    readonly log: Log;
    /** Where and when to tell someone of trouble; nobody by default. */
    readonly alerts?: AlertSettings;
    readonly once?: boolean;
    readonly supervised?: boolean;
}
/**
 * Is the worker, in this process, until it is stopped or done. SIGTERM and SIGINT finish the batch in hand.
 * @returns undefined when another worker is there already.
 */
export declare function runWorker(options: RunOptions): Promise<WorkerSummary | undefined>;
/**
 * Starts a detached worker and waits until it is there.
 * @returns it, and whether it was there before.
 * @throws QueueError WORKER when it does not come up within 10 s.
 */
export declare function startWorker(spool: Spool): Promise<{
    worker: Presence;
    wasThere: boolean;
}>;
/**
 * Runs a worker in a child process and waits for its end, for --once and --foreground: when an entry that never
 * ends has to be stopped, the child is killed, and another takes its place.
 * @returns the exit code to leave with.
 */
export declare function superviseWorker(spool: Spool, args: readonly string[]): Promise<number>;
/**
 * With a worker already running, waits until it has dealt with everything that is in pending/ now, or all that is left
 * there is held (holds.ts).
 * @returns the names that ended in failed/; 'left' when the worker left before it was done; 'paused' when the queue is.
 */
export declare function waitForDrain(spool: Spool, timeoutMs: number): Promise<{
    failed: string[];
    held: number;
} | 'left' | 'paused' | undefined>;
