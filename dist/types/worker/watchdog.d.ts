import { type Spool } from '../spool/layout.js';
/** The main thread's side. */
export declare class Watch {
    #private;
    constructor(spool: Spool, options: {
        statementTimeout: number;
        supervised: boolean;
    });
    /** The entry at `index` of the manifest begins to run. */
    enter(index: number): void;
    /** The entry has ended. Never returns when the watchdog has given it up: the process is about to be killed. */
    leave(): void;
    /** The watchdog wants the worker to leave: the spool became unsafe. */
    get stopRequested(): boolean;
    end(): Promise<void>;
}
/** True in the watchdog's thread; dist/threads.cjs then calls `runWatchdog`. */
export declare function isWatchdogThread(): boolean;
export declare function runWatchdog(): void;
