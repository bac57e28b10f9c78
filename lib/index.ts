/** The TypeScript API. Everything exported here is documented where it is defined. */
export { type Config, loadConfig } from './config.ts';
export { type ErrorCode, EXIT, QueueError } from './errors.ts';
export { type CancelOptions, cancelJob } from './jobs/cancel.ts';
export { createJob, type NewJob } from './jobs/create.ts';
export { exportJobs } from './jobs/export.ts';
export { type PastJob, type PastOptions, readHistory } from './jobs/history.ts';
export { type ImportOptions, type ImportReport, importJobs } from './jobs/import.ts';
export { type ItemResult, type ItemState, JOB_STATES, type Job, type JobState } from './jobs/job.ts';
export { type JobDetails, type JobList, type ListOptions, listJobs, readJobDetails } from './jobs/list.ts';
export { pauseOf as pauseQueue, resumeOf as resumeQueue } from './jobs/pause.ts';
export { type RemoveOptions, removeJob, removeOldJobs } from './jobs/remove.ts';
export { readResults } from './jobs/results.ts';
export { type RetryReport, retryJob, retryLetters } from './jobs/retry.ts';
export { seal as sealJob } from './jobs/seal.ts';
export { type JobStats, type NameStats, type Period, readJobStats } from './jobs/stats.ts';
export { type Waited, type WaitOptions, waitForJob } from './jobs/wait.ts';
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
export {
  enqueue,
  type InsertRequest,
  insert,
  type WriteRequest,
  type WriteResult,
} from './producer/enqueue.ts';
export {
  type EnqueueManyOptions,
  type EnqueueManyResult,
  EnqueueStopped,
} from './producer/enqueue-many.ts';
export { openQueue, type Queue } from './producer/queue.ts';
export { type Fate, waitForEntry } from './producer/wait.ts';
export type { Entry, EntryError, Params } from './spool/entry.ts';
export { type Spool, spoolAt } from './spool/layout.ts';
export { findLetters, type Letter, readLetter, readLetters } from './spool/letters.ts';
export { type Pauses, readPauses } from './spool/pause.ts';
export { cleanQueues, type QueueCleanupOptions, type RemovedFile } from './sync/cleanup.ts';
export type { SyncReport } from './sync/pass.ts';
export type { Refusal as QueueFileRefusal } from './sync/place.ts';
export { type SyncOptions, type SyncTotals, syncQueues } from './sync/sync.ts';
export { type RunOptions, runWorker, startWorker } from './worker/control.ts';
export { type Log, openLog } from './worker/log.ts';
export { livingWorker, type Presence, stopWorker } from './worker/presence.ts';
export { discardLetters, type Refusal, type RetryResult } from './worker/retry.ts';
export type { WorkerSummary } from './worker/work.ts';
