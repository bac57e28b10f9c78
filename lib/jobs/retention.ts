/**
 * Removing jobs that ended long ago, a chunk at a time so that nobody waits long. What a list of old jobs needs goes to
 * job_history first. Failed jobs stay until somebody sees to them.
 *
 * A job that dies in several chunks keeps its row, and its counters follow its rows, until the last chunk: whatever is
 * interrupted goes on the next time.
 */
import { join } from 'node:path';
import type { Db } from '../sink/driver.ts';
import type { Spool } from '../spool/layout.ts';
import { unlinkIfThere } from '../spool/publish.ts';
import { CHUNK, prepared } from './items.ts';

const HISTORY_MS = 90 * 24 * 3600 * 1000;

/**
 * Removes up to CHUNK results of completed and cancelled jobs, and these with their last ones.
 * @param olderThanMs since they ended.
 * @returns true when there is more to remove.
 */
export function removeSomeOld(db: Db, spool: Spool, olderThanMs: number, now = Date.now()): boolean {
  return db
    .transaction(() => {
      prepared(db, 'DELETE FROM job_history WHERE completed_at < ?').run(now - HISTORY_MS);
      const id = prepared(db, OLD)
        .pluck()
        .get(now - olderThanMs) as string | undefined;
      if (id === undefined) return false;
      noteInHistory(db, id);
      removeSome(db, spool, id);
      return true;
    })
    .immediate();
}

/** What a list of old jobs needs of one that has ended. */
export function noteInHistory(db: Db, id: string): void {
  prepared(db, TO_HISTORY).run(id);
}

/**
 * Removes up to CHUNK results of a job, and it with the last ones. To be called in a transaction.
 *
 * A cancel that was killed, or a producer that was late, may have left entries of withdrawn items in pending/. Without
 * the job nothing would tell that they are not to be applied.
 * @returns false when it is gone.
 */
export function removeSome(db: Db, spool: Spool, id: string): boolean {
  const withdrawn = prepared(
    db,
    `SELECT name FROM (SELECT name, state FROM job_results WHERE job_id = :id LIMIT ${CHUNK})
       WHERE state = 'withdrawn' AND EXISTS (SELECT 1 FROM jobs WHERE id = :id AND state = 'cancelled')`,
  );
  for (const name of withdrawn.pluck().all({ id }) as string[]) unlinkIfThere(join(spool.pending, name));
  const rows = prepared(
    db,
    `DELETE FROM job_results WHERE job_id = :id AND name IN
       (SELECT name FROM job_results WHERE job_id = :id LIMIT ${CHUNK})`,
  ).run({ id }).changes;
  if (rows === CHUNK) return true;
  prepared(db, 'DELETE FROM jobs WHERE id = ?').run(id);
  return false;
}

/**
 * Not while another waits for it: that one would wait for a job that is not there. And a cancelled one not while items
 * of it are queued: their entries would be applied.
 */
const OLD = `SELECT id FROM jobs WHERE completed_at < ? AND state IN ('completed', 'cancelled')
  AND processed + withdrawn = total
  AND NOT EXISTS (SELECT 1 FROM jobs AS others WHERE others.after = jobs.id) ORDER BY completed_at LIMIT 1`;
/** An id may have been used before. While it is removed in chunks the first figures are the right ones. */
const TO_HISTORY = `INSERT INTO job_history(id, name, state, total, processed, failed, created_at, started_at, completed_at)
  SELECT id, name, state, total, processed, failed, created_at, started_at, completed_at FROM jobs
  WHERE id = ? AND state IN ('completed', 'failed', 'cancelled')
  ON CONFLICT(id) DO UPDATE SET name = excluded.name, state = excluded.state, total = excluded.total,
    processed = excluded.processed, failed = excluded.failed, created_at = excluded.created_at,
    started_at = excluded.started_at, completed_at = excluded.completed_at
  WHERE created_at <> excluded.created_at`;
