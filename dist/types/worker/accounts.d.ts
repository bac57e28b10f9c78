import { type Fate } from '../jobs/items.js';
import type { Spool } from '../spool/layout.js';
import type { Log } from './log.js';
/** waiting: for the job it comes after. gone: no job of this name is known. */
export type Standing = 'open' | 'waiting' | 'cancelled' | 'gone';
export declare class Accounts {
    #private;
    constructor(spool: Spool, busyTimeout: number, log: Log);
    /**
     * Makes sure that what `standing` tells is not older than this call.
     * @returns a number that is another one whenever something has changed.
     */
    refresh(): number;
    /** Where a job stood at the last `refresh`, or later. */
    standing(job: string): Standing;
    /**
     * In one transaction, on disk when this returns.
     * @throws QueueError DATABASE, system errors: nothing is recorded, and may be later.
     */
    record(fates: readonly Fate[]): void;
    /** Removes some of what ended long ago. @returns true when there is more. */
    removeOld(olderThanMs: number): boolean;
    /** Settles items whose producers died before they published them, of jobs that nothing else keeps from ending. */
    dropUnpublished(): void;
    close(): void;
}
