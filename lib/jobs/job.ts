/** What a job is, and how it is read from jobs.db. */
import { QueueError } from '../errors.ts';
import type { Db } from '../sink/driver.ts';

/**
 * queued: nothing of it is applied yet. running: something is. completed: it has all its items, and all are applied.
 * failed: it has all its items, and some failed for good. cancelled: what was not applied yet is withdrawn.
 */
export type JobState = 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';
export const JOB_STATES: readonly JobState[] = ['queued', 'running', 'completed', 'failed', 'cancelled'];

/** queued: in pending/. done: applied. failed: in failed/. withdrawn: taken out of pending/ without being applied. */
export type ItemState = 'queued' | 'done' | 'failed' | 'withdrawn';

export interface Job {
  readonly id: string;
  /** What it is called in lists; '' when nobody named it. */
  readonly name: string;
  readonly state: JobState;
  /** No more items will come. */
  readonly isSealed: boolean;
  /** How many items it is to have, when that was said: with them it is sealed. */
  readonly expected: number | null;
  /** Items so far. */
  readonly total: number;
  /** Items that are applied or have failed. */
  readonly processed: number;
  readonly failed: number;
  readonly withdrawn: number;
  readonly meta: Record<string, unknown>;
  readonly template: string | null;
  /** The job that must be completed before this one starts; null when there is none to wait for. */
  readonly after: string | null;
  /** ISO 8601, UTC. */
  readonly notBefore: string | null;
  readonly createdAt: string;
  /** When its first item was applied or failed. */
  readonly startedAt: string | null;
  /** When it was completed, failed or cancelled. */
  readonly completedAt: string | null;
  readonly error: string | null;
}

export interface ItemResult {
  /** The entry's file name. */
  readonly name: string;
  /** The entry's own key, or its sequence number; of a row what the template calls it, or its line. */
  readonly item: string;
  readonly state: ItemState;
  /** null while it is queued or when it is withdrawn. */
  readonly success: boolean | null;
  readonly error: string | null;
  /** Such as {code, hint} of an error, {duplicate: true}. */
  readonly details: Record<string, unknown> | null;
  /** Microseconds; null when it is not known. */
  readonly durationUs: number | null;
  /** ISO 8601, UTC. */
  readonly finishedAt: string | null;
}

/** A row of `jobs`. */
export interface JobRow {
  readonly id: string;
  readonly name: string;
  readonly state: JobState;
  readonly is_sealed: number;
  readonly expected: number | null;
  readonly total: number;
  readonly processed: number;
  readonly failed: number;
  readonly withdrawn: number;
  readonly meta: string;
  readonly template: string | null;
  readonly after: string | null;
  readonly not_before: number | null;
  readonly created_at: number;
  readonly started_at: number | null;
  readonly completed_at: number | null;
  readonly error: string | null;
}

/** True when nothing more will become of it, unless its failed items are tried again. */
export function hasEnded(state: JobState): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled';
}

export function jobOf(row: JobRow): Job {
  return {
    id: row.id,
    name: row.name,
    state: row.state,
    isSealed: row.is_sealed === 1,
    expected: row.expected,
    total: row.total,
    processed: row.processed,
    failed: row.failed,
    withdrawn: row.withdrawn,
    meta: JSON.parse(row.meta) as Record<string, unknown>,
    template: row.template,
    after: row.after,
    notBefore: timeOf(row.not_before),
    createdAt: timeOf(row.created_at) as string,
    startedAt: timeOf(row.started_at),
    completedAt: timeOf(row.completed_at),
    error: row.error,
  };
}

/** @throws QueueError NOT_FOUND. */
export function readJob(db: Db, id: string): Job {
  const job = findJob(db, id);
  if (job) return job;
  throw noJob(id);
}

export function findJob(db: Db, id: string): Job | undefined {
  const row = db.prepare('SELECT * FROM jobs WHERE id = ?').get(id) as JobRow | undefined;
  return row && jobOf(row);
}

export function noJob(id: string): QueueError {
  return new QueueError('NOT_FOUND', `there is no job '${id}'`, {
    hint: 'queue-job list shows them; completed ones are removed after QUEUE_JOB_RETENTION.',
  });
}

/** Its items that are neither applied nor failed nor withdrawn. */
export function queuedOf(job: Pick<Job, 'total' | 'processed' | 'withdrawn'>): number {
  return job.total - job.processed - job.withdrawn;
}

/** Milliseconds since 1970 as ISO 8601. */
export function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

/** A row of `job_results`. */
export interface ResultRow {
  readonly name: string;
  readonly item: string;
  readonly state: ItemState;
  readonly error: string | null;
  readonly details: string | null;
  readonly duration_us: number | null;
  readonly finished_at: number | null;
}

export function resultOf(row: ResultRow): ItemResult {
  const isDecided = row.state === 'done' || row.state === 'failed';
  return {
    name: row.name,
    item: row.item,
    state: row.state,
    success: isDecided ? row.state === 'done' : null,
    error: row.error,
    details: row.details === null ? null : (JSON.parse(row.details) as Record<string, unknown>),
    durationUs: row.duration_us,
    finishedAt: timeOf(row.finished_at),
  };
}
