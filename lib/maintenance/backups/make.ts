/**
 * Making a backup while hooks write and the worker applies.
 *
 * SQLite's online backup, page by page, inside one read transaction: in WAL mode that keeps nobody from writing, and
 * what is written meanwhile neither gets into the copy nor makes it start again.
 *
 * Where the journal stands is noted before the transaction begins: every line before that place is committed and
 * therefore in the copy; of those after it the ledger in the copy knows which are.
 *
 * Steps: claim the name, copy to a temporary file, check it, sync it, write the label, rename. A crash before the
 * rename leaves litter that later backups remove, and never half a backup.
 */
import { closeSync, existsSync, lstatSync, mkdirSync, openSync, realpathSync, renameSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { QueueError } from '../../errors.ts';
import { isRunning } from '../../processes.ts';
import type { Db } from '../../sink/driver.ts';
import { spoolIdentity } from '../../spool/identity.ts';
import { formatPosition, journalEnd } from '../../spool/journal-read.ts';
import { checkSpool, FILE_MODE, type Spool } from '../../spool/layout.ts';
import { listing } from '../../spool/listing.ts';
import { fsyncDirectory, removeLitter } from '../../spool/publish.ts';
import { connect, failureOf, requireDatabase } from '../database/open.ts';
import { checkContent, noted } from './check.ts';
import { checkSpace, checksumOf, compress, databaseBytes, leaveWal, syncFile } from './files.ts';
import { readNotes } from './history.ts';
import { pruneBackups } from './prune.ts';
import {
  backupDirectory,
  backupName,
  checkName,
  claimPath,
  type Label,
  labelPath,
  staleLabels,
  writeLabel,
} from './shelf.ts';

export interface BackupOptions {
  readonly database: string;
  readonly spool: Spool;
  /** Part of the file's name; default: the database's. */
  readonly name?: string | undefined;
  /** Default: `backups` beside the database. */
  readonly directory?: string | undefined;
  /** So many backups of this name stay; default 10. */
  readonly keep?: number | undefined;
  readonly compress?: boolean | undefined;
  /** Milliseconds to wait for another connection's lock. */
  readonly busyTimeout: number;
  /** Told how much of the work is done. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface BackupResult {
  readonly path: string;
  readonly label: Label;
  readonly warnings: readonly string[];
  /** Older backups that were removed. */
  readonly pruned: readonly string[];
}

export const KEEP = 10;
/** Pages in one step: 4 MB, a few milliseconds. */
const PAGES_A_STEP = 1000;
const TEMPORARY = /^\.queue_backup-(\d+)-.*\.tmp(-journal|-wal|-shm)?$/;

/**
 * Makes a verified backup and removes those that are too many.
 * @throws QueueError DATABASE when the database can't be read, is not sound, or the disk is too full; USAGE for a
 *   name or directory that can't be. Older backups are then as they were.
 */
export async function makeBackup(options: BackupOptions): Promise<BackupResult> {
  const { database, spool, busyTimeout, onProgress = () => {} } = options;
  const name = options.name ?? backupName(database);
  const directory = options.directory ?? backupDirectory(database);
  checkName(name);
  requireDatabase(database);
  refuseInside(spool, directory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  removeRemains(directory);
  const bytes = databaseBytes(database);
  checkSpace(directory, bytes * (options.compress ? 2 : 1), 'a backup');
  const path = claimPath(directory, name, new Date(), options.compress ? '.db.gz' : '.db');
  const temporary = join(directory, `.queue_backup-${process.pid}-${basename(path)}.tmp`);
  const packed = `${temporary}.gz.tmp`;
  let isDone = false;
  try {
    const createdAt = new Date().toISOString();
    const place = placeIn(spool, database);
    await copy(database, temporary, busyTimeout, onProgress);
    // In a thread; the checksum is taken meanwhile.
    const checking = checkContent(temporary);
    const sum = options.compress ? undefined : checksumOf(temporary);
    const { problems, warnings, hasLedger } = await checking;
    if (problems.length > 0) throw unsound(database, problems);
    if (options.compress) await compress(temporary, packed, (done) => onProgress(done, bytes));
    const file = options.compress ? packed : temporary;
    syncFile(file);
    const label: Label = {
      format: 1,
      database,
      name,
      createdAt,
      bytes: lstatSync(file).size,
      crc32: sum ?? checksumOf(file),
      ...place,
      ledger: hasLedger,
      verified: noted(true, []),
    };
    writeLabel(path, label);
    renameSync(file, path);
    fsyncDirectory(directory);
    isDone = true;
    const pruned = pruneBackups(directory, { name, keep: options.keep ?? KEEP, spare: path });
    return { path, label, warnings, pruned };
  } finally {
    for (const suffix of ['', '-journal', '-wal', '-shm']) removeLitter(temporary + suffix);
    removeLitter(packed);
    if (!isDone) removeLitter(labelPath(path));
  }
}

function placeIn(spool: Spool, database: string): Pick<Label, 'spool' | 'position' | 'notes'> {
  if (!checkSpool(spool)) return { spool: null, position: null, notes: 0 };
  return {
    spool: spoolIdentity(spool),
    position: formatPosition(journalEnd(spool)),
    notes: readNotes(spool, database).length,
  };
}

async function copy(
  database: string,
  to: string,
  busyTimeout: number,
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  let source: Db | undefined;
  try {
    source = connect(database, { busyTimeout });
    source.exec('BEGIN');
    // The transaction begins with the first read.
    source.prepare('SELECT count(*) FROM sqlite_schema').get();
    // SQLite would make it with the umask's mode.
    closeSync(openSync(to, 'wx', FILE_MODE));
    await source.backup(to, {
      progress({ totalPages, remainingPages }) {
        onProgress(totalPages - remainingPages, totalPages);
        return PAGES_A_STEP;
      },
    });
    leaveWal(to);
  } catch (error) {
    throw failureOf(database, error);
  } finally {
    source?.close();
  }
}

/** `queue-init --reset` empties the spool's directories. */
function refuseInside(spool: Spool, directory: string): void {
  if (!existsSync(spool.base)) return;
  let existing = directory;
  while (!existsSync(existing)) existing = dirname(existing);
  const way = relative(realpathSync(spool.base), realpathSync(existing));
  if (way.startsWith('..')) return;
  throw new QueueError('USAGE', `${directory} is in the spool, which queue-init --reset empties`, {
    hint: 'Name a directory outside of it.',
  });
}

/** What killed backups have left. */
function removeRemains(directory: string): void {
  for (const file of listing(directory)) {
    const pid = TEMPORARY.exec(file)?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) removeLitter(join(directory, file));
  }
  for (const path of staleLabels(directory)) removeLitter(path);
}

function unsound(database: string, problems: readonly string[]): QueueError {
  return new QueueError(
    'DATABASE',
    `${database} is not sound, so no backup was made: ${problems.slice(0, 3).join('; ')}`,
    {
      hint: 'queue-maint integrity shows more; restore an older backup, or save what can be saved with sqlite3 .recover.',
    },
  );
}
