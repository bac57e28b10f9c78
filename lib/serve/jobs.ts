/** Jobs as they stand in jobs.db, which is not made for the sake of looking. */
import { existsSync } from 'node:fs';
import { jobsPath, openJobs } from '../jobs/database.ts';
import { type Job, type JobRow, type JobState, jobOf, readJob, timeOf } from '../jobs/job.ts';
import type { Db } from '../sink/driver.ts';
import type { Spool } from '../spool/layout.ts';
import { Refusal } from './refusal.ts';

export interface JobsAnswer {
  /** Those that have not ended first, then the newest. */
  readonly jobs: readonly Job[];
  readonly states: Readonly<Partial<Record<JobState, number>>>;
}

/** A producer of the job may be writing. */
const BUSY_TIMEOUT_MS = 500;
const NO_JOBS: JobsAnswer = { jobs: [], states: {} };

/** @throws QueueError DATABASE. */
export function listJobs(spool: Spool, limit: number): JobsAnswer {
  return (
    withJobs(spool, (db) => {
      const rows = db
        .prepare(
          `SELECT * FROM jobs ORDER BY state IN ('queued', 'running') DESC, created_at DESC, id LIMIT ?`,
        )
        .all(limit) as JobRow[];
      const counts = db.prepare('SELECT state, count(*) AS n FROM jobs GROUP BY state').all() as {
        state: JobState;
        n: number;
      }[];
      return { jobs: rows.map(jobOf), states: Object.fromEntries(counts.map(({ state, n }) => [state, n])) };
    }) ?? NO_JOBS
  );
}

/** @throws Refusal, QueueError NOT_FOUND, DATABASE. */
export function oneJob(spool: Spool, id: string, limit: number): unknown {
  const found = withJobs(spool, (db) => {
    const job = readJob(db, id);
    const failures = db
      .prepare(
        `SELECT name, item, error, finished_at FROM job_results WHERE job_id = ? AND state = 'failed'
         ORDER BY finished_at DESC LIMIT ?`,
      )
      .all(id, limit) as { name: string; item: string; error: string | null; finished_at: number }[];
    return {
      ...job,
      failures: failures.map(({ name, item, error, finished_at }) => ({
        name,
        item,
        error,
        finishedAt: timeOf(finished_at),
      })),
    };
  });
  if (found) return found;
  throw new Refusal(404, 'NOT_FOUND', `there is no job '${id}'`);
}

function withJobs<T>(spool: Spool, look: (db: Db) => T): T | undefined {
  if (!existsSync(jobsPath(spool))) return undefined;
  const db = openJobs(spool, { busyTimeout: BUSY_TIMEOUT_MS });
  try {
    return look(db);
  } finally {
    db.close();
  }
}
