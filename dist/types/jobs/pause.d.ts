/** Pausing and resuming the queue, with a worker where there is something to do again. */
import { type Spool } from '../spool/layout.js';
/** @returns false when it was paused already. @throws QueueError SPOOL_UNSAFE, SPOOL_UNWRITABLE; system errors. */
export declare function pauseOf(spool: Spool, operation?: string): boolean;
/** @returns false when it was not paused. @throws QueueError SPOOL_UNSAFE; system errors. */
export declare function resumeOf(spool: Spool, operation?: string): boolean;
