/** What the worker's parts share. */
import type { Config } from '../config.ts';
import type { Journal } from '../spool/journal.ts';
import type { Spool } from '../spool/layout.ts';
import type { Stats } from '../spool/stats.ts';
import { removeValues } from '../spool/values.ts';
import type { Accounts } from './accounts.ts';
import type { Backlog } from './backlog.ts';
import type { FilesThread } from './files-thread.ts';
import type { Holds } from './holds.ts';
import type { Log } from './log.ts';
import { NO_SUSPICION, type Suspicion } from './recover.ts';
import type { Targets } from './targets.ts';
import type { Watch } from './watchdog.ts';

export interface WorkerSummary {
  applied: number;
  duplicates: number;
  failed: number;
  /** With `once`: entries that wait because their operation is paused, or for the job before theirs. */
  held: number;
  /** With `once`: the whole queue is paused, and entries wait. */
  paused: boolean;
  /** With `once`: why a database could not be used, for all or for one that is still there. */
  outage?: string | undefined;
}

export interface Work {
  readonly spool: Spool;
  readonly config: Config;
  readonly log: Log;
  /** Of the spool; '' before the first recovery. */
  identity: string;
  readonly journal: Journal;
  readonly stats: Stats;
  readonly targets: Targets;
  readonly backlog: Backlog;
  readonly accounts: Accounts;
  readonly holds: Holds;
  readonly summary: WorkerSummary;
  /** Names whose writers have not finished. */
  readonly unfinished: Set<string>;
  /** Of entries taken in, the parameters whose values have files of their own. */
  readonly values: Map<string, readonly string[]>;
  /** Names whose transaction is committed and that have not left pending/ yet. */
  readonly committed: Set<string>;
  /** Of entries that wait because the database has no room for them alone: what it said. */
  readonly tooLarge: Map<string, string>;
  suspicion: Suspicion;
  watch: Watch | undefined;
  /** Only while a large backlog is drained. */
  files: FilesThread | undefined;
}

/** The name has left pending/. */
export function gone(work: Work, name: string): void {
  work.backlog.forget(name);
  work.committed.delete(name);
  work.tooLarge.delete(name);
  const values = work.values.get(name);
  if (values) {
    removeValues(work.spool, name, values);
    work.values.delete(name);
  }
  const { suspects, undecided } = work.suspicion;
  undecided.delete(name);
  if (suspects.delete(name) && suspects.size === 0) work.suspicion = NO_SUSPICION;
}

/** How many entries are done with, or put off for a retry. */
export function settledOf({ summary, stats }: Work): number {
  return summary.applied + summary.duplicates + summary.failed + stats.retried;
}
