/**
 * Tries failed items again: their dead letters go back into pending/.
 *
 * All are marked as queued first, in chunks, and with that the job as running; only then the letters go back. In the
 * other order the worker could fail an entry again before it is marked, and the mark would stay for ever. None goes back
 * before all are marked: the job would end as soon as the first ones are done.
 *
 * A crash leaves items that are queued, have a letter and no entry. The next retry finds and publishes them; without one
 * `dropUnpublished` says after a while that they have failed.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Db } from '../sink/driver.ts';
import type { Spool } from '../spool/layout.ts';
import { entryNameOf, readLetter } from '../spool/letters.ts';
import { dropTwin, putBackLetters, type Refusal, type RetryResult } from '../worker/retry.ts';
import { withJobs, withJobsToRead } from './database.ts';
import { chunksOf, endIfDone, letterOf, RETRY_HINT, refuseCancelled, retryItems } from './items.ts';
import { findJob, type Job, type ResultRow, readJob } from './job.ts';
import { resultRows } from './results.ts';
import { requireJob } from './seal.ts';

export interface RetryReport {
  readonly job: Job;
  /** How many items are in pending/ again. */
  readonly retried: number;
  /** Items that stay failed, by entry name, and why. */
  readonly refused: readonly Refusal[];
}

/** @throws QueueError NOT_FOUND; USAGE when it was cancelled; system errors. */
export function retryJob(
  spool: Spool,
  id: string,
  onProgress: (done: number, total: number) => void = () => {},
): RetryReport {
  requireJob(spool, id);
  return withJobs(spool, (db) => {
    refuseCancelled(readJob(db, id), RETRY_HINT);
    const refused: Refusal[] = [];
    const rows = rowsToRetry(db, spool, id, refused);
    let done = 0;
    const advance = (count: number): void => {
      done += count / 2;
      onProgress(done, rows.length);
    };
    for (const some of chunksOf(rows)) {
      if (!mark(db, id, some, rows.length)) refuseCancelled(readJob(db, id), RETRY_HINT);
      advance(some.length);
    }
    let retried = 0;
    for (const some of chunksOf(rows)) {
      const report = putBackLetters(
        spool,
        some.flatMap(({ name }) => letterOf(spool, name) ?? []),
      );
      retried += report.retried.length;
      refused.push(...stillFailed(db, spool, id, some, report.refused));
      advance(some.length);
    }
    return { job: readJob(db, id), retried, refused };
  });
}

/**
 * Puts letters of whatever entries back, and tells the jobs of those that have one. An entry of a cancelled job goes on
 * without it, for the worker would withdraw it.
 * @param names from `findLetters` or `readLetters`.
 * @throws QueueError DATABASE when an entry has a job, and jobs.db can't be used; system errors.
 */
export function retryLetters(spool: Spool, names: readonly string[]): RetryResult {
  const byJob = lettersByJob(spool, names);
  if (byJob.size === 0) return putBackLetters(spool, names);
  const isThere = withJobsToRead(
    spool,
    () => false,
    () => true,
  );
  // Without a jobs.db none is made: there are no jobs.
  if (!isThere) return putBackLetters(spool, names);
  return withJobs(spool, (db) => {
    const before = new Map([...byJob].map(([id, own]) => [id, rowsOf(db, spool, id, own)]));
    for (const [id, rows] of before) mark(db, id, rows, rows.length);
    const report = putBackLetters(spool, names, (id) => findJob(db, id)?.state === 'cancelled');
    for (const [id, rows] of before) stillFailed(db, spool, id, rows, report.refused);
    return report;
  });
}

/** The entry names of the letters of each job. */
function lettersByJob(spool: Spool, names: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const name of names) {
    const job = readLetter(spool, name)?.entry?.job;
    if (job === undefined) continue;
    const own = found.get(job);
    if (own) own.push(entryNameOf(name));
    else found.set(job, [entryNameOf(name)]);
  }
  return found;
}

/** Those that are not in pending/: the worker decides the others. */
function rowsOf(db: Db, spool: Spool, id: string, names: readonly string[]): ResultRow[] {
  const find = db.prepare(
    "SELECT * FROM job_results WHERE job_id = ? AND name = ? AND state IN ('failed', 'queued')",
  );
  const gone = names.filter((name) => !existsSync(join(spool.pending, name)));
  return gone.flatMap((name) => (find.get(id, name) as ResultRow | undefined) ?? []);
}

/** Failed items that have a letter; and those that an interrupted retry has marked. */
function rowsToRetry(db: Db, spool: Spool, id: string, refused: Refusal[]): ResultRow[] {
  const rows: ResultRow[] = [];
  for (const row of resultRows(db, id, "AND state IN ('failed', 'queued')")) {
    const isWaiting = existsSync(join(spool.pending, row.name));
    if (isWaiting) dropTwin(spool, row.name);
    const hasLetter = !isWaiting && letterOf(spool, row.name) !== undefined;
    if (hasLetter) rows.push(row);
    else if (row.state === 'failed') refused.push({ name: row.name, why: isWaiting ? WAITING : NO_LETTER });
  }
  return rows;
}

const WAITING = 'its entry is in pending/ already';
const NO_LETTER = 'its dead letter is gone';

/** @returns false when the job is cancelled. */
function mark(db: Db, id: string, rows: readonly ResultRow[], count: number): boolean {
  // A million letters take a minute to go back: until the last has, none counts as never published.
  const since = Date.now() + count;
  return retryItems(
    db,
    id,
    rows.map(({ name }) => name),
    since,
  );
}

/** What could not go back after all, and is not there in another way, is failed as it was. */
function stillFailed(
  db: Db,
  spool: Spool,
  id: string,
  rows: readonly ResultRow[],
  refusals: readonly Refusal[],
): Refusal[] {
  const whys = new Map(refusals.map(({ name, why }) => [entryNameOf(name), why]));
  const left = rows.filter(
    ({ name }) =>
      !existsSync(join(spool.pending, name)) && (whys.has(name) || letterOf(spool, name) === undefined),
  );
  if (left.length === 0) return [];
  return db
    .transaction(() => {
      const restore = db.prepare(
        `UPDATE job_results SET state = 'failed', error = ifnull(:error, 'its dead letter is gone'), details = :details,
           duration_us = :duration_us, finished_at = :finished_at
         WHERE job_id = :id AND name = :name AND state = 'queued'`,
      );
      // One that is not queued any more was applied meanwhile, or has failed again.
      const restored = left.filter((row) => restore.run({ ...row, id }).changes === 1);
      endIfDone(db, id);
      return restored.map(({ name }) => ({ name, why: whys.get(name) ?? NO_LETTER }));
    })
    .immediate();
}
