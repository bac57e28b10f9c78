import type { Spool } from '../spool/layout.js';
export interface Refusal {
    readonly name: string;
    readonly why: string;
}
export interface RetryResult {
    readonly retried: readonly string[];
    /** Letters that stay in failed/, and why. */
    readonly refused: readonly Refusal[];
}
/**
 * Puts letters back into pending/ with no error and no spent retries, and sees to it that a worker is there. Raw
 * letters go back as they are. What their jobs are told is jobs/retry.ts's.
 * @param names from `findLetters` or `readLetters`.
 * @param isJobless of a job: its entries are to go on without it.
 * @throws system errors when the spool can't be written.
 */
export declare function putBackLetters(spool: Spool, names: readonly string[], isJobless?: (job: string) => boolean): RetryResult;
/** Removes letters for good. @returns how many were there. */
export declare function discardLetters(spool: Spool, names: readonly string[]): number;
/** Removes one letter, its reason last: without the letter the reason is litter, without the reason it is lost. */
export declare function discardLetter(spool: Spool, name: string): boolean;
/** The entry is in pending/: removes what a retry that was killed between its last two steps has left of its letter. */
export declare function dropTwin(spool: Spool, target: string): undefined;
