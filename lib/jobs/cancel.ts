/**
 * Cancels a job: what is not applied yet is withdrawn.
 *
 * Here:      1 the state becomes cancelled (COMMIT)   2 the manifest is read   3 what is not in it is withdrawn
 * The worker: 1 it writes the manifest of its batch   2 it reads the states     3 it withdraws, or applies
 *
 * Whichever of the two comes first, no entry is withdrawn here and applied there: a manifest written before our second
 * step is seen by us, and one written after it belongs to a worker that sees our first step. A manifest that is being
 * written may look empty or torn, which is the same as written later.
 *
 * Withdrawn is: the result is recorded, then the entry leaves pending/, then its values go. After a crash the next
 * cancel removes entries whose items are withdrawn; until then a worker that meets one does the same.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '../sink/driver.ts';
import type { Spool } from '../spool/layout.ts';
import { forEachName } from '../spool/listing.ts';
import { readManifest } from '../spool/manifest.ts';
import { unlinkIfThere } from '../spool/publish.ts';
import { removeValues } from '../spool/values.ts';
import { ensureWorker } from '../worker/start.ts';
import { jobsError, openJobs } from './database.ts';
import { CHUNK } from './items.ts';
import { hasEnded, type Job, queuedOf, readJob } from './job.ts';
import { requireJob } from './seal.ts';

export interface CancelOptions {
  /** Seconds to wait for entries that are in the worker's hand; default 10. */
  readonly patience?: number | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

const POLL_MS = 20;

/**
 * Doing it again finishes what was interrupted, and is harmless.
 * @returns the job: cancelled, with items queued if the worker had not decided them in time; or ended before.
 * @throws QueueError NOT_FOUND; system errors.
 */
export async function cancelJob(spool: Spool, id: string, options: CancelOptions = {}): Promise<Job> {
  requireJob(spool, id);
  const db = openJobs(spool);
  try {
    const before = markCancelled(db, id);
    if (before.state !== 'cancelled') return before;
    const total = queuedOf(before);
    const look = (job: Job): Job => {
      options.onProgress?.(total - queuedOf(job), total);
      return job;
    };
    await withdrawQueued(db, spool, id, "AND state IN ('queued', 'withdrawn')", look);
    const deadline = performance.now() + (options.patience ?? 10) * 1000;
    for (;;) {
      const job = look(readJob(db, id));
      if (queuedOf(job) === 0 || performance.now() > deadline) return job;
      // Of a worker that has died: the next one finds out what was applied.
      ensureWorker(spool);
      await sleep(POLL_MS);
      await withdrawQueued(db, spool, id, "AND state = 'queued'", look);
    }
  } catch (error) {
    throw jobsError(spool, error);
  } finally {
    db.close();
  }
}

/** Unless it has ended before. @returns what it is then. */
function markCancelled(db: Db, id: string): Job {
  return db
    .transaction(() => {
      if (!hasEnded(readJob(db, id).state)) {
        db.prepare(
          "UPDATE jobs SET state = 'cancelled', is_sealed = 1, completed_at = ?, error = 'cancelled' WHERE id = ?",
        ).run(Date.now(), id);
      }
      return readJob(db, id);
    })
    .immediate();
}

/** Withdraws the items of a cancelled job that meet `condition` and are not in the worker's hand. */
async function withdrawQueued(
  db: Db,
  spool: Spool,
  id: string,
  condition: string,
  onChunk: (job: Job) => void,
): Promise<void> {
  const inHand = new Set(readManifest(spool)?.names);
  const values = valuesByEntry(spool);
  const next = db
    .prepare(
      `SELECT name FROM job_results WHERE job_id = ? AND name > ? ${condition} ORDER BY name LIMIT ${CHUNK}`,
    )
    .pluck();
  for (let last = ''; ; ) {
    const names = next.all(id, last) as string[];
    const free = names.filter((name) => !inHand.has(name));
    recordWithdrawn(db, id, free);
    for (const name of free) {
      unlinkIfThere(`${spool.pending}/${name}`);
      removeValues(spool, name, values.get(name) ?? []);
    }
    if (names.length < CHUNK) return;
    last = names.at(-1) as string;
    onChunk(readJob(db, id));
    // The progress bar and Ctrl-C get their turn.
    await sleep(0);
  }
}

function recordWithdrawn(db: Db, id: string, names: readonly string[]): void {
  if (names.length === 0) return;
  const now = Date.now();
  db.transaction(() => {
    const record = db.prepare(
      `UPDATE job_results SET state = 'withdrawn', error = NULL, finished_at = ?
       WHERE job_id = ? AND name = ? AND state = 'queued'`,
    );
    for (const name of names) record.run(now, id, name);
  }).immediate();
}

/** The parameters that have files of their own, by entry: a listing costs less than reading every entry. */
function valuesByEntry(spool: Spool): Map<string, string[]> {
  const found = new Map<string, string[]>();
  forEachName(spool.values, (file) => {
    const dot = file.lastIndexOf('.');
    const name = file.slice(0, dot);
    const params = found.get(name);
    if (params) params.push(file.slice(dot + 1));
    else found.set(name, [file.slice(dot + 1)]);
  });
  return found;
}
