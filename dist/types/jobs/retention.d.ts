import type { Db } from '../sink/driver.js';
import type { Spool } from '../spool/layout.js';
/**
 * Removes up to CHUNK results of completed and cancelled jobs, and these with their last ones.
 * @param olderThanMs since they ended.
 * @returns true when there is more to remove.
 */
export declare function removeSomeOld(db: Db, spool: Spool, olderThanMs: number, now?: number): boolean;
/** What a list of old jobs needs of one that has ended. */
export declare function noteInHistory(db: Db, id: string): void;
/**
 * Removes up to CHUNK results of a job, and it with the last ones. To be called in a transaction.
 *
 * A cancel that was killed, or a producer that was late, may have left entries of withdrawn items in pending/. Without
 * the job nothing would tell that they are not to be applied.
 * @returns false when it is gone.
 */
export declare function removeSome(db: Db, spool: Spool, id: string): boolean;
