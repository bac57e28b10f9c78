/**
 * Removing jobs that ended long ago, a chunk at a time so that nobody waits long. What a list of old jobs needs goes to
 * job_history first. Failed jobs stay until somebody sees to them.
 *
 * A job that dies in several chunks keeps its row, and its counters follow its rows, until the last chunk: whatever is
 * interrupted goes on the next time.
 */
import type { Db } from '../sink/driver.js';
/**
 * Removes up to CHUNK results of completed and cancelled jobs, and these with their last ones.
 * @param olderThanMs since they ended.
 * @returns true when there is more to remove.
 */
export declare function removeSomeOld(db: Db, olderThanMs: number, now?: number): boolean;
