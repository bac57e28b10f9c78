import { type Spool } from '../spool/layout.js';
/**
 * Runs `work` while no worker runs; afterwards a worker is started if one ran before or entries wait.
 * @param why for worker.log, such as 'vacuum'.
 * @throws QueueError WORKER when the worker does not leave in a minute and a half; SPOOL_UNSAFE.
 */
export declare function withQueueHeld<T>(spool: Spool, why: string, work: () => Promise<T> | T): Promise<T>;
