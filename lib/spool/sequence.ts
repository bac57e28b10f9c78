/**
 * Sequence numbers: 16 digits of microseconds, rising.
 *
 * microseconds = max(clock, floor + 1), the floor being the number in `.seq`, read and written back under a lock.
 * The lock is waited for at most LOCK_WAIT_MS: a killed holder may cost a tie in the order between processes,
 * never a blocked hook; names are claimed with link(2), so a tie never costs an entry.
 */
import {
  closeSync,
  constants,
  lstatSync,
  lutimesSync,
  openSync,
  readSync,
  realpathSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import lockfile from 'proper-lockfile';
import { codeOf } from '../errors.ts';
import { FILE_MODE, type Spool } from './layout.ts';
import { readOwnFile } from './read.ts';

const LOCK_WAIT_MS = 50;
/** A floor further ahead than this came from a wrong clock and is dropped. */
export const MAX_LEAD_US = 24 * 3600 * 1_000_000;
const DIGITS = 16;

/** The last number this process gave out, so that its own are rising even when the lock could not be had. */
let last = 0;

/**
 * The next sequence string, `<16-digit microseconds>_<pid>`.
 * @param onReset called with a message when a floor from a wrong clock was dropped.
 * @throws system errors when `.seq` can't be read or written (EACCES, ENOSPC, EROFS).
 */
export function nextSequence(spool: Spool, onReset?: (message: string) => void): string {
  return formatSequence(reserveSequences(spool, 1, onReset));
}

/**
 * `count` numbers in a row, under one lock.
 * @returns the first, in microseconds.
 * @throws system errors, as nextSequence does.
 */
export function reserveSequences(
  spool: Spool,
  count: number,
  onReset: (message: string) => void = () => {},
): number {
  const release = lockBriefly(spool.seq);
  try {
    const fd = openFloor(spool.seq);
    try {
      const first = Math.max(nowMicros(), checkedFloor(readFloor(fd), onReset) + 1, last + 1);
      last = first + count - 1;
      writeFloor(fd, last);
      return first;
    } finally {
      closeSync(fd);
    }
  } finally {
    release();
  }
}

/** The number after one whose name turned out to be taken. */
export function sequenceAfterTie(): string {
  last += 1;
  return formatSequence(last);
}

/**
 * Raises the floor to `micros`; called by the worker with the highest number it has seen. A number from a wrong
 * clock raises nothing.
 */
export function raiseFloor(spool: Spool, micros: number): void {
  const release = lockBriefly(spool.seq);
  try {
    const fd = openFloor(spool.seq);
    try {
      const floor = readFloor(fd);
      const sane = floor > nowMicros() + MAX_LEAD_US ? 0 : floor;
      if (micros > sane && micros <= nowMicros() + MAX_LEAD_US) writeFloor(fd, micros);
    } finally {
      closeSync(fd);
    }
  } finally {
    release();
  }
}

/** The floor as it is now, read without the lock; undefined when there is none, or what stands there is none. */
export function floorOf(spool: Spool): number | undefined {
  const text = readOwnFile(spool.seq)?.toString('latin1') ?? '';
  return /^\d{16}\n?$/.test(text) ? Number(text) : undefined;
}

/** A number no other write of this process has: the clock's, more than the last. */
export function uniqueMicros(): number {
  last = Math.max(nowMicros(), last + 1);
  return last;
}

/** The microseconds in a sequence string or entry name, or 0 when it holds none. */
export function microsOf(text: string): number {
  // Names are asked for by the million: where ours has its digits comes first.
  const micros = Number(text.slice(3, 3 + DIGITS));
  if (micros >= 1e15) return micros;
  const match = /(\d{16})_\d+/.exec(text);
  return match ? Number(match[1]) : 0;
}

/** Microseconds since 1970: the monotonic clock's resolution where it agrees with the wall clock. */
export function nowMicros(): number {
  const wall = Date.now();
  const fine = performance.timeOrigin + performance.now();
  // The two part when the clock is set after the start of this process; then the wall clock is right.
  return Math.floor((Math.abs(fine - wall) < 2 ? fine : wall) * 1000);
}

/** `<16-digit microseconds>_<pid>`. */
export function formatSequence(micros: number, pid = process.pid): string {
  return `${String(micros).padStart(DIGITS, '0')}_${pid}`;
}

function checkedFloor(floor: number, onReset: (message: string) => void): number {
  if (floor <= nowMicros() + MAX_LEAD_US) return floor;
  onReset(`the sequence floor ${floor} is more than a day ahead of the clock: reset`);
  return 0;
}

/** O_NOFOLLOW and O_NONBLOCK: a planted symlink is refused, a FIFO does not hang us. */
function openFloor(path: string): number {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  return openSync(path, flags, FILE_MODE);
}

function readFloor(fd: number): number {
  const buffer = Buffer.alloc(DIGITS);
  const length = readSync(fd, buffer, 0, DIGITS, 0);
  const text = buffer.toString('latin1', 0, length);
  return /^\d{16}$/.test(text) ? Number(text) : 0;
}

/** One write of fixed length, no truncation: bash reads `.seq` without the lock and must never see it empty. */
function writeFloor(fd: number, micros: number): void {
  writeSync(fd, `${String(micros).padStart(DIGITS, '0')}\n`, 0);
}

/**
 * The lock is made as a symlink instead of a directory: as atomic, and it costs a tenth where freeing a directory's
 * block is slow. A directory that an older writer left is removed as one.
 */
const LOCK_FS = {
  mkdirSync: (path: string): void => symlinkSync('lock', path),
  rmdirSync: (path: string): void => {
    try {
      unlinkSync(path);
    } catch (error) {
      if (!IS_DIRECTORY.has(codeOf(error) ?? '')) throw error;
      rmdirSync(path);
    }
  },
  statSync: lstatSync,
  utimesSync: lutimesSync,
  realpathSync,
};
const IS_DIRECTORY = new Set(['EISDIR', 'EPERM']);

/**
 * Locks `path` (proper-lockfile: a name beside it) or gives up after LOCK_WAIT_MS; returns the release. The lock is
 * nearly always free; then its name is all there is to make, and the library's care for long locks only costs.
 */
function lockBriefly(path: string): () => void {
  const lock = `${path}.lock`;
  const deadline = performance.now() + LOCK_WAIT_MS;
  for (;;) {
    try {
      symlinkSync('lock', lock);
      return () => ignoring(() => unlinkSync(lock));
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    try {
      // By default a lost lock throws from a timer and kills the process; the number is ours either way.
      const release = lockfile.lockSync(path, {
        fs: LOCK_FS,
        realpath: false,
        stale: 2000,
        onCompromised: () => {},
      });
      return () => ignoring(release);
    } catch (error) {
      if (codeOf(error) !== 'ELOCKED') throw error;
      if (performance.now() >= deadline) return () => {};
      sleep(1);
    }
  }
}

/** Releasing a lock that was taken over in the meantime fails; there is nothing to do about it. */
function ignoring(release: () => void): void {
  try {
    release();
  } catch {}
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Blocks the thread: the lock is held for microseconds, and callers of the synchronous API can't await. */
function sleep(milliseconds: number): void {
  Atomics.wait(sleeper, 0, 0, milliseconds);
}
