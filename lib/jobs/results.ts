/** What became of a job's items, in the order of their entries; in portions, so that memory does not grow with them. */
import type { Db } from '../sink/driver.ts';
import type { Spool } from '../spool/layout.ts';
import { jobsError, openJobsToRead } from './database.ts';
import { type ItemResult, noJob, type ResultRow, readJob, resultOf } from './job.ts';

const PORTION = 1000;

/**
 * Each portion is as it is when it is read: others go on writing meanwhile.
 * @throws QueueError NOT_FOUND.
 */
export function* readResults(
  spool: Spool,
  id: string,
  { failed = false }: { failed?: boolean } = {},
): Generator<ItemResult> {
  const db = openJobsToRead(spool);
  if (!db) throw noJob(id);
  try {
    readJob(db, id);
    for (const row of resultRows(db, id, failed ? "AND state = 'failed'" : '')) yield resultOf(row);
  } catch (error) {
    throw jobsError(spool, error);
  } finally {
    db.close();
  }
}

/** The rows of a job, a thousand a statement. */
export function* resultRows(db: Db, id: string, condition = ''): Generator<ResultRow> {
  const next = db.prepare(
    `SELECT * FROM job_results WHERE job_id = ? AND name > ? ${condition} ORDER BY name LIMIT ${PORTION}`,
  );
  for (let last = ''; ; ) {
    const rows = next.all(id, last) as ResultRow[];
    yield* rows;
    if (rows.length < PORTION) return;
    last = (rows.at(-1) as ResultRow).name;
  }
}
