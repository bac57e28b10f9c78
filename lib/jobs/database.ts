/**
 * jobs.db: the jobs of a spool and what became of their items, shared by any number of processes (WAL).
 *
 * Opening brings an older file up to date. A newer one, from a later version of hookspool, is refused. The file and
 * those that SQLite puts beside it are 0600; a symlink or anything else but a file in its place is refused.
 */
import { closeSync, lstatSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, messageOf, QueueError } from '../errors.ts';
import { type Db, hasWaitingJournal, loadDriver } from '../sink/driver.ts';
import { checkSpool, ensureSpool, FILE_MODE, type Spool } from '../spool/layout.ts';
import { MIGRATIONS } from './schema.ts';

export interface OpenJobsOptions {
  /** Milliseconds to wait for another connection's lock. */
  readonly busyTimeout?: number;
  /** OFF and NORMAL may lose the last commits in a power cut; default FULL, as results must not be lost. */
  readonly synchronous?: 'FULL' | 'NORMAL';
}

const BUSY_TIMEOUT_MS = 5000;

/** Where it lies. */
export function jobsPath(spool: Spool): string {
  return join(spool.base, 'jobs.db');
}

/** Which file stands there now, another one when it was replaced; undefined when there is none. One stat(2). */
export function jobsFile(spool: Spool): string | undefined {
  const stat = statSync(jobsPath(spool), { throwIfNoEntry: false });
  return stat && `${stat.dev} ${stat.ino}`;
}

/**
 * Opens jobs.db, making it when there is none.
 * @throws QueueError DATABASE when it can't be used or is of a later version; SPOOL_UNSAFE, SPOOL_UNWRITABLE.
 */
export function openJobs(spool: Spool, options: OpenJobsOptions = {}): Db {
  ensureSpool(spool);
  const path = jobsPath(spool);
  if (!isThere(path)) make(path);
  let db: Db | undefined;
  try {
    db = new (loadDriver(path))(path, { timeout: options.busyTimeout ?? BUSY_TIMEOUT_MS });
    db.pragma('journal_mode = WAL');
    db.pragma(`synchronous = ${options.synchronous ?? 'FULL'}`);
    db.pragma('foreign_keys = ON');
    migrate(db, path);
    return db;
  } catch (error) {
    db?.close();
    throw error instanceof QueueError ? error : unusable(path, messageOf(error), error);
  }
}

/**
 * Opens jobs.db only to read. Nothing is created.
 * @returns undefined when there is none yet.
 * @throws QueueError DATABASE when it can't be used or is of a later version; SPOOL_UNSAFE.
 */
export function openJobsToRead(spool: Spool): Db | undefined {
  checkSpool(spool);
  const path = jobsPath(spool);
  if (!isThere(path)) return undefined;
  let db: Db | undefined;
  try {
    db = new (loadDriver(path))(path, { readonly: true, timeout: BUSY_TIMEOUT_MS });
    const version = versionOf(db);
    if (version === MIGRATIONS.length) return db;
    db.close();
    // Another process is just making it; or it is older, and has to be brought up to date first.
    return version === 0 ? undefined : openJobs(spool);
  } catch (error) {
    db?.close();
    throw error instanceof QueueError ? error : unusable(path, messageOf(error), error);
  }
}

/**
 * Opens jobs.db for `work` and closes it.
 * @throws QueueError DATABASE for what the driver throws; what `work` throws.
 */
export function withJobs<T>(spool: Spool, work: (db: Db) => T): T {
  return closing(spool, openJobs(spool), work);
}

/** The same to read only; without jobs.db the result is `none()`. */
export function withJobsToRead<T>(spool: Spool, none: () => T, work: (db: Db) => T): T {
  const db = openJobsToRead(spool);
  return db ? closing(spool, db, work) : none();
}

function closing<T>(spool: Spool, db: Db, work: (db: Db) => T): T {
  try {
    return work(db);
  } catch (error) {
    throw jobsError(spool, error);
  } finally {
    db.close();
  }
}

/** What the driver threw, as one of our errors; others as they are. */
export function jobsError(spool: Spool, error: unknown): unknown {
  return codeOf(error)?.startsWith('SQLITE_') && !(error instanceof QueueError)
    ? unusable(jobsPath(spool), messageOf(error), error)
    : error;
}

/**
 * SQLite itself would follow a planted symlink and write there, and wait for a FIFO. By lstat and not by opening it:
 * closing a file takes away every lock that this process has on it.
 * @throws QueueError SPOOL_UNSAFE, DATABASE.
 */
function isThere(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat && !stat.isFile()) {
    throw new QueueError('SPOOL_UNSAFE', `the spool is refused: ${path} is not a file`, {
      hint: 'Move it away.',
    });
  }
  if (hasWaitingJournal(path)) throw unusable(path, 'there is a FIFO in the place of its journal');
  return stat !== undefined;
}

function make(path: string): void {
  try {
    closeSync(openSync(path, 'wx', FILE_MODE));
  } catch (error) {
    // Another process has just made it, or planted something else.
    if (codeOf(error) !== 'EEXIST') throw error;
    isThere(path);
  }
}

function migrate(db: Db, path: string): void {
  if (versionOf(db) === MIGRATIONS.length) return;
  const next = db.transaction(() => {
    const version = versionOf(db);
    if (version > MIGRATIONS.length) throw tooNew(path, version);
    const sql = MIGRATIONS[version];
    if (sql === undefined) return false;
    db.exec(sql);
    db.pragma(`user_version = ${version + 1}`);
    return true;
  });
  while (next.immediate()) {}
}

function versionOf(db: Db): number {
  return db.pragma('user_version', { simple: true }) as number;
}

function tooNew(path: string, version: number): QueueError {
  return new QueueError(
    'DATABASE',
    `${path} is of version ${version}, and this hookspool knows ${MIGRATIONS.length} at most`,
    { hint: 'Upgrade hookspool.' },
  );
}

function unusable(path: string, detail: string, cause?: unknown): QueueError {
  return new QueueError('DATABASE', `the jobs in ${path} can't be used: ${detail}`, { cause });
}
