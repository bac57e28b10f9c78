/**
 * Removing jobs that ended long ago, a chunk at a time so that nobody waits long. What a list of old jobs needs goes to
 * job_history first. Failed jobs stay until somebody sees to them.
 *
 * A job that dies in several chunks keeps its row, and its counters follow its rows, until the last chunk: whatever is
 * interrupted goes on the next time.
 */
import type { Db } from '../sink/driver.ts';
import { CHUNK, prepared } from './items.ts';

const HISTORY_MS = 90 * 24 * 3600 * 1000;

/**
 * Removes up to CHUNK results of completed and cancelled jobs, and these with their last ones.
 * @param olderThanMs since they ended.
 * @returns true when there is more to remove.
 */
export function removeSomeOld(db: Db, olderThanMs: number, now = Date.now()): boolean {
  return db
    .transaction(() => {
      prepared(db, 'DELETE FROM job_history WHERE completed_at < ?').run(now - HISTORY_MS);
      const id = prepared(db, OLD)
        .pluck()
        .get(now - olderThanMs) as string | undefined;
      if (id === undefined) return false;
      noteInHistory(db, id);
      if (!removeSomeResults(db, id)) prepared(db, 'DELETE FROM jobs WHERE id = ?').run(id);
      return true;
    })
    .immediate();
}

/** What a list of old jobs needs of one that has ended. */
export function noteInHistory(db: Db, id: string): void {
  prepared(db, TO_HISTORY).run(id);
}

/** @returns true when there may be more of them. */
export function removeSomeResults(db: Db, id: string): boolean {
  const some = 'SELECT name FROM job_results WHERE job_id = :id LIMIT :limit';
  const remove = prepared(db, `DELETE FROM job_results WHERE job_id = :id AND name IN (${some})`);
  return remove.run({ id, limit: CHUNK }).changes === CHUNK;
}

/** Not while another waits for it: that one would wait for a job that is not there. */
const OLD = `SELECT id FROM jobs WHERE completed_at < ? AND state IN ('completed', 'cancelled')
  AND NOT EXISTS (SELECT 1 FROM jobs AS others WHERE others.after = jobs.id) ORDER BY completed_at LIMIT 1`;
/** An id may have been used before. While it is removed in chunks the first figures are the right ones. */
const TO_HISTORY = `INSERT INTO job_history(id, name, state, total, processed, failed, created_at, started_at, completed_at)
  SELECT id, name, state, total, processed, failed, created_at, started_at, completed_at FROM jobs
  WHERE id = ? AND state IN ('completed', 'failed', 'cancelled')
  ON CONFLICT(id) DO UPDATE SET name = excluded.name, state = excluded.state, total = excluded.total,
    processed = excluded.processed, failed = excluded.failed, created_at = excluded.created_at,
    started_at = excluded.started_at, completed_at = excluded.completed_at
  WHERE created_at <> excluded.created_at`;
