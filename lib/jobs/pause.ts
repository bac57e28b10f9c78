/** Pausing and resuming the queue, with a worker where there is something to do again. */
import { ensureSpool, type Spool } from '../spool/layout.ts';
import { pauseQueue, resumeQueue } from '../spool/pause.ts';
import { startIfEntriesWait } from './wait.ts';

/** @returns false when it was paused already. @throws QueueError SPOOL_UNSAFE, SPOOL_UNWRITABLE; system errors. */
export function pauseOf(spool: Spool, operation?: string): boolean {
  ensureSpool(spool);
  return pauseQueue(spool, operation);
}

/** @returns false when it was not paused. @throws QueueError SPOOL_UNSAFE; system errors. */
export function resumeOf(spool: Spool, operation?: string): boolean {
  const was = resumeQueue(spool, operation);
  startIfEntriesWait(spool);
  return was;
}
