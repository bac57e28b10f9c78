/**
 * Publishing: how an entry gets into pending/ whole or not at all.
 *
 * Steps: write all bytes in .tmp, link(2) into pending/, unlink the temporary name. A crash
 * before the link leaves a file in .tmp that nobody reads; after it, the entry is in. With `durable` the file and
 * the directory are fsynced before success is reported. link, not rename: a rename would overwrite.
 */
import {
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { codeOf, messageOf, QueueError } from '../errors.ts';
import { type Entry, entryName, serializeEntry } from './entry.ts';
import { FILE_MODE, type Spool } from './layout.ts';
import { nextSequence, sequenceAfterTie } from './sequence.ts';

const APPEND = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND;
const MAX_TIES = 1000;
/** What link(2) says on file systems without hard links. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

export interface PublishOptions {
  readonly durable: boolean;
  readonly onReset?: (message: string) => void;
  /** Told of the name before the entry is there; when that is taken, of the next one. What it throws ends it. */
  readonly claim?: ((name: string) => void) | undefined;
}

/**
 * Gives `draft` its sequence number and puts it into pending/.
 * @returns the entry's file name.
 * @throws QueueError SPOOL_UNWRITABLE, what `claim` throws; nothing is then left in pending/.
 */
export function publish(spool: Spool, draft: Omit<Entry, 'seq'>, options: PublishOptions): string {
  try {
    let seq = nextSequence(spool, options.onReset);
    for (let tie = 0; tie < MAX_TIES; tie++) {
      const entry = { seq, ...draft } as Entry;
      const name = entryName(entry.priority, seq);
      options.claim?.(name);
      if (publishAs(spool, name, serializeEntry(entry), options.durable)) return name;
      seq = sequenceAfterTie();
    }
    throw new Error(`${MAX_TIES} names in a row were taken`);
  } catch (error) {
    if (error instanceof QueueError && !error.code.startsWith('SPOOL')) throw error;
    throw unwritable(spool, error);
  }
}

export function unwritable(spool: Spool, error: unknown): QueueError {
  return new QueueError('SPOOL_UNWRITABLE', `the spool ${spool.base} can't be written: ${messageOf(error)}`, {
    hint: 'Free space or make it writable; queue-init --verify says what is wrong.',
    cause: error,
  });
}

/**
 * Puts `text` into pending/ under `name`.
 * @returns false when the name is taken.
 */
export function publishAs(spool: Spool, name: string, text: string, durable: boolean): boolean {
  const isNew = linkNew(spool, name, join(spool.pending, name), text, durable);
  if (isNew && durable) syncOrTakeBack(spool, name);
  return isNew;
}

/**
 * Whoever is told of a failure writes the entry elsewhere or again, so it must not be in pending/ then. One that is gone
 * has been applied, and is on disk in the database; one that can't be taken back is in, and failure would be the lie.
 */
function syncOrTakeBack(spool: Spool, name: string): void {
  try {
    fsyncDirectory(spool.pending);
  } catch (error) {
    try {
      unlinkSync(join(spool.pending, name));
    } catch {
      return;
    }
    throw error;
  }
}

/**
 * Creates `path` with `text`, whole or not at all, by way of a file in .tmp.
 * @returns false when `path` is there already.
 */
export function linkNew(spool: Spool, name: string, path: string, text: string, durable = false): boolean {
  const temporary = `${spool.tmp}/${name}.${process.pid}`;
  try {
    writeNew(temporary, text, durable);
    return linkOrCopy(temporary, path);
  } finally {
    // It is in or it is not: what can't be removed here must not make a failure of it.
    removeLitter(temporary);
  }
}

/**
 * Moves a file to a name that must be free.
 * @returns false when it is taken; the file then stays where it is.
 */
export function moveNew(from: string, to: string): boolean {
  if (!linkOrCopy(from, to)) return false;
  unlinkSync(from);
  return true;
}

/** Replaces the entry `name` in pending/ (its own retry) or another spool file: readers see the old or the new. */
export function replaceFile(spool: Spool, path: string, text: string): void {
  const temporary = join(spool.tmp, `${process.pid}-${performance.now()}`);
  try {
    writeChecked(temporary, text);
    renameSync(temporary, path);
  } finally {
    removeLitter(temporary);
  }
}

/**
 * Opens one of the spool's own files, by no symlink and waiting for nobody.
 * @throws QueueError SPOOL_UNSAFE when it is something else than a file, system errors (a symlink: ELOOP).
 */
export function openOwnFile(path: string, flags: number): number {
  const fd = openSync(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, FILE_MODE);
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new QueueError('SPOOL_UNSAFE', `the spool is refused: ${path} is not a file`, {
    hint: 'Move it away.',
  });
}

/** Appends in one write(2), creating the file. @throws when a symlink, a FIFO or the like stands in its place. */
export function appendOwnFile(path: string, text: string): void {
  const fd = openOwnFile(path, APPEND);
  try {
    writeSync(fd, text);
  } finally {
    closeSync(fd);
  }
}

/** Writes all the bytes, however many calls that takes. */
export function writeAll(fd: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
}

/** unlink that takes 'no such file' for success. */
export function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/** Unlinks what nobody needs: it may stay where the system does not let it go. */
export function removeLitter(path: string): void {
  try {
    unlinkIfThere(path);
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
  }
}

/** link(2) makes it atomic afterwards: write-file-atomic's second name and its rename would only cost. */
function writeNew(path: string, text: string, durable: boolean): void {
  const write = durable ? writeDurably : writeText;
  try {
    write(path, text);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    // A dead process's of the same pid, or planted: it is taken away, never written into.
    unlinkSync(path);
    write(path, text);
  }
}

/** Node does all of this in one call, but only where the encoding is named. */
function writeText(path: string, text: string): void {
  writeFileSync(path, text, { encoding: 'utf8', flag: 'wx', mode: FILE_MODE });
}

function writeDurably(path: string, text: string): void {
  const fd = openSync(path, 'wx', FILE_MODE);
  try {
    writeAll(fd, Buffer.from(text));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** write-file-atomic ignores a short write (a nearly full disk), so the size is checked. */
function writeChecked(path: string, text: string): void {
  writeFileAtomic.sync(path, text, { mode: FILE_MODE, fsync: false });
  const expected = Buffer.byteLength(text);
  const size = statSync(path).size;
  if (size === expected) return;
  const message = `only ${size} of ${expected} bytes were written: the disk is full`;
  throw Object.assign(new Error(message), { code: 'ENOSPC' });
}

/** A second name for a file, or a copy where there are no hard links. @returns false when the name is taken. */
export function linkOrCopy(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST') return false;
    if (code === undefined || !NO_LINKS.has(code)) throw error;
  }
  try {
    // Not atomic, but O_EXCL, and the final newline arrives last: readers wait for it.
    copyFileSync(from, to, constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    unlinkIfThere(to);
    throw error;
  }
}

/** Makes a new name in the directory survive a power cut. */
export function fsyncDirectory(path: string): void {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
