/**
 * Entries that wait for a word, not for a time: while their operation is paused, or until the job that theirs comes
 * after is completed. They are read once; their names are kept here until the word comes. And whether the queue as a
 * whole is paused.
 *
 * Whoever resumes an operation or completes a job sees to a worker afterwards, and a worker that leaves looks once more
 * after its goodbye: what is held needs no worker that stays.
 */
import type { Entry } from '../spool/entry.js';
import type { Spool } from '../spool/layout.js';
import type { Accounts } from './accounts.js';
export declare class Holds {
    #private;
    constructor(spool: Spool, accounts: Accounts);
    /** No batch is to be taken. */
    get isPaused(): boolean;
    /** How many entries wait. */
    get size(): number;
    /**
     * Looks for words: one stat(2), and a look at jobs.db while something waits for a job.
     * @returns the names that wait no more.
     * @throws as Accounts does; system errors of the spool.
     */
    look(): string[];
    /** Keeps the name when its entry has to wait. */
    keeps(name: string, { operation, job }: Entry): boolean;
    /** pending/ is about to be listed anew. */
    clear(): void;
}
