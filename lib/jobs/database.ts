/**
 * jobs.db: the jobs of a spool and what became of their items, shared by any number of processes (WAL).
 *
 * Opening brings an older file up to date. A newer one, from a later version of hookspool, is refused. The file and
 * those that SQLite puts beside it are 0600; a symlink or anything else but a file in its place is refused.
 */
import { closeSync, lstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, messageOf, QueueError } from '../errors.ts';
import { type Db, hasWaitingJournal, loadDriver } from '../sink/driver.ts';
import { ensureSpool, FILE_MODE, type Spool } from '../spool/layout.ts';
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

/**
 * Opens jobs.db, making it when there is none.
 * @throws QueueError DATABASE when it can't be used or is of a later version; SPOOL_UNSAFE, SPOOL_UNWRITABLE.
 */
export function openJobs(spool: Spool, options: OpenJobsOptions = {}): Db {
  ensureSpool(spool);
  const path = jobsPath(spool);
  makeOrCheck(path);
  if (hasWaitingJournal(path)) throw unusable(path, 'there is a FIFO in the place of its journal');
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
 * SQLite itself would follow a planted symlink and write there. A file that is there is not opened to find out: closing
 * any descriptor of it frees the locks of this process's other connections (POSIX locks are per process), and another
 * process could then remove the journal that they write into.
 */
function makeOrCheck(path: string): void {
  try {
    if (!lstatSync(path, { throwIfNoEntry: false })) closeSync(openSync(path, 'wx', FILE_MODE));
  } catch (error) {
    // Another process has just made it.
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  if (lstatSync(path).isFile()) return;
  throw new QueueError('SPOOL_UNSAFE', `the spool is refused: ${path} is not a file`, {
    hint: 'Move it away.',
  });
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
