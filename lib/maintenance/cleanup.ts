/**
 * queue-cleanup: what a queue's directory needs from time to time. Every task may run beside hooks and the worker,
 * may be interrupted and run again; a dry run changes nothing and reports what a run would do now.
 */
import { lstatSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Config } from '../config.ts';
import { letterNames, WHY_SUFFIX } from '../spool/deadletter.ts';
import { checkSpool, type Spool } from '../spool/layout.ts';
import { orphanNames } from '../spool/manifest.ts';
import { unlinkIfThere } from '../spool/publish.ts';
import { orphanValues } from '../spool/values.ts';
import { LOG_ROTATE_BYTES, openLog, rotateLog } from '../worker/log.ts';
import { recoverOrphans, staleTemporaries } from '../worker/recover.ts';
import { ensureWorker, isStartNote } from '../worker/start.ts';
import { archiveJournal } from './archive.ts';
import { listing } from './depths.ts';
import { allLetterNames, readLetter } from './letters.ts';
import { discardLetter } from './retry.ts';
import { countOf, formatBytes, printable } from './text.ts';

export const TASKS = ['logs', 'archive', 'purge-failed', 'recover', 'temporaries', 'hook-files'] as const;
export type Task = (typeof TASKS)[number];

export interface TaskReport {
  readonly task: Task;
  /** Files that were dealt with, or would be. */
  readonly count: number;
  /** What was done, in one line. */
  readonly detail: string;
}

export interface CleanupOptions {
  readonly tasks: readonly Task[];
  /** Hours; defaults: archive 24, purge-failed 168. */
  readonly hours?: number | undefined;
  readonly dryRun: boolean;
}

export const ARCHIVE_HOURS = 24;
export const PURGE_HOURS = 168;
const HOUR_MS = 3_600_000;
/** A start note counts for 5 s. */
const STALE_NOTE_MS = 60_000;
/** A session that is resumed after this time counts its operations anew, and shows the old count until it is passed. */
export const HOOK_FILE_HOURS = 24 * 90;

interface Context {
  readonly config: Config;
  readonly spool: Spool;
  readonly hours: number | undefined;
  readonly dryRun: boolean;
}

const TASK_FUNCTIONS: Readonly<Record<Task, (context: Context) => Omit<TaskReport, 'task'>>> = {
  archive,
  'purge-failed': purgeFailed,
  recover,
  logs,
  temporaries,
  'hook-files': hookFiles,
};

/**
 * Runs the tasks one after the other.
 * @returns a report a task, in their order; none when there is no spool.
 * @throws QueueError SPOOL_UNSAFE, system errors when the spool can't be written.
 */
export function cleanUp(config: Config, spool: Spool, options: CleanupOptions): TaskReport[] {
  if (!checkSpool(spool) && !lstatSync(spool.base, { throwIfNoEntry: false })) return [];
  const context = { config, spool, hours: options.hours, dryRun: options.dryRun };
  return options.tasks.map((task) => ({ task, ...TASK_FUNCTIONS[task](context) }));
}

function archive({ spool, hours, dryRun }: Context): Omit<TaskReport, 'task'> {
  const age = hours ?? ARCHIVE_HOURS;
  if (listing(spool.completed).length === 0) return { count: 0, detail: 'there is no journal' };
  const { archived, bytesBefore, bytesAfter, skipped } = archiveJournal(spool, age * HOUR_MS, dryRun);
  const saved =
    dryRun || archived.length === 0 ? '' : `, ${formatBytes(bytesBefore)} to ${formatBytes(bytesAfter)}`;
  const left = skipped.map(({ name, why }) => `; ${name} is left alone: ${why}`).join('');
  const detail = `${countOf(archived.length, 'journal file')} older than ${age} h compressed${saved}${left}`;
  return { count: archived.length, detail };
}

function purgeFailed({ spool, hours, dryRun }: Context): Omit<TaskReport, 'task'> {
  const age = hours ?? PURGE_HOURS;
  const limit = Date.now() - age * HOUR_MS;
  const old = allLetterNames(spool).filter((name) => {
    const letter = readLetter(spool, name);
    return letter !== undefined && letter.failedAt <= limit;
  });
  if (!dryRun) {
    for (const name of old) discardLetter(spool, name);
    for (const name of reasonsWithoutLetter(spool, limit)) unlinkIfThere(join(spool.failed, name));
  }
  return { count: old.length, detail: `${countOf(old.length, 'dead letter')} older than ${age} h removed` };
}

/** A reason is written before its letter, and removed after it: one without is litter when it is old. */
function reasonsWithoutLetter(spool: Spool, limit: number): string[] {
  const names = listing(spool.failed);
  const all = new Set(names);
  const letters = new Set(letterNames(names));
  return names.filter((name) => {
    if (letters.has(name) || all.has(name.slice(0, -WHY_SUFFIX.length))) return false;
    const stat = lstatSync(join(spool.failed, name), { throwIfNoEntry: false });
    return stat !== undefined && stat.mtimeMs <= limit;
  });
}

function recover({ config, spool, dryRun }: Context): Omit<TaskReport, 'task'> {
  const minAge = config.processingTimeout * 1000;
  let count: number;
  if (dryRun) {
    count = listing(spool.processing).length === 0 ? 0 : oldOrphans(spool, minAge);
  } else {
    count = listing(spool.processing).length === 0 ? 0 : recoverOrphans(spool, minAge, openLog(spool));
    if (count > 0) ensureWorker(spool);
  }
  return { count, detail: `${countOf(count, 'orphan')} older than ${config.processingTimeout} s put back` };
}

function oldOrphans(spool: Spool, minAge: number): number {
  return orphanNames(spool).filter((name) => {
    const stat = lstatSync(join(spool.processing, name), { throwIfNoEntry: false });
    return stat !== undefined && Date.now() - stat.mtimeMs >= minAge;
  }).length;
}

function logs({ spool, dryRun }: Context): Omit<TaskReport, 'task'> {
  const size = lstatSync(spool.log, { throwIfNoEntry: false })?.size ?? 0;
  const isDue = size > LOG_ROTATE_BYTES;
  if (isDue && !dryRun) rotateLog(spool);
  const what = isDue ? 'worker.log moved to worker.log.1' : 'nothing to rotate';
  return {
    count: isDue ? 1 : 0,
    detail: `${what} (${formatBytes(size)} of ${formatBytes(LOG_ROTATE_BYTES)})`,
  };
}

function temporaries({ spool, dryRun }: Context): Omit<TaskReport, 'task'> {
  const limit = Date.now() - STALE_NOTE_MS;
  const notes = listing(spool.tmp)
    .filter(isStartNote)
    .map((name) => join(spool.tmp, name))
    .filter((path) => isOldFile(path, limit));
  const stale = listing(spool.tmp).length > 0 ? staleTemporaries(spool) : [];
  const paths = [...new Set([...stale, ...notes, ...orphanValues(spool)])];
  if (!dryRun) for (const path of paths) unlinkIfThere(path);
  const names = paths.map((path) => basename(path));
  const list = names.length === 0 ? '' : `: ${names.slice(0, 3).map(printable).join(', ')}`;
  const more = names.length > 3 ? ', ...' : '';
  return {
    count: names.length,
    detail: `${countOf(names.length, 'stale temporary file')} removed${list}${more}`,
  };
}

/** A session's files: written to by each of its operations, so an old one is of a session that agents let nobody resume. */
function hookFiles({ spool, dryRun }: Context): Omit<TaskReport, 'task'> {
  const limit = Date.now() - HOOK_FILE_HOURS * HOUR_MS;
  const directory = lstatSync(spool.hooks, { throwIfNoEntry: false });
  const names = directory?.isDirectory() ? listing(spool.hooks) : [];
  const old = names.filter((name) => /\.(ops|at)$/.test(name) && isOldFile(join(spool.hooks, name), limit));
  if (!dryRun) for (const name of old) unlinkIfThere(join(spool.hooks, name));
  return {
    count: old.length,
    detail: `${countOf(old.length, 'file')} of sessions older than ${HOOK_FILE_HOURS} h removed`,
  };
}

function isOldFile(path: string, limit: number): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true && stat.mtimeMs <= limit;
}
