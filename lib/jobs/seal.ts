/** No more items will come. */
import type { Spool } from '../spool/layout.ts';
import { withJobs, withJobsToRead } from './database.ts';
import { sealJob } from './items.ts';
import { type Job, noJob, readJob } from './job.ts';
import { startIfEntriesWait } from './wait.ts';

/** @throws QueueError NOT_FOUND; USAGE when it was cancelled. */
export function seal(spool: Spool, id: string): Job {
  requireJob(spool, id);
  const job = withJobs(spool, (db) => sealJob(db, id));
  // What comes after it may start.
  if (job.state === 'completed') startIfEntriesWait(spool);
  return job;
}

/**
 * Before something is done with a job: without jobs.db none is made.
 * @throws QueueError NOT_FOUND.
 */
export function requireJob(spool: Spool, id: string): Job {
  return withJobsToRead(
    spool,
    () => {
      throw noJob(id);
    },
    (db) => readJob(db, id),
  );
}
