/**
 * Jobs as JSON lines: {"job": {...}}, then a {"result": {...}} for each of its items, then the next job.
 *
 * All of it is as it was at one moment, whatever others write meanwhile.
 */
import type { Spool } from '../spool/layout.ts';
import { jobsError, openJobsToRead } from './database.ts';
import { noJob, readJob, resultOf } from './job.ts';
import { resultRows } from './results.ts';

/**
 * @param id one job, or, without it, all of them, oldest first.
 * @returns lines without newlines, made as they are asked for.
 * @throws QueueError NOT_FOUND.
 */
export function* exportJobs(spool: Spool, id?: string): Generator<string> {
  const db = openJobsToRead(spool);
  if (!db) {
    if (id !== undefined) throw noJob(id);
    return;
  }
  try {
    db.exec('BEGIN');
    const ids =
      id === undefined
        ? (db.prepare('SELECT id FROM jobs ORDER BY created_at, id').pluck().all() as string[])
        : [id];
    for (const one of ids) {
      yield JSON.stringify({ job: readJob(db, one) });
      for (const row of resultRows(db, one)) yield JSON.stringify({ result: resultOf(row) });
    }
  } catch (error) {
    throw jobsError(spool, error);
  } finally {
    db.close();
  }
}
