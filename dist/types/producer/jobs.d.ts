import { type Entry } from '../spool/entry.js';
import type { Spool } from '../spool/layout.js';
import type { Failure } from './load.js';
/** The place of one entry in its job. */
export interface Place {
    /** The job starts at this time, which is to come. ISO 8601. */
    readonly notBefore: string | undefined;
    /** The entry is about to be published under this name, and under no other that was told before. */
    claim(name: string): Failure | undefined;
    /** It was not published. */
    release(): void;
}
/**
 * Finds the job that an entry names.
 * @param complain told of what keeps the entry from being registered, but not from being published.
 */
export declare function placeInJob(spool: Spool, draft: Omit<Entry, 'seq'>, busyTimeout: number, complain: (message: string) => void): Place | Failure;
