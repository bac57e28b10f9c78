/**
 * Removes jobs and the results of their items; one line in job_history stays of a job that has ended.
 *
 * In chunks, as a million results in one transaction would keep the worker waiting for seconds: the line in the history
 * first, the job last. A crash in between leaves a job with fewer items; removing it again finishes it, and the history
 * has the whole numbers already. Dead letters stay in failed/.
 */
import { QueueError } from '../errors.ts';
import type { Db } from '../sink/driver.ts';
import type { Spool } from '../spool/layout.ts';
import { type CancelOptions, cancelJob } from './cancel.ts';
import { withJobs, withJobsToRead } from './database.ts';
import { hasEnded, type Job, type JobState, queuedOf, readJob } from './job.ts';
import { noteInHistory, removeSome } from './retention.ts';
import { requireJob } from './seal.ts';

export interface RemoveOptions extends CancelOptions {
  /** Cancels it first when it has queued items. */
  readonly force?: boolean | undefined;
}

/** @throws QueueError NOT_FOUND; USAGE when it has queued items, or others wait for it. */
export async function removeJob(spool: Spool, id: string, options: RemoveOptions = {}): Promise<void> {
  const job = requireJob(spool, id);
  if (options.force && !hasEnded(job.state)) await cancelJob(spool, id, options);
  withJobs(spool, (db) => removeRows(db, spool, id));
}

/**
 * Those in `state` that ended more than `olderThanMs` ago. Jobs that others wait for stay.
 * @returns their ids.
 */
export function removeOldJobs(
  spool: Spool,
  options: { state: JobState; olderThanMs: number; now?: number },
): string[] {
  const before = (options.now ?? Date.now()) - options.olderThanMs;
  const ids = withJobsToRead(
    spool,
    () => [],
    (db) =>
      db
        .prepare(
          `SELECT id FROM jobs WHERE state = ? AND ifnull(completed_at, created_at) < ?
             AND processed + withdrawn = total AND id NOT IN (SELECT after FROM jobs WHERE after IS NOT NULL)
           ORDER BY id`,
        )
        .pluck()
        .all(options.state, before) as string[],
  );
  if (ids.length === 0) return ids;
  withJobs(spool, (db) => {
    for (const id of ids) removeRows(db, spool, id);
  });
  return ids;
}

/** @throws QueueError NOT_FOUND; USAGE when it has queued items, or others wait for it. */
function removeRows(db: Db, spool: Spool, id: string): void {
  db.transaction(() => {
    refuseNeeded(db, readJob(db, id));
    // No item comes any more.
    db.prepare('UPDATE jobs SET is_sealed = 1 WHERE id = ?').run(id);
    noteInHistory(db, id);
  }).immediate();
  const some = db.transaction(() => removeSome(db, spool, id));
  while (some.immediate()) {}
}

function refuseNeeded(db: Db, job: Job): void {
  const queued = queuedOf(job);
  if (queued > 0) {
    throw new QueueError('USAGE', `the job '${job.id}' has ${queued} queued item${queued === 1 ? '' : 's'}`, {
      hint:
        job.state === 'cancelled'
          ? 'The worker has them in hand: try again when it is done.'
          : 'Wait for it, or cancel it; --force does that first.',
    });
  }
  const waiting = db.prepare('SELECT id FROM jobs WHERE after = ? LIMIT 1').pluck().get(job.id);
  if (waiting !== undefined) {
    throw new QueueError('USAGE', `the job '${waiting}' waits for '${job.id}'`, {
      hint: 'Cancel and delete that one first.',
    });
  }
}
