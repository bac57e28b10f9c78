/** Items of a job: registered before their entries are published, as every producer of them does. */
import { existsSync } from 'node:fs';
import { messageOf, QueueError } from '../errors.ts';
import { jobsPath, openJobs, withJobsToRead } from '../jobs/database.ts';
import { itemOf, registerItems, unregisterItems } from '../jobs/items.ts';
import { findJob, noJob } from '../jobs/job.ts';
import { inJobs } from '../jobs/publish-items.ts';
import { type Entry, splitName } from '../spool/entry.ts';
import type { Spool } from '../spool/layout.ts';
import type { Draft } from './items.ts';

export interface NamedItem {
  readonly job: string;
  /** Of the entry. */
  readonly name: string;
  readonly draft: Draft;
}

/** Another producer may be at it; the door serves no one meanwhile. */
const BUSY_TIMEOUT_MS = 500;

/** The drafts of jobs that start later with the time when they do. */
export function withDueTimes(spool: Spool, drafts: readonly Draft[]): readonly Draft[] {
  const ids = new Set(drafts.flatMap(({ job }) => job ?? []));
  if (ids.size === 0) return drafts;
  let due: ReadonlyMap<string, string>;
  try {
    due = withJobsToRead(
      spool,
      () => new Map(),
      (db) => new Map([...ids].flatMap((id) => dueTime(findJob(db, id)))),
    );
  } catch (error) {
    // registerAll says what is wrong.
    asQueueError(error);
    return drafts;
  }
  return drafts.map((draft) => {
    const notBefore = draft.job === undefined ? undefined : due.get(draft.job);
    return notBefore === undefined ? draft : { ...draft, not_before: notBefore };
  });
}

function dueTime(job: ReturnType<typeof findJob>): [string, string][] {
  if (!job || job.notBefore === null || Date.parse(job.notBefore) <= Date.now()) return [];
  return [[job.id, job.notBefore]];
}

/** @returns for each job that does not take them, why. */
export function registerAll(spool: Spool, items: readonly NamedItem[]): Map<string, QueueError> {
  const refused = new Map<string, QueueError>();
  if (items.length === 0) return refused;
  const byJob = Map.groupBy(items, ({ job }) => job);
  // Without the file there is no job, and a producer makes none.
  if (!existsSync(jobsPath(spool))) return new Map([...byJob.keys()].map((id) => [id, noJob(id)]));
  try {
    const db = openJobs(spool, { busyTimeout: BUSY_TIMEOUT_MS });
    try {
      for (const [job, own] of byJob) {
        try {
          const named = own.map(({ name, draft }) => ({
            name,
            item: itemOf(draft as Entry, splitName(name)?.seq ?? name),
          }));
          inJobs(db, () => registerItems(db, job, named));
        } catch (error) {
          refused.set(job, asQueueError(error));
        }
      }
    } finally {
      db.close();
    }
  } catch (error) {
    for (const job of byJob.keys()) refused.set(job, asQueueError(error));
  }
  return refused;
}

/** Takes back what could not be published. What stays, because the disk is full for that as well, is found later. */
export function unregisterAll(spool: Spool, items: readonly NamedItem[]): void {
  if (items.length === 0) return;
  try {
    const db = openJobs(spool, { busyTimeout: BUSY_TIMEOUT_MS });
    try {
      for (const [job, own] of Map.groupBy(items, (item) => item.job)) {
        const names = own.map(({ name }) => name);
        inJobs(db, () => unregisterItems(db, job, names));
      }
    } finally {
      db.close();
    }
  } catch (error) {
    asQueueError(error);
  }
}

/** @throws what is no QueueError. */
function asQueueError(error: unknown): QueueError {
  if (error instanceof QueueError) return error;
  throw new Error(messageOf(error), { cause: error });
}
