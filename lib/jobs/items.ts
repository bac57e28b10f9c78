/**
 * The life of a job's items, and with it of the job.
 *
 * An item is registered before its entry is published, and its result is recorded after the entry's COMMIT and before
 * the entry leaves pending/. So a queued item whose entry is not in pending/ was never published: `dropUnpublished`
 * finds those. Recording the same result twice changes nothing; what was not registered is registered with its result.
 *
 * Every function here is one transaction.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { QueueError } from '../errors.ts';
import type { Db } from '../sink/driver.ts';
import type { Spool } from '../spool/layout.ts';
import { hasEnded, type Job, readJob } from './job.ts';

export interface NewItem {
  /** The entry's file name. */
  readonly name: string;
  readonly item: string;
}

export interface Fate extends NewItem {
  readonly job: string;
  readonly state: 'done' | 'failed' | 'withdrawn';
  readonly error?: string | undefined;
  readonly details?: object | undefined;
  readonly durationUs?: number | undefined;
}

/** With this many rows the producers of other jobs wait 10 to 20 ms. */
const CHUNK = 2000;
/** A producer publishes milliseconds after it has registered. */
const UNPUBLISHED_AFTER_MS = 60_000;

/**
 * Registers items that are about to be published.
 * @throws QueueError NOT_FOUND; USAGE when the job takes no more items, or not so many.
 */
export function registerItems(db: Db, id: string, items: readonly NewItem[]): Job {
  return db
    .transaction(() => {
      const job = readJob(db, id);
      refuseClosed(job, items.length);
      const insert = db.prepare(
        'INSERT INTO job_results(job_id, name, item, finished_at) VALUES (?, ?, ?, ?)',
      );
      // Until there is a result, the time is that of the registration.
      for (const { name, item } of items) insert.run(id, name, item, Date.now());
      if (job.expected === job.total + items.length) {
        db.prepare('UPDATE jobs SET is_sealed = 1 WHERE id = ?').run(id);
      }
      return job;
    })
    .immediate();
}

/** Takes back what was registered and could not be published. */
export function unregisterItem(db: Db, id: string, name: string): void {
  unregisterItems(db, id, [name]);
}

/** The same for many. */
export function unregisterItems(db: Db, id: string, names: readonly string[]): void {
  db.transaction(() => {
    // These may have been the last it expected: it is to take others in their place.
    const full = db.prepare('SELECT 1 FROM jobs WHERE id = ? AND is_sealed = 1 AND expected = total').get(id);
    const remove = db.prepare("DELETE FROM job_results WHERE job_id = ? AND name = ? AND state = 'queued'");
    let count = 0;
    for (const name of names) count += remove.run(id, name).changes;
    if (full && count > 0) db.prepare('UPDATE jobs SET is_sealed = 0 WHERE id = ?').run(id);
    endIfDone(db, id);
  }).immediate();
}

/** Records what became of items. Jobs that are not there any more are passed over. */
export function recordFates(db: Db, fates: readonly Fate[]): void {
  if (fates.length === 0) return;
  const record = db.prepare(RECORD);
  db.transaction(() => {
    const now = Date.now();
    for (const { job, name, item, state, error, details, durationUs } of fates) {
      const text = details === undefined ? null : JSON.stringify(details);
      record.run(job, name, item, state, error ?? null, text, durationUs ?? null, now, job);
    }
    for (const id of new Set(fates.map(({ job }) => job))) {
      db.prepare(START).run(now, id);
      endIfDone(db, id);
    }
  }).immediate();
}

const RECORD = `INSERT INTO job_results(job_id, name, item, state, error, details, duration_us, finished_at)
  SELECT ?, ?, ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM jobs WHERE id = ?)
  ON CONFLICT(job_id, name) DO UPDATE SET state = excluded.state, error = excluded.error,
    details = excluded.details, duration_us = excluded.duration_us, finished_at = excluded.finished_at
  WHERE state <> excluded.state`;
const START =
  "UPDATE jobs SET state = 'running', started_at = ifnull(started_at, ?) WHERE id = ? AND state = 'queued'";

/**
 * No more items will come.
 * @throws QueueError NOT_FOUND; USAGE when it was cancelled.
 */
export function sealJob(db: Db, id: string): Job {
  return db
    .transaction(() => {
      const job = readJob(db, id);
      if (job.state === 'cancelled') throw new QueueError('USAGE', `the job '${id}' was cancelled`);
      db.prepare('UPDATE jobs SET is_sealed = 1 WHERE id = ?').run(id);
      endIfDone(db, id);
      return readJob(db, id);
    })
    .immediate();
}

/** Withdraws queued items that were registered long ago and whose entries are not in pending/. @returns how many. */
export function dropUnpublished(db: Db, spool: Spool, id: string, now = Date.now()): number {
  const old = db
    .prepare("SELECT name FROM job_results WHERE job_id = ? AND state = 'queued' AND finished_at < ?")
    .pluck()
    .all(id, now - UNPUBLISHED_AFTER_MS) as string[];
  const missing = old.filter((name) => !existsSync(join(spool.pending, name)));
  // The result was recorded before the entry left: what is still queued now never had an entry.
  for (let at = 0; at < missing.length; at += CHUNK) {
    db.transaction(() => {
      const drop = db.prepare(
        "UPDATE job_results SET state = 'withdrawn', error = ? WHERE job_id = ? AND name = ? AND state = 'queued'",
      );
      for (const name of missing.slice(at, at + CHUNK)) drop.run('its entry is not in pending/', id, name);
      endIfDone(db, id);
    }).immediate();
  }
  return missing.length;
}

/** Ends the job when it has all its items and none is queued. Call it inside a transaction. */
export function endIfDone(db: Db, id: string): void {
  const ended = db.prepare(END).run({ id, now: Date.now() }).changes === 1;
  if (!ended) return;
  // Those that wait for it start; of one that has failed they wait until its items are tried again.
  db.prepare(
    "UPDATE jobs SET after = NULL WHERE after = :id AND (SELECT state FROM jobs WHERE id = :id) = 'completed'",
  ).run({ id });
}

const END = `UPDATE jobs SET
    state = CASE WHEN failed > 0 THEN 'failed' ELSE 'completed' END,
    error = CASE WHEN failed > 0 THEN failed || ' of ' || total || ' items failed' END,
    completed_at = :now
  WHERE id = :id AND is_sealed = 1 AND state IN ('queued', 'running') AND processed + withdrawn = total`;

function refuseClosed(job: Job, count: number): void {
  const refuse = (why: string, hint: string): never => {
    throw new QueueError('USAGE', `the job '${job.id}' ${why}`, { hint });
  };
  if (job.state === 'cancelled') refuse('was cancelled', 'Create another.');
  const room = job.expected === null ? Number.POSITIVE_INFINITY : job.expected - job.total;
  if (count > room) refuse(`has room for ${room} of its ${job.expected} items`, 'Create another.');
  if (job.isSealed || hasEnded(job.state)) refuse('is sealed: it takes no more items', 'Create another.');
}
