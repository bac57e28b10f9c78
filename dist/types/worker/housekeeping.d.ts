/**
 * What a worker looks after from time to time, beside its work: orphans, litter, old jobs, and whether the lock is still
 * its own.
 */
import type { Config } from '../config.js';
import type { Spool } from '../spool/layout.js';
import type { Accounts } from './accounts.js';
import type { WorkerLock } from './lock.js';
import type { Log } from './log.js';
export declare class Housekeeping {
    #private;
    constructor(spool: Spool, config: Config, lock: WorkerLock, accounts: Accounts, log: Log);
    /**
     * Puts orphans back and removes stale temporaries, when that is due.
     * @throws QueueError WORKER when the lock is another's now; system errors of the spool.
     */
    tidy(): void;
    /**
     * Looks after the jobs, when that is due: at once in a worker that has nothing to do, later in a busy one. Old ones go
     * a part a call.
     * @throws as Accounts does.
     */
    retireJobs(isIdle: boolean): void;
    /** Removes values without an entry, when that is due. It looks for the entry of each: only when nothing waits. */
    sweep(): void;
}
