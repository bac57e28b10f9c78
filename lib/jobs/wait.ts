/**
 * Waits until a job has ended.
 *
 * A change of jobs.db is seen within 50 ms: `PRAGMA data_version` is a look at shared memory. While it waits it sees to
 * what nobody else might: that a worker is there when entries wait, and that items which were never published do not
 * keep a sealed job open.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, QueueError } from '../errors.ts';
import type { Db } from '../sink/driver.ts';
import type { Spool } from '../spool/layout.ts';
import { isEmpty } from '../spool/listing.ts';
import { readPauses } from '../spool/pause.ts';
import { ensureWorker } from '../worker/start.ts';
import { jobsError, jobsFile, jobsPath, openJobsToRead, withJobs } from './database.ts';
import { dropUnpublished } from './items.ts';
import { findJob, hasEnded, type Job, type JobState, noJob, queuedOf } from './job.ts';

export interface WaitOptions {
  /** Seconds; default for ever. */
  readonly timeout?: number | undefined;
  /** Ends the wait as if the time were over. */
  readonly signal?: AbortSignal | undefined;
}

export interface Waited {
  readonly id: string;
  readonly state: JobState;
  /** As it is now; undefined when it was removed meanwhile, and history alone knows it. */
  readonly job: Job | undefined;
  /** The error of the first item that failed. */
  readonly firstError: string | undefined;
  /** The job that it waits for, when that one was cancelled or removed and can't be completed any more. */
  readonly deadEnd: string | undefined;
}

const POLL_MS = 50;
const CARE_INTERVAL_MS = 5000;

/**
 * @returns its state: that of a job that has ended, unless the time was over or it can't start any more.
 * @throws QueueError NOT_FOUND when there is no such job, or it was removed and no history has it.
 */
export async function waitForJob(spool: Spool, id: string, options: WaitOptions = {}): Promise<Waited> {
  const db = openJobsToRead(spool);
  if (!db) throw noJob(id);
  const deadline = performance.now() + (options.timeout ?? Number.POSITIVE_INFINITY) * 1000;
  const file = jobsFile(spool);
  let version: unknown;
  let doneBefore: number | undefined = 0;
  let cared = Number.NEGATIVE_INFINITY;
  let last: Waited | undefined;
  try {
    for (;;) {
      const current = db.pragma('data_version', { simple: true });
      if (current !== version) {
        version = current;
        last = look(db, id);
        if (hasEnded(last.state) || last.deadEnd !== undefined) return last;
      }
      if (performance.now() - cared > CARE_INTERVAL_MS) {
        // A connection goes on with a file that is not there any more.
        if (jobsFile(spool) !== file) throw removed(spool);
        // While the worker gets on, nothing needs care; looking for a million entries takes a second.
        const done = last?.job?.processed;
        if (done !== doneBefore) startIfEntriesWait(spool);
        else care(spool, last?.job);
        doneBefore = done;
        cared = performance.now();
        continue;
      }
      if (performance.now() >= deadline || options.signal?.aborted) return last as Waited;
      const left = Math.min(POLL_MS, deadline - performance.now());
      await sleep(Math.max(1, left), undefined, { signal: options.signal }).catch(() => {});
    }
  } catch (error) {
    throw jobsError(spool, error);
  } finally {
    db.close();
  }
}

function removed(spool: Spool): QueueError {
  return new QueueError('DATABASE', `${jobsPath(spool)} was removed or replaced meanwhile`);
}

function look(db: Db, id: string): Waited {
  const job = findJob(db, id);
  const state =
    job?.state ?? (db.prepare('SELECT state FROM job_history WHERE id = ?').pluck().get(id) as JobState);
  if (state === undefined) throw noJob(id);
  const firstError = db
    .prepare(
      "SELECT error FROM job_results WHERE job_id = ? AND state = 'failed' ORDER BY finished_at, name LIMIT 1",
    )
    .pluck()
    .get(id) as string | null | undefined;
  return { id, state, job, firstError: firstError ?? undefined, deadEnd: deadEndOf(db, job) };
}

function deadEndOf(db: Db, job: Job | undefined): string | undefined {
  if (!job || job.after === null || hasEnded(job.state)) return undefined;
  const state = findJob(db, job.after)?.state;
  return state === undefined || state === 'cancelled' ? job.after : undefined;
}

function care(spool: Spool, job: Job | undefined): void {
  if (!job || queuedOf(job) === 0) return;
  if (job.isSealed) withJobs(spool, (db) => dropUnpublished(db, spool, job.id));
  startIfEntriesWait(spool);
}

/** Sees to it that a worker is there when there is something for it to do. */
export function startIfEntriesWait(spool: Spool): void {
  if (!readPauses(spool).all && !isNothingIn(spool.pending)) ensureWorker(spool);
}

/** There is nothing in it, or no such directory. */
function isNothingIn(directory: string): boolean {
  try {
    return isEmpty(directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return true;
    throw error;
  }
}
