/**
 * Reading entry files that anyone may have put there: a FIFO must not hang the reader, a symlink is not followed,
 * a directory is no error of ours, and 100 MB are not loaded to find out that they are too many.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs';
import { codeOf, messageOf } from '../errors.ts';
import { MAX_ENTRY_BYTES } from './entry.ts';

export type FileRead =
  /** Valid until the next call: the buffer is reused. */
  | { kind: 'bytes'; bytes: Buffer }
  | { kind: 'gone' }
  /** Not a readable regular file; `why` completes "the entry ...". */
  | { kind: 'odd'; why: string }
  /** The system's fault (EMFILE, EIO): try again later. */
  | { kind: 'fault'; code: string; message: string };

const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const chunk = Buffer.allocUnsafe(64 * 1024);

export function readEntryFile(path: string): FileRead {
  let fd: number;
  try {
    fd = openSync(path, FLAGS);
  } catch (error) {
    return explain(error);
  }
  try {
    const length = readSync(fd, chunk, 0, chunk.length, 0);
    // Nearly every entry ends here: three system calls. An empty read may be a FIFO, a full one has more to come.
    if (length > 0 && length < chunk.length) return { kind: 'bytes', bytes: chunk.subarray(0, length) };
    return readRest(fd);
  } catch (error) {
    // Reading a FIFO at an offset gives ESPIPE, a directory EISDIR.
    const what = kindOf(fd);
    return what ? { kind: 'odd', why: `is ${what}, not a file` } : explain(error);
  } finally {
    closeSync(fd);
  }
}

/**
 * The bytes of one of the spool's own small files.
 * @returns undefined when it is not there, or is something else than a file (a planted FIFO must hang no one).
 * @throws system errors (EIO, EMFILE).
 */
export function readOwnFile(path: string): Buffer | undefined {
  const read = readEntryFile(path);
  if (read.kind === 'fault')
    throw Object.assign(new Error(read.message), { code: read.code, syscall: 'read' });
  return read.kind === 'bytes' ? Buffer.from(read.bytes) : undefined;
}

function readRest(fd: number): FileRead {
  const what = kindOf(fd);
  if (what) return { kind: 'odd', why: `is ${what}, not a file` };
  const { size } = fstatSync(fd);
  if (size > MAX_ENTRY_BYTES) {
    return { kind: 'odd', why: `has ${size} bytes, more than the ${MAX_ENTRY_BYTES} an entry may have` };
  }
  const bytes = Buffer.allocUnsafe(size);
  let length = 0;
  while (length < size) {
    const got = readSync(fd, bytes, length, size - length, length);
    if (got === 0) break;
    length += got;
  }
  return { kind: 'bytes', bytes: bytes.subarray(0, length) };
}

function kindOf(fd: number): string | undefined {
  const stat = fstatSync(fd);
  if (stat.isFile()) return undefined;
  if (stat.isDirectory()) return 'a directory';
  return stat.isFIFO() ? 'a FIFO' : 'a special file';
}

function explain(error: unknown): FileRead {
  const code = codeOf(error) ?? '';
  if (code === 'ENOENT') return { kind: 'gone' };
  if (code === 'ELOOP' || code === 'EMLINK') return { kind: 'odd', why: 'is a symlink, not a file' };
  if (code === 'ENXIO') return { kind: 'odd', why: 'is a socket or device, not a file' };
  if (code === 'ENAMETOOLONG') return { kind: 'odd', why: 'has a name that no file can have' };
  if (code === 'EACCES' || code === 'EPERM') return { kind: 'odd', why: 'may not be read by this user' };
  return { kind: 'fault', code, message: messageOf(error) };
}

/** Milliseconds since the file was last written, by the file system's clock; 0 when it is gone. */
export function ageOf(path: string): number {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  // From the future: the clock was wrong then or is now, and the file must not stay young until that time comes.
  return stat ? Math.abs(Date.now() - stat.mtimeMs) : 0;
}
