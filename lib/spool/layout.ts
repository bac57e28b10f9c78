/**
 * Where everything lies in a spool, and whether a spool may be used.
 *
 * Promises: directories are created 0700 whatever the umask; a spool that is a symlink, not this user's, or open
 * to group or others is refused with a SPOOL_UNSAFE error that says which.
 */
import { chmodSync, lstatSync, mkdirSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf, messageOf, QueueError } from '../errors.ts';

export interface Spool {
  /** The spool directory, absolute. */
  readonly base: string;
  /** Entries waiting, one file each, named `PP_SEQ.json`. */
  readonly pending: string;
  /** The manifest of the batch in hand. */
  readonly processing: string;
  /** The journal of applied entries. */
  readonly completed: string;
  /** Dead letters. */
  readonly failed: string;
  /** Values of entries in pending/ that have files of their own; see values.ts. */
  readonly values: string;
  /** Half-written files, never read. */
  readonly tmp: string;
  /** What the plugin's hook scripts keep of each session; made by the first that needs it. */
  readonly hooks: string;
  /** The sequence floor: 16 digits of microseconds. */
  readonly seq: string;
  /** The worker's lock, a SQLite file held by an exclusive transaction. */
  readonly lock: string;
  /** `PID STARTTIME HEARTBEAT` of the worker, one line. */
  readonly pidFile: string;
  readonly log: string;
  readonly stats: string;
  /** One byte for each direct write (O_APPEND needs no lock). */
  readonly direct: string;
  /** The spool's random name, part of every ledger key that is not the caller's own. */
  readonly identity: string;
}

export const FILE_MODE = 0o600;
export const DIRECTORY_MODE = 0o700;

/** The paths of the spool at `base`; touches nothing. */
export function spoolAt(base: string): Spool {
  return {
    base,
    pending: join(base, 'pending'),
    processing: join(base, 'processing'),
    completed: join(base, 'completed'),
    failed: join(base, 'failed'),
    values: join(base, 'values'),
    tmp: join(base, '.tmp'),
    hooks: join(base, 'hooks'),
    seq: join(base, '.seq'),
    lock: join(base, '.lock'),
    pidFile: join(base, 'worker.pid'),
    log: join(base, 'worker.log'),
    stats: join(base, 'stats.json'),
    direct: join(base, '.direct'),
    identity: join(base, '.identity'),
  };
}

/** The directories inside a spool. */
export function spoolDirectories(spool: Spool): string[] {
  // The values first: who empties them in this order leaves no entry without its value, but for one just being written.
  return [spool.values, spool.pending, spool.processing, spool.completed, spool.failed, spool.tmp];
}

/**
 * Creates what is missing of a spool and checks what is there.
 * @throws QueueError SPOOL_UNSAFE, or SPOOL_UNWRITABLE when a directory can't be made.
 */
export function ensureSpool(spool: Spool): void {
  if (checkSpool(spool)) return;
  try {
    // The way there keeps the user's umask; only the spool itself is ours to close.
    mkdirSync(dirname(spool.base), { recursive: true });
    for (const dir of [spool.base, ...spoolDirectories(spool)]) makeDirectory(dir);
  } catch (error) {
    throw new QueueError(
      'SPOOL_UNWRITABLE',
      `the spool ${spool.base} can't be created: ${messageOf(error)}`,
      {
        hint: 'Make the directory writable, or set QUEUE_BASE_DIR to one that is.',
        cause: error,
      },
    );
  }
  checkSpool(spool);
}

/**
 * Checks owner, kind and mode of the spool and its directories.
 * @returns false when a part is missing, true when all is there and safe.
 * @throws QueueError SPOOL_UNSAFE.
 */
export function checkSpool(spool: Spool): boolean {
  let complete = true;
  const user = process.geteuid?.();
  for (const dir of [spool.base, ...spoolDirectories(spool)]) {
    const stat = lstatIfThere(dir);
    if (!stat) complete = false;
    else checkDirectory(dir, stat, user);
  }
  return complete;
}

function checkDirectory(dir: string, stat: Stats, user: number | undefined): void {
  if (stat.isSymbolicLink()) throw unsafe(dir, 'is a symlink', 'Name the real directory in QUEUE_BASE_DIR.');
  if (!stat.isDirectory()) throw unsafe(dir, 'is not a directory', 'Move it away.');
  // Windows has neither owners nor modes to look at.
  if (user === undefined) return;
  if (stat.uid !== user) {
    throw unsafe(dir, `belongs to user ${stat.uid}, not to you (${user})`, 'Use a spool of your own.');
  }
  if ((stat.mode & 0o077) !== 0) {
    const mode = (stat.mode & 0o777).toString(8).padStart(4, '0');
    throw unsafe(dir, `is open to group or others (mode ${mode})`, `Run: chmod 700 '${dir}'`);
  }
}

function unsafe(dir: string, what: string, hint: string): QueueError {
  return new QueueError('SPOOL_UNSAFE', `the spool is refused: ${dir} ${what}`, { hint });
}

function makeDirectory(dir: string): void {
  try {
    mkdirSync(dir, { mode: DIRECTORY_MODE });
    // A umask such as 0777 would take our own bits away; no umask may.
    chmodSync(dir, DIRECTORY_MODE);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

function lstatIfThere(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}
