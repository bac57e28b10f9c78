/** Items of a job: registered before their entries are published, as every producer of them does. */

import { messageOf, QueueError } from '../errors.ts';
import { openJobs } from '../jobs/database.ts';
import { registerItems, unregisterItems } from '../jobs/items.ts';
import { inJobs } from '../jobs/publish-items.ts';
import type { Spool } from '../spool/layout.ts';

export interface NamedItem {
  readonly job: string;
  /** Of the entry. */
  readonly name: string;
  readonly id: string | undefined;
}

/** Another producer may be at it; the door serves no one meanwhile. */
const BUSY_TIMEOUT_MS = 500;

/** @returns for each job that does not take them, why. */
export function registerAll(spool: Spool, items: readonly NamedItem[]): Map<string, QueueError> {
  const refused = new Map<string, QueueError>();
  if (items.length === 0) return refused;
  const byJob = Map.groupBy(items, ({ job }) => job);
  try {
    const db = openJobs(spool, { busyTimeout: BUSY_TIMEOUT_MS });
    try {
      for (const [job, own] of byJob) {
        try {
          const named = own.map(({ name, id }) => ({ name, item: id ?? name.slice(3, -'.json'.length) }));
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
