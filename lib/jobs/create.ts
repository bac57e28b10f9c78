/** Makes jobs. */
import { randomInt } from 'node:crypto';
import { QueueError } from '../errors.ts';
import type { Db } from '../sink/driver.ts';
import type { Spool } from '../spool/layout.ts';
import { withJobs } from './database.ts';
import { endIfDone } from './items.ts';
import { findJob, type Job, noJob, readJob } from './job.ts';

export interface NewJob {
  /** What it is called in lists. */
  readonly name?: string | undefined;
  /** How many items it is to have: with them it is sealed. */
  readonly total?: number | undefined;
  /** The caller's own notes. */
  readonly meta?: Readonly<Record<string, unknown>> | undefined;
  /** The template that makes its items. */
  readonly template?: string | undefined;
  /** The job that must be completed before this one starts. */
  readonly after?: string | undefined;
  /** Not before this time, in milliseconds since 1970. */
  readonly notBefore?: number | undefined;
}

/** @throws QueueError NOT_FOUND when there is no job `after`; USAGE when it will never be completed. */
export function createJob(spool: Spool, options: NewJob = {}): Job {
  const { name = '', total, meta = {}, template, notBefore } = options;
  return withJobs(spool, (db) =>
    db
      .transaction(() => {
        const after = options.after === undefined ? null : predecessor(db, options.after);
        const id = newJobId();
        db.prepare(
          `INSERT INTO jobs(id, name, is_sealed, expected, meta, template, after, not_before, created_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ).run(
          id,
          name,
          Number(total === 0),
          total ?? null,
          JSON.stringify(meta),
          template ?? null,
          after,
          notBefore ?? null,
          Date.now(),
        );
        endIfDone(db, id);
        return readJob(db, id);
      })
      .immediate(),
  );
}

/** Milliseconds since 1970 and 6 random characters, in base 36: ids sort by age until the year 2059. */
function newJobId(now = Date.now()): string {
  const random = randomInt(36 ** 6)
    .toString(36)
    .padStart(6, '0');
  return `${now.toString(36).padStart(8, '0')}-${random}`;
}

/** @returns the job to wait for, or null when it is completed already. */
function predecessor(db: Db, id: string): string | null {
  const state =
    findJob(db, id)?.state ??
    (db.prepare('SELECT state FROM job_history WHERE id = ?').pluck().get(id) as string);
  if (state === undefined) throw noJob(id);
  if (state === 'completed') return null;
  if (state === 'cancelled') {
    throw new QueueError('USAGE', `the job '${id}' was cancelled: none can come after it`, {
      hint: 'Leave out --after, or name another job.',
    });
  }
  return id;
}
