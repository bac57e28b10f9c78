import type { AlertSettings } from '../config.js';
import type { Spool } from '../spool/layout.js';
import type { Stats } from '../spool/stats.js';
import { type Log } from './log.js';
/** The main thread's side. */
export declare class Alerts {
    #private;
    /** Notes that this worker has begun. */
    constructor(spool: Spool, settings: AlertSettings, database: string, log: Log);
    /** Begins to look: this worker has the lock, or can't have it and is about to say so. */
    start(): void;
    /** Cheap: to be called after every batch. */
    see(stats: Stats, working: ReadonlySet<string>): void;
    /** @param inOrder false after an error: the note of this run stays, as that of a worker that died. */
    end(inOrder: boolean): Promise<void>;
}
/** True in the thread; the queue-worker executable then calls `runAlertThread`. */
export declare function isAlertThread(): boolean;
export declare function runAlertThread(): void;
