/** What became of a job's items, in the order of their entries; in portions, so that memory does not grow with them. */
import type { Db } from '../sink/driver.js';
import type { Spool } from '../spool/layout.js';
import { type ItemResult, type ResultRow } from './job.js';
/**
 * Each portion is as it is when it is read: others go on writing meanwhile.
 * @throws QueueError NOT_FOUND.
 */
export declare function readResults(spool: Spool, id: string, { failed }?: {
    failed?: boolean;
}): Generator<ItemResult>;
/** The rows of a job, a thousand a statement. */
export declare function resultRows(db: Db, id: string, condition?: string): Generator<ResultRow>;
