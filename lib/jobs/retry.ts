/**
 * Tries a job's failed items again: their dead letters go back into pending/.
 *
 * All are marked as queued first, in chunks, and the job as running; only then the letters go back. In the other order
 * the worker could fail an entry again before it is marked, and the mark would stay for ever. None goes back before all
 * are marked: the job would end as soon as the first ones are done.
 *
 * A crash leaves items that are queued, have a letter and no entry. The next retry finds and publishes them; without one
 * `dropUnpublished` says after a while that they have failed.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Db } from '../sink/driver.ts';
import type { Spool } from '../spool/layout.ts';
import { entryNameOf } from '../spool/letters.ts';
import { type Refusal, retryLetters } from '../worker/retry.ts';
import { withJobs } from './database.ts';
import { chunksOf, endIfDone, letterOf, RETRY_HINT, refuseCancelled, retryItems } from './items.ts';
import { type Job, type ResultRow, readJob } from './job.ts';
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
    // A million letters take a minute to go back: until the last has, none counts as never published.
    const since = Date.now() + rows.length;
    let done = 0;
    const advance = (some: readonly ResultRow[]): void => {
      done += some.length / 2;
      onProgress(done, rows.length);
    };
    for (const some of chunksOf(rows)) {
      retryItems(
        db,
        id,
        some.map(({ name }) => name),
        since,
      );
      advance(some);
    }
    let retried = 0;
    for (const some of chunksOf(rows)) {
      const report = retryLetters(
        spool,
        some.flatMap(({ name }) => letterOf(spool, name) ?? []),
      );
      retried += report.retried.length;
      refused.push(...stillFailed(db, spool, id, some, report.refused));
      advance(some);
    }
    db.transaction(() => endIfDone(db, id)).immediate();
    return { job: readJob(db, id), retried, refused };
  });
}

/** Failed items that have a letter; and those that an interrupted retry has marked. */
function rowsToRetry(db: Db, spool: Spool, id: string, refused: Refusal[]): ResultRow[] {
  const rows: ResultRow[] = [];
  for (const row of resultRows(db, id, "AND state IN ('failed', 'queued')")) {
    const isWaiting = existsSync(join(spool.pending, row.name));
    const hasLetter = !isWaiting && letterOf(spool, row.name) !== undefined;
    if (hasLetter) rows.push(row);
    else if (row.state === 'failed') refused.push({ name: row.name, why: isWaiting ? WAITING : NO_LETTER });
  }
  return rows;
}

const WAITING = 'its entry is in pending/ already';
const NO_LETTER = 'its dead letter is gone';

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
      return left
        .filter((row) => restore.run({ ...row, id }).changes === 1)
        .map(({ name }) => ({ name, why: whys.get(name) ?? NO_LETTER }));
    })
    .immediate();
}
