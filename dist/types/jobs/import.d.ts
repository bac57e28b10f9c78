import type { Spool } from '../spool/layout.js';
export interface ImportOptions {
    /** What the lines come from, for messages. */
    readonly source: string;
    /** A job that is there already is replaced instead of refused. */
    readonly replace?: boolean | undefined;
    /** Told the number of the line. */
    readonly onLine?: ((line: number) => void) | undefined;
}
export interface ImportReport {
    readonly jobs: readonly string[];
    readonly results: number;
}
/**
 * @throws QueueError BAD_ENTRY naming file and line; the jobs before that one are in. SPOOL_UNSAFE, DATABASE.
 */
export declare function importJobs(spool: Spool, chunks: AsyncIterable<Uint8Array>, options: ImportOptions): Promise<ImportReport>;
