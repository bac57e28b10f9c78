/**
 * Holding the queue: no worker applies anything meanwhile, and hooks go on spooling.
 *
 * The worker is asked to leave after its batch, and its lock is taken in its place. If this process dies, the kernel
 * frees the lock, and the next hook starts a worker: a hold can't be forgotten. Ctrl-C ends it as its end does.
 */
import { lstatSync } from 'node:fs';
import { QueueError } from '../errors.ts';
import { checkSpool, type Spool } from '../spool/layout.ts';
import { listing } from '../spool/listing.ts';
import { WorkerLock } from '../worker/lock.ts';
import { openLog } from '../worker/log.ts';
import { stopWorker } from '../worker/presence.ts';
import { clearStartNotes, ensureWorker } from '../worker/start.ts';
import { onInterrupt } from './interrupt.ts';

/** A worker finishes its batch first, and hooks start new ones. */
const PATIENCE_MS = 90_000;
const LOOK_MS = 20;

/**
 * Runs `work` while no worker runs; afterwards a worker is started if one ran before or entries wait.
 * @param why for worker.log, such as 'vacuum'.
 * @throws QueueError WORKER when the worker does not leave in a minute and a half; SPOOL_UNSAFE.
 */
export async function withQueueHeld<T>(spool: Spool, why: string, work: () => Promise<T> | T): Promise<T> {
  if (!checkSpool(spool) && !lstatSync(spool.base, { throwIfNoEntry: false })) return work();
  const log = openLog(spool);
  const { lock, wasWorking } = await takeLock(spool);
  log('info', `${why}: the queue is held by process ${process.pid}`);
  const letGo = (): void => {
    lock.release();
    log('info', `${why}: the queue goes on`);
    if (wasWorking || listing(spool.pending).length > 0) {
      clearStartNotes(spool);
      ensureWorker(spool);
    }
  };
  const takeBack = onInterrupt(letGo);
  try {
    return await work();
  } finally {
    takeBack();
    letGo();
  }
}

async function takeLock(spool: Spool): Promise<{ lock: WorkerLock; wasWorking: boolean }> {
  const deadline = performance.now() + PATIENCE_MS;
  let wasWorking = false;
  for (;;) {
    if ((await stopWorker(spool)) !== undefined) wasWorking = true;
    const lock = WorkerLock.tryAcquire(spool);
    if (lock) return { lock, wasWorking };
    if (performance.now() > deadline) {
      throw new QueueError('WORKER', 'the queue is held by another command, or its worker does not leave', {
        hint: `See ${spool.log}, and try again.`,
      });
    }
    await new Promise((done) => setTimeout(done, LOOK_MS));
  }
}
