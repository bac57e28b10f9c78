/** The TypeScript API. Everything exported here is documented where it is defined. */
export { type Config, loadConfig } from './config.ts';
export { type ErrorCode, EXIT, QueueError } from './errors.ts';
export { enqueue, openQueue, type Queue, type WriteRequest, type WriteResult } from './producer/enqueue.ts';
export { type Fate, waitForEntry } from './producer/wait.ts';
export type { Entry, EntryError, Params } from './spool/entry.ts';
export { type Spool, spoolAt } from './spool/layout.ts';
export type { WorkerSummary } from './worker/batch.ts';
export { type RunOptions, runWorker, startWorker } from './worker/control.ts';
export { type Log, openLog } from './worker/log.ts';
export { livingWorker, type Presence, stopWorker } from './worker/presence.ts';
