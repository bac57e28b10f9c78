/** Reads jobs: one, or a list of them. */
import type { Spool } from '../spool/layout.ts';
import { withJobsToRead } from './database.ts';
import {
  findJob,
  type ItemResult,
  type Job,
  type JobRow,
  type JobState,
  jobOf,
  noJob,
  type ResultRow,
  resultOf,
} from './job.ts';

export interface ListOptions {
  /** Only those in one of these states. */
  readonly states?: readonly JobState[] | undefined;
  /** Only those whose name matches this GLOB pattern of SQLite's. */
  readonly name?: string | undefined;
  /** At most so many; 0 for all. */
  readonly limit?: number | undefined;
}

export interface JobList {
  /** Newest first. */
  readonly jobs: readonly Job[];
  /** How many there are without the limit. */
  readonly count: number;
}

export function listJobs(spool: Spool, { states, name, limit = 0 }: ListOptions = {}): JobList {
  const where = [
    ...(states?.length ? ['state IN (SELECT value FROM json_each(:states))'] : []),
    ...(name === undefined ? [] : ['name GLOB :name']),
  ];
  const from = `FROM jobs ${where.length > 0 ? `WHERE ${where.join(' AND ')}` : ''}`;
  const given = { states: JSON.stringify(states ?? []), name: name ?? '', limit: limit || -1 };
  return withJobsToRead(
    spool,
    () => ({ jobs: [], count: 0 }),
    (db) =>
      db.transaction(() => ({
        jobs: (
          db.prepare(`SELECT * ${from} ORDER BY created_at DESC, id DESC LIMIT :limit`).all(given) as JobRow[]
        ).map(jobOf),
        count: db.prepare(`SELECT count(*) ${from}`).pluck().get(given) as number,
      }))(),
  );
}

/** A job and what a page about it needs besides. */
export interface JobDetails {
  readonly job: Job;
  /** The job that it waits for; undefined when there is none, or it was removed. */
  readonly predecessor: Job | undefined;
  /** Its first failures, at most `errors`. */
  readonly failures: readonly ItemResult[];
}

/** @throws QueueError NOT_FOUND. */
export function readJobDetails(spool: Spool, id: string, errors = 5): JobDetails {
  return withJobsToRead(
    spool,
    () => {
      throw noJob(id);
    },
    (db) =>
      db.transaction(() => {
        const job = findJob(db, id);
        if (!job) throw noJob(id);
        const failures = db
          .prepare(
            "SELECT * FROM job_results WHERE job_id = ? AND state = 'failed' ORDER BY finished_at, name LIMIT ?",
          )
          .all(id, errors) as ResultRow[];
        return {
          job,
          predecessor: job.after === null ? undefined : findJob(db, job.after),
          failures: failures.map(resultOf),
        };
      })(),
  );
}
