/** Jobs that have ended, those that were removed since included, and what can be counted of them. */
import type { Spool } from '../spool/layout.ts';
import { withJobsToRead } from './database.ts';
import { type JobState, timeOf } from './job.ts';

export interface PastOptions {
  /** Only those whose name matches this GLOB pattern of SQLite's. */
  readonly name?: string | undefined;
  /** Only those that ended in the last so many days. */
  readonly days?: number | undefined;
}

/** A job that has ended. */
export interface PastJob {
  readonly id: string;
  readonly name: string;
  readonly state: JobState;
  readonly total: number;
  readonly processed: number;
  readonly failed: number;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly completedAt: string;
  /** From its first item to its end; null when nothing of it was applied. */
  readonly seconds: number | null;
}

interface PastRow {
  id: string;
  name: string;
  state: JobState;
  total: number;
  processed: number;
  failed: number;
  created_at: number;
  started_at: number | null;
  completed_at: number;
}

const COLUMNS = 'id, name, state, total, processed, failed, created_at, started_at, completed_at';
/** A job that is being removed is in both: the history has the whole numbers. */
const PAST = `SELECT ${COLUMNS} FROM (
    SELECT ${COLUMNS} FROM job_history WHERE completed_at IS NOT NULL
    UNION ALL
    SELECT ${COLUMNS} FROM jobs WHERE state IN ('completed', 'failed', 'cancelled')
      AND completed_at IS NOT NULL AND id NOT IN (SELECT id FROM job_history)
  ) WHERE completed_at >= ? AND name GLOB ? ORDER BY completed_at DESC, id DESC`;

const DAY_MS = 86_400_000;

/** Newest first. */
export function readHistory(spool: Spool, options: PastOptions = {}, now = Date.now()): PastJob[] {
  const since = options.days === undefined ? 0 : now - options.days * DAY_MS;
  return withJobsToRead(
    spool,
    () => [],
    (db) => (db.prepare(PAST).all(since, options.name ?? '*') as PastRow[]).map(pastOf),
  );
}

function pastOf(row: PastRow): PastJob {
  return {
    id: row.id,
    name: row.name,
    state: row.state,
    total: row.total,
    processed: row.processed,
    failed: row.failed,
    createdAt: timeOf(row.created_at) as string,
    startedAt: timeOf(row.started_at),
    completedAt: timeOf(row.completed_at) as string,
    seconds: row.started_at === null ? null : Math.max(0, row.completed_at - row.started_at) / 1000,
  };
}
