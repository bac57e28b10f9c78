/**
 * Compressing old journal files: journal-N.jsonl becomes journal-N.jsonl.gz.
 *
 * Steps for each file: compress into .tmp, read it back and compare, fsync, rename into completed/, fsync the directory,
 * remove the original. After a crash at any step the journal is complete: a half-done file in .tmp is litter that is
 * removed later; where both forms of a file stand side by side, the archive is compared with the original and the
 * step that is missing is done.
 *
 * A file that someone may still append to is left alone: while a worker lives, the one it has open and the newest;
 * without a worker the newest is archived under the worker's lock, and the next begun, empty: numbers, which places in
 * the journal are made of, must go on after all archives are deleted.
 */
import {
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  type Stats,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { openFiles } from '../processes.ts';
import { beginJournal, journalFiles, journalNumber } from '../spool/journal.ts';
import { FILE_MODE, type Spool } from '../spool/layout.ts';
import { fsyncDirectory, unlinkIfThere, writeAll } from '../spool/publish.ts';
import { WorkerLock } from '../worker/lock.ts';
import { presentWorker } from './present.ts';

export interface ArchiveResult {
  /** Files archived (or that would be, in a dry run), by their original names. */
  readonly archived: string[];
  /** Bytes before and after; 0 in a dry run. */
  bytesBefore: number;
  bytesAfter: number;
  /** Files left alone although they are old enough, and why. */
  readonly skipped: { name: string; why: string }[];
}

/** A direct write may have chosen the newest file just before it was archived; it is appended to at once, or never. */
const LATE_WRITER_MS = 100;
const ARCHIVE_SUFFIX = '.gz';

/**
 * Archives journal files that were last written to more than `minAgeMs` ago.
 * @throws system errors (ENOSPC, EACCES): the file in question is then as it was.
 */
export function archiveJournal(spool: Spool, minAgeMs: number, dryRun: boolean): ArchiveResult {
  const result: ArchiveResult = { archived: [], bytesBefore: 0, bytesAfter: 0, skipped: [] };
  const files = journalFiles(spool);
  const newest = files.at(-1);
  const all = new Set(files);
  for (const name of files) {
    if (name.endsWith(ARCHIVE_SUFFIX)) continue;
    const isPair = all.has(name + ARCHIVE_SUFFIX);
    const stat = lstatSync(join(spool.completed, name), { throwIfNoEntry: false });
    if (!stat?.isFile() || (!isPair && Date.now() - stat.mtimeMs < minAgeMs)) continue;
    // It keeps the number.
    if (name === newest && stat.size === 0) continue;
    archiveOne(spool, name, name === newest, dryRun, result);
  }
  return result;
}

function archiveOne(
  spool: Spool,
  name: string,
  isNewest: boolean,
  dryRun: boolean,
  result: ArchiveResult,
): void {
  // For the newest file the lock is the proof that there is no worker; a worker that starts waits for it.
  const lock = isNewest && !dryRun ? WorkerLock.tryAcquire(spool) : undefined;
  try {
    if (isNewest && !dryRun && !lock) {
      result.skipped.push({ name, why: 'a worker writes to it' });
    } else if (isInUse(spool, name, isNewest)) {
      result.skipped.push({ name, why: 'a worker may write to it' });
    } else if (dryRun) {
      result.archived.push(name);
    } else {
      compress(spool, name, isNewest, result);
    }
  } finally {
    lock?.release();
  }
}

/** A worker may have an older file than the newest open, because direct writes have begun new ones meanwhile. */
function isInUse(spool: Spool, name: string, isNewest: boolean): boolean {
  const worker = presentWorker(spool);
  if (!worker) return false;
  const open = openFiles(worker.pid);
  if (open) return isNewest || open.has(join(spool.completed, name));
  return journalFiles(spool).slice(-2).includes(name);
}

function compress(spool: Spool, name: string, isNewest: boolean, result: ArchiveResult): void {
  const original = join(spool.completed, name);
  const archive = original + ARCHIVE_SUFFIX;
  for (;;) {
    const stat = lstatSync(original, { throwIfNoEntry: false });
    // Another cleanup has just done it.
    if (!stat) return;
    const bytes = readFileSync(original);
    const known = archivedBytes(archive);
    if (known && known.length > bytes.length) {
      result.skipped.push({ name, why: `${name}${ARCHIVE_SUFFIX} holds more than it: look at both` });
      return;
    }
    if (!known?.equals(bytes)) writeArchive(spool, archive, bytes, stat);
    if (isNewest) pause(LATE_WRITER_MS);
    if (sizeOf(original) !== bytes.length) continue;
    if (isNewest) beginJournal(spool, journalNumber(name) + 1);
    unlinkIfThere(original);
    fsyncDirectory(spool.completed);
    result.archived.push(name);
    result.bytesBefore += bytes.length;
    result.bytesAfter += sizeOf(archive);
    return;
  }
}

/** What an earlier, interrupted run has archived; undefined when there is none, or none that can be read. */
function archivedBytes(archive: string): Buffer | undefined {
  try {
    return lstatSync(archive).isFile() ? gunzipSync(readFileSync(archive)) : undefined;
  } catch {
    return undefined;
  }
}

function writeArchive(spool: Spool, archive: string, bytes: Buffer, stat: Stats): void {
  const temporary = join(spool.tmp, `${process.pid}-archive${ARCHIVE_SUFFIX}`);
  try {
    unlinkIfThere(temporary);
    const fd = openSync(temporary, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, FILE_MODE);
    try {
      writeAll(fd, gzipSync(bytes));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    if (!gunzipSync(readFileSync(temporary)).equals(bytes))
      throw new Error(`${archive} could not be read back`);
    utimesSync(temporary, stat.atime, stat.mtime);
    renameSync(temporary, archive);
    fsyncDirectory(spool.completed);
  } finally {
    unlinkIfThere(temporary);
  }
}

function sizeOf(path: string): number {
  return lstatSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
