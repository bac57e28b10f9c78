/**
 * An incremental vacuum: the last pages of the file move to where free ones are, and the file is cut.
 *
 * In steps of a few milliseconds, each a transaction of its own, with pauses in which the worker applies its batches: the
 * queue is not held. Interrupted, what was done is done. It does not sort: only `vacuum` puts a table's rows side by side.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { QueueError } from '../../errors.ts';
import { checkpointDatabase } from './checkpoint.ts';
import { connect, failureOf } from './open.ts';
import { numberOf, readPages } from './pages.ts';
import type { VacuumOptions, VacuumReport } from './vacuum.ts';

/** Pages a step: 1 to 10 ms of write lock. */
const STEP = 200;
/** Long enough for whoever waits for the lock: SQLite's waiting looks again after 1 to 25 ms at first. */
const PAUSE_MS = 25;

/** @throws QueueError DATABASE when the database can't be used, or is not in that mode. */
export async function vacuumIncrementally(
  path: string,
  { busyTimeout = 5000, onProgress = () => {} }: Omit<VacuumOptions, 'enableIncremental'> = {},
): Promise<VacuumReport> {
  const before = readPages(path, { busyTimeout });
  if (before.autoVacuum !== 'incremental') throw wrongMode(path, before.autoVacuum);
  const start = performance.now();
  await freePages(path, before.freePages, busyTimeout, onProgress);
  // Passive: it waits for nobody, and unless a reader is in the way the file is cut.
  const { log, checkpointed } = await checkpointDatabase(path, { busyTimeout });
  const seconds = (performance.now() - start) / 1000;
  return { path, before, after: readPages(path, { busyTimeout }), busy: checkpointed !== log, seconds };
}

/** No more than are free now: whoever deletes meanwhile must not keep us here for ever. */
async function freePages(
  path: string,
  count: number,
  busyTimeout: number,
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  const db = connect(path, { busyTimeout });
  try {
    for (let done = 0; done < count && numberOf(db, 'freelist_count') > 0; done += STEP) {
      const start = performance.now();
      // Not a prepared statement's run(): that takes one step, which frees one page.
      db.exec(`PRAGMA main.incremental_vacuum(${STEP})`);
      onProgress(Math.min(done + STEP, count), count);
      await pause(Math.max(PAUSE_MS, performance.now() - start));
    }
  } catch (error) {
    throw failureOf(path, error);
  } finally {
    db.close();
  }
}

function wrongMode(path: string, mode: string): QueueError {
  return new QueueError(
    'DATABASE',
    `an incremental vacuum needs auto_vacuum=INCREMENTAL, and ${path} has ${mode.toUpperCase()}`,
    { hint: 'queue-maint vacuum --enable-incremental writes it anew, once, in that mode.' },
  );
}
