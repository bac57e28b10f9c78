/** The TypeScript API. Everything exported here is documented where it is defined. */
export { type Config, loadConfig } from './config.js';
export { type ErrorCode, EXIT, QueueError } from './errors.js';
export { type CleanupOptions, cleanUp, TASKS, type Task, type TaskReport } from './maintenance/cleanup.js';
export type { DatabaseHealth } from './maintenance/database-health.js';
export type { Finding } from './maintenance/findings.js';
export { type InitReport, initialize } from './maintenance/init.js';
export { findLetters, type Letter, readLetter, readLetters } from './maintenance/letters.js';
export { discardLetters, type Refusal, type RetryResult, retryLetters } from './maintenance/retry.js';
export { type OperationReport, readStatus, type StatusReport } from './maintenance/status.js';
export { verifyInstallation } from './maintenance/verify.js';
export { enqueue, openQueue, type Queue, type WriteRequest, type WriteResult } from './producer/enqueue.js';
export { type Fate, waitForEntry } from './producer/wait.js';
export type { Entry, EntryError, Params } from './spool/entry.js';
export { type Spool, spoolAt } from './spool/layout.js';
export type { WorkerSummary } from './worker/batch.js';
export { type RunOptions, runWorker, startWorker } from './worker/control.js';
export { type Log, openLog } from './worker/log.js';
export { livingWorker, type Presence, stopWorker } from './worker/presence.js';
