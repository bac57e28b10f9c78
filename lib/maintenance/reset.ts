/**
 * Emptying a spool: entries, dead letters, journal, counters, sequence floor, logs and the spool's random name. The
 * database is not touched.
 *
 * Promises: never while a worker runs, because the worker's lock is held all the while; nothing outside the spool's own
 * files is removed, and no symlink is followed. The random name goes after the entries: with a new name, an entry
 * that was applied and is still in pending/ would be applied again. The new name is 48 random bits, so that no later
 * entry meets a ledger row of an earlier one. A reset that is interrupted is done by another.
 *
 * The hooks' counts of operations (hooks/) stay, for they are absolute: a session that goes on would count from 0 again,
 * and its rows in the database, which stays as well, would be too low. Old ones are queue-cleanup's to remove.
 */
import { lstatSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { QueueError } from '../errors.ts';
import { letterNames } from '../spool/deadletter.ts';
import { spoolIdentity } from '../spool/identity.ts';
import { checkSpool, ensureSpool, type Spool, spoolDirectories } from '../spool/layout.ts';
import { WorkerLock } from '../worker/lock.ts';
import { listing } from './depths.ts';
import { presentWorker } from './present.ts';

/** What a reset would remove. */
export interface ResetPlan {
  readonly pending: number;
  readonly processing: number;
  readonly failed: number;
  readonly journalFiles: number;
  readonly journalBytes: number;
}

/** @returns undefined when there is no spool. @throws QueueError SPOOL_UNSAFE. */
export function planReset(spool: Spool): ResetPlan | undefined {
  checkSpool(spool);
  if (!lstatSync(spool.base, { throwIfNoEntry: false })) return undefined;
  const journal = listing(spool.completed);
  const sizes = journal.map(
    (name) => statSync(join(spool.completed, name), { throwIfNoEntry: false })?.size ?? 0,
  );
  return {
    pending: listing(spool.pending).length,
    processing: listing(spool.processing).length,
    failed: letterNames(listing(spool.failed)).length,
    journalFiles: journal.length,
    journalBytes: sizes.reduce((sum, size) => sum + size, 0),
  };
}

/** @throws QueueError WORKER when a worker runs now. */
export function refuseWhileWorking(spool: Spool): void {
  const worker = presentWorker(spool);
  if (worker) throw workerRuns(worker.pid);
}

/**
 * Removes it all and starts the spool anew.
 * @returns the spool's new random name.
 * @throws QueueError WORKER when a worker runs; SPOOL_UNSAFE.
 */
export function resetSpool(spool: Spool): string {
  ensureSpool(spool);
  const lock = WorkerLock.tryAcquire(spool);
  if (!lock) throw workerRuns(presentWorker(spool)?.pid);
  try {
    for (const directory of spoolDirectories(spool)) {
      // Not the directory itself: a hook may be writing into it.
      for (const name of listing(directory)) rmSync(join(directory, name), { recursive: true, force: true });
    }
    const own = [
      spool.stats,
      spool.direct,
      spool.seq,
      spool.pidFile,
      spool.log,
      `${spool.log}.1`,
      spool.identity,
    ];
    for (const path of own) rmSync(path, { recursive: true, force: true });
    return spoolIdentity(spool);
  } finally {
    lock.release();
  }
}

function workerRuns(pid: number | undefined): QueueError {
  const who = pid === undefined ? 'a worker is starting or leaving' : `a worker runs (pid ${pid})`;
  return new QueueError('WORKER', `nothing was removed: ${who}`, { hint: 'Run: queue-worker stop' });
}
