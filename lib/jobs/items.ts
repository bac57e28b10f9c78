/**
 * The life of a job's items, and with it of the job.
 *
 * An item is registered before its entry is published, and its result is recorded after the entry's COMMIT and before
 * the entry leaves pending/. So a queued item whose entry is not in pending/ was never published: `dropUnpublished`
 * finds those. Recording the same result twice changes nothing; what was not registered is registered with its result.
 *
 * 'done' is final: an effect that is in the database is not undone by what is said of the entry later. All other
 * results may change: a failed item is tried again, a withdrawn one turns out to have been published late.
 *
 * The state of a job that is not cancelled follows from its counters alone (`endIfDone`), whatever the order of events.
 * Every other function here is one transaction, or one of its own for every CHUNK of rows.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { QueueError } from '../errors.ts';
import type { Db, Prepared } from '../sink/driver.ts';
import type { Entry } from '../spool/entry.ts';
import type { Spool } from '../spool/layout.ts';
import { RETRY_SUFFIX } from '../spool/letters.ts';
import { findJob, hasEnded, type ItemState, type Job, readJob } from './job.ts';

export interface NewItem {
  /** The entry's file name. */
  readonly name: string;
  readonly item: string;
}

export interface Fate extends NewItem {
  readonly job: string;
  readonly state: Exclude<ItemState, 'queued'>;
  readonly error?: string | undefined;
  readonly details?: object | undefined;
  readonly durationUs?: number | undefined;
}

/** With this many rows the producers of other jobs wait 10 to 20 ms. */
export const CHUNK = 2000;
/** A producer publishes milliseconds after it has registered. */
const UNPUBLISHED_AFTER_MS = 60_000;

/** What an entry is called in its job: as its metadata say, else by its own key, else by its number. */
export function itemOf(entry: Pick<Entry, 'metadata' | 'id'>, seq: string): string {
  const { item } = entry.metadata;
  return typeof item === 'string' ? item : (entry.id ?? seq);
}

/**
 * Registers items that are about to be published. Those that are there already stay as they are.
 * @throws QueueError NOT_FOUND; USAGE when the job takes no more items, or not so many.
 */
export function registerItems(db: Db, id: string, items: readonly NewItem[]): Job {
  return register(db, id, items).job;
}

/**
 * The same for one.
 * @returns false when an item of this name was there before: it is another's, and not to be taken back.
 */
export function registerItem(db: Db, id: string, item: NewItem): boolean {
  return register(db, id, [item]).added === 1;
}

function register(db: Db, id: string, items: readonly NewItem[]): { job: Job; added: number } {
  return db
    .transaction(() => {
      const job = readJob(db, id);
      refuseClosed(job, items.length);
      const insert = prepared(
        db,
        `INSERT INTO job_results(job_id, name, item, finished_at) VALUES (?, ?, ?, ?)
           ON CONFLICT(job_id, name) DO NOTHING`,
      );
      // Until there is a result, the time is that of the registration.
      const now = Date.now();
      let added = 0;
      for (const { name, item } of items) added += insert.run(id, name, item, now).changes;
      prepared(db, 'UPDATE jobs SET is_sealed = 1 WHERE id = ? AND expected = total').run(id);
      return { job, added };
    })
    .immediate();
}

/** Takes back what was registered and could not be published. The last item of a job's --total leaves room again. */
export function unregisterItem(db: Db, id: string, name: string): void {
  unregisterItems(db, id, [name]);
}

/** The same for many. */
export function unregisterItems(db: Db, id: string, names: readonly string[]): void {
  db.transaction(() => {
    // These may have been the last it expected: it is to take others in their place.
    const isFull = prepared(db, 'SELECT 1 FROM jobs WHERE id = ? AND is_sealed = 1 AND expected = total').get(
      id,
    );
    const remove = prepared(db, "DELETE FROM job_results WHERE job_id = ? AND name = ? AND state = 'queued'");
    let count = 0;
    for (const name of names) count += remove.run(id, name).changes;
    if (count === 0) return;
    if (isFull) prepared(db, 'UPDATE jobs SET is_sealed = 0 WHERE id = ?').run(id);
    endIfDone(db, id);
  }).immediate();
}

/** Records what became of items. Jobs that are not there any more are passed over. */
export function recordFates(db: Db, fates: readonly Fate[]): void {
  if (fates.length === 0) return;
  db.transaction(() => {
    const record = prepared(db, RECORD);
    const isThere = prepared(db, 'SELECT 1 FROM jobs WHERE id = ?').pluck();
    const now = Date.now();
    for (const [id, own] of Map.groupBy(fates, ({ job }) => job)) {
      if (isThere.get(id) === undefined) continue;
      // One statement for all of them: binding a row's values costs as much as writing it.
      const rows = own.map(({ name, item, state, error, details, durationUs }) => [
        name,
        item,
        state,
        error,
        details && JSON.stringify(details),
        durationUs,
      ]);
      record.run(id, now, JSON.stringify(rows));
      endIfDone(db, id, now);
    }
  }).immediate();
}

const RECORD = `INSERT INTO job_results(job_id, finished_at, name, item, state, error, details, duration_us)
  SELECT ?, ?, value->>0, value->>1, value->>2, value->>3, value->>4, value->>5 FROM json_each(?) WHERE true
  ON CONFLICT(job_id, name) DO UPDATE SET state = excluded.state, error = excluded.error,
    details = excluded.details, duration_us = excluded.duration_us, finished_at = excluded.finished_at
  WHERE job_results.state <> 'done' AND (job_results.state <> excluded.state OR job_results.error IS NOT excluded.error)`;

/**
 * Failed items are about to be tried again: to be called before their entries are put back into pending/. Those that
 * an interrupted retry has left queued are noted anew, so that for a while they do not count as never published.
 * @returns false when the job is cancelled, or not there: nothing is changed then.
 */
export function retryItems(db: Db, id: string, names: readonly string[], now = Date.now()): boolean {
  return chunksOf(names).every((chunk) =>
    db
      .transaction(() => {
        const job = findJob(db, id);
        if (!job || job.state === 'cancelled') return false;
        const retry = prepared(
          db,
          `UPDATE job_results SET state = 'queued', error = NULL, details = NULL, duration_us = NULL, finished_at = ?
             WHERE job_id = ? AND name = ? AND state IN ('failed', 'queued')`,
        );
        for (const name of chunk) retry.run(now, id, name);
        endIfDone(db, id, now);
        return true;
      })
      .immediate(),
  );
}

/** For `refuseCancelled`, where items are to be tried again. */
export const RETRY_HINT = 'queue-failed retry tries single entries again, without a job.';

/**
 * No more items will come, and no rows go on.
 * @throws QueueError NOT_FOUND; USAGE when it was cancelled.
 */
export function sealJob(db: Db, id: string): Job {
  return db
    .transaction(() => {
      const job = readJob(db, id);
      refuseCancelled(job);
      db.prepare('UPDATE jobs SET is_sealed = 1 WHERE id = ?').run(id);
      db.prepare('DELETE FROM job_rows WHERE job_id = ?').run(id);
      endIfDone(db, id);
      return readJob(db, id);
    })
    .immediate();
}

/**
 * Settles queued items that were registered long ago and whose entries are not in pending/: one with a dead letter
 * has failed (it could not be read, or a retry was interrupted), the others are withdrawn, as they were never published.
 * Not of a job whose rows are half enqueued: these go on behind those that were published.
 * @returns how many.
 */
export function dropUnpublished(db: Db, spool: Spool, id: string, now = Date.now()): number {
  const old = prepared(
    db,
    `SELECT name FROM job_results WHERE job_id = ? AND state = 'queued' AND finished_at < ?
       AND job_id NOT IN (SELECT job_id FROM job_rows)`,
  )
    .pluck()
    .all(id, now - UNPUBLISHED_AFTER_MS) as string[];
  const missing = old.filter((name) => !existsSync(join(spool.pending, name)));
  // The result was recorded before the entry left: what is still queued now never had an entry.
  let count = 0;
  for (const chunk of chunksOf(missing)) {
    db.transaction(() => {
      const drop = prepared(
        db,
        `UPDATE job_results SET state = ?, error = ?, finished_at = ?
           WHERE job_id = ? AND name = ? AND state = 'queued'`,
      );
      for (const name of chunk) {
        const [state, error] = letterOf(spool, name)
          ? ['failed', 'its entry is in failed/']
          : ['withdrawn', 'its entry is not in pending/'];
        count += drop.run(state, error, now, id, name).changes;
      }
      endIfDone(db, id, now);
    }).immediate();
  }
  return count;
}

/** The name in failed/ of an item's dead letter: its own, or that of one whose retry was interrupted. */
export function letterOf(spool: Spool, name: string): string | undefined {
  return [name, name + RETRY_SUFFIX].find((letter) => existsSync(join(spool.failed, letter)));
}

/**
 * Brings the job's state in line with its counters: with all its items and none queued it has ended, as failed while
 * one of them is, else as completed; and then those that wait for it start. Call it inside a transaction.
 */
export function endIfDone(db: Db, id: string, now = Date.now()): void {
  if (prepared(db, END).run({ id, now }).changes === 0) return;
  // Of one that has failed they wait until its items are tried again.
  prepared(
    db,
    "UPDATE jobs SET after = NULL WHERE after = :id AND (SELECT state FROM jobs WHERE id = :id) = 'completed'",
  ).run({ id });
}

const HAS_ALL = 'is_sealed = 1 AND processed + withdrawn = total';
const STATE = `CASE WHEN ${HAS_ALL} THEN CASE WHEN failed > 0 THEN 'failed' ELSE 'completed' END
  WHEN processed > 0 OR started_at IS NOT NULL THEN 'running' ELSE 'queued' END`;
const ERROR = `CASE WHEN ${HAS_ALL} AND failed > 0 THEN failed || ' of ' || total || ' items failed' END`;
const END = `UPDATE jobs SET
    state = ${STATE},
    error = ${ERROR},
    started_at = CASE WHEN processed > 0 THEN ifnull(started_at, :now) ELSE started_at END,
    completed_at = CASE WHEN NOT (${HAS_ALL}) THEN NULL WHEN state = ${STATE} THEN completed_at ELSE :now END
  WHERE id = :id AND state <> 'cancelled' AND (state <> ${STATE} OR error IS NOT ${ERROR})`;

/** @throws QueueError USAGE. */
export function refuseCancelled({ id, state }: Job, hint?: string): void {
  if (state !== 'cancelled') return;
  throw new QueueError('USAGE', `the job '${id}' was cancelled`, hint === undefined ? {} : { hint });
}

function refuseClosed(job: Job, count: number): void {
  const refuse = (why: string, hint: string): never => {
    throw new QueueError('USAGE', `the job '${job.id}' ${why}`, { hint });
  };
  refuseCancelled(job, 'Create another.');
  const room = job.expected === null ? Number.POSITIVE_INFINITY : job.expected - job.total;
  if (count > room) refuse(`has room for ${room} of its ${job.expected} items`, 'Create another.');
  if (job.isSealed || hasEnded(job.state)) refuse('is sealed: it takes no more items', 'Create another.');
}

const statements = new WeakMap<Db, Map<string, Prepared>>();

/** Preparing a statement costs as much as running it ten times. */
export function prepared(db: Db, sql: string): Prepared {
  const own = statements.get(db) ?? new Map<string, Prepared>();
  statements.set(db, own);
  const statement = own.get(sql) ?? db.prepare(sql);
  own.set(sql, statement);
  return statement;
}

/** For one transaction each. */
export function chunksOf<T>(list: readonly T[]): T[][] {
  const count = Math.ceil(list.length / CHUNK);
  return Array.from({ length: count }, (_, index) => list.slice(index * CHUNK, (index + 1) * CHUNK));
}
