import { type Spool } from '../spool/layout.js';
export interface ArchiveResult {
    /** Files archived (or that would be, in a dry run), by their original names. */
    readonly archived: string[];
    /** Bytes before and after; 0 in a dry run. */
    bytesBefore: number;
    bytesAfter: number;
    /** Files left alone although they are old enough, and why. */
    readonly skipped: {
        name: string;
        why: string;
    }[];
}
/**
 * Archives journal files that were last written to more than `minAgeMs` ago.
 * @throws system errors (ENOSPC, EACCES): the file in question is then as it was.
 */
export declare function archiveJournal(spool: Spool, minAgeMs: number, dryRun: boolean): ArchiveResult;
