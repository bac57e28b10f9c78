/** The TypeScript API. Everything exported here is documented where it is defined. */
export { type Config, loadConfig } from './config.ts';
export { type ErrorCode, EXIT, QueueError } from './errors.ts';
export { type Verification, verifyBackup } from './maintenance/backups/check.ts';
export {
  type PruneLedgerOptions,
  type PruneLedgerReport,
  pruneLedger,
} from './maintenance/backups/ledger.ts';
export { type BackupOptions, type BackupResult, makeBackup } from './maintenance/backups/make.ts';
export type { Until } from './maintenance/backups/place.ts';
export { type PruneOptions, pruneBackups } from './maintenance/backups/prune.ts';
export {
  type ForwardOptions,
  type ReplayReport,
  replayJournal,
} from './maintenance/backups/replay.ts';
export { type RestoreOptions, type RestoreReport, restoreBackup } from './maintenance/backups/restore.ts';
export { type Backup, backupDirectory, type Label, listBackups } from './maintenance/backups/shelf.ts';
export { type CleanupOptions, cleanUp, TASKS, type Task, type TaskReport } from './maintenance/cleanup.ts';
export { type AnalyzeOptions, type AnalyzeReport, analyzeDatabase } from './maintenance/database/analyze.ts';
export {
  CHECKPOINT_MODES,
  type CheckpointMode,
  type CheckpointReport,
  checkpointDatabase,
} from './maintenance/database/checkpoint.ts';
export { vacuumIncrementally } from './maintenance/database/incremental.ts';
export { checkIntegrity, type IntegrityOptions } from './maintenance/database/integrity.ts';
export {
  type OptimizeOptions,
  type OptimizeReport,
  optimizeDatabase,
} from './maintenance/database/optimize.ts';
export { type DatabasePages, readPages } from './maintenance/database/pages.ts';
export { type DatabaseStats, readDatabaseStats, type TableStats } from './maintenance/database/stats.ts';
export {
  planVacuum,
  type VacuumOptions,
  type VacuumReport,
  vacuumDatabase,
} from './maintenance/database/vacuum.ts';
export type { DatabaseHealth } from './maintenance/database-health.ts';
export type { Finding } from './maintenance/findings.ts';
export type { HealthCheck, HealthState } from './maintenance/health/check.ts';
export { checkHealth, type HealthOptions, type HealthReport } from './maintenance/health/health.ts';
export { type LastBackup, lastGoodBackup } from './maintenance/health/last-backup.ts';
export {
  type CheckName,
  DEFAULT_THRESHOLDS,
  type Limits,
  parseThresholds,
  type Thresholds,
  type Unit,
} from './maintenance/health/thresholds.ts';
export { type InitReport, initialize } from './maintenance/init.ts';
export { findLetters, type Letter, readLetter, readLetters } from './maintenance/letters.ts';
export { discardLetters, type Refusal, type RetryResult, retryLetters } from './maintenance/retry.ts';
export {
  type RoutineReport,
  runRoutine,
  type Step,
  type StepReport,
  type StepResult,
} from './maintenance/routine.ts';
export { healthStep, recoverStep, type StepContext } from './maintenance/routine-steps.ts';
export { SCHEDULERS, type Scheduler, scheduleText, usualScheduler } from './maintenance/schedule/schedule.ts';
export { type OperationReport, readStatus, type StatusReport } from './maintenance/status.ts';
export { verifyInstallation } from './maintenance/verify.ts';
export { enqueue, type WriteRequest, type WriteResult } from './producer/enqueue.ts';
export {
  type EnqueueManyOptions,
  type EnqueueManyResult,
  EnqueueStopped,
} from './producer/enqueue-many.ts';
export { openQueue, type Queue } from './producer/queue.ts';
export { type Fate, waitForEntry } from './producer/wait.ts';
export type { Entry, EntryError, Params } from './spool/entry.ts';
export { type Spool, spoolAt } from './spool/layout.ts';
export type { WorkerSummary } from './worker/batch.ts';
export { type RunOptions, runWorker, startWorker } from './worker/control.ts';
export { type Log, openLog } from './worker/log.ts';
export { livingWorker, type Presence, stopWorker } from './worker/presence.ts';
