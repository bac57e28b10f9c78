/** Jobs as they stand in jobs.db, which is not made for the sake of looking. */
import { withJobsToRead } from '../jobs/database.ts';
import { type Job, type JobRow, type JobState, jobOf } from '../jobs/job.ts';
import { readJobDetails } from '../jobs/list.ts';
import type { Spool } from '../spool/layout.ts';

export interface JobsAnswer {
  /** Those that have not ended first, then the newest. */
  readonly jobs: readonly Job[];
  readonly states: Readonly<Partial<Record<JobState, number>>>;
}

/** @throws QueueError DATABASE, SPOOL_UNSAFE. */
export function listJobs(spool: Spool, limit: number): JobsAnswer {
  return withJobsToRead(
    spool,
    () => ({ jobs: [], states: {} }),
    (db) =>
      db.transaction(() => {
        const rows = db
          .prepare(
            "SELECT * FROM jobs ORDER BY state IN ('queued', 'running') DESC, created_at DESC, id LIMIT ?",
          )
          .all(limit) as JobRow[];
        const counts = db.prepare('SELECT state, count(*) AS n FROM jobs GROUP BY state').all() as {
          state: JobState;
          n: number;
        }[];
        return {
          jobs: rows.map(jobOf),
          states: Object.fromEntries(counts.map(({ state, n }) => [state, n])),
        };
      })(),
  );
}

/** A job with its first failures. @throws QueueError NOT_FOUND, DATABASE, SPOOL_UNSAFE. */
export function oneJob(spool: Spool, id: string, limit: number): unknown {
  const { job, failures } = readJobDetails(spool, id, limit);
  return {
    ...job,
    failures: failures.map(({ name, item, error, finishedAt }) => ({ name, item, error, finishedAt })),
  };
}
