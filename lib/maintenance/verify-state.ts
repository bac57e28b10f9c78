/** The checks of what a spool holds: sequence, identity, lock, worker, entries, journal. */
import { closeSync, fstatSync, lstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Config } from '../config.ts';
import { messageOf } from '../errors.ts';
import { spoolIdentity } from '../spool/identity.ts';
import { journalFiles } from '../spool/journal.ts';
import type { Spool } from '../spool/layout.ts';
import { orphanNames, readManifest } from '../spool/manifest.ts';
import { nowMicros } from '../spool/sequence.ts';
import { countOf, formatSeconds, printable } from '../terminal/text.ts';
import { WorkerLock } from '../worker/lock.ts';
import { isSameProcess, readPresence } from '../worker/presence.ts';
import { staleTemporaries } from '../worker/recover.ts';
import { readDepths } from './depths.ts';
import { type Answer, fault, ok, warning } from './findings.ts';
import { presentWorker } from './present.ts';

/** Clocks that are set by NTP jump by less. */
const CLOCK_SLACK_S = 5;
const DAY_S = 86_400;
/** A worker that starts or leaves holds the lock without being announced for this long at most. */
const LOCK_PATIENCE_MS = 5000;
/** Older journal files are only looked for, not read: reading hundreds would take minutes. */
const JOURNAL_FILES = 20;

export function checkSequence(_config: Config, spool: Spool): Answer {
  const stat = lstatSync(spool.seq, { throwIfNoEntry: false });
  if (!stat) return ok('no entry has been written yet');
  if (!stat.isFile()) return fault(`${spool.seq} is not a regular file`, `Remove it: rm -r '${spool.seq}'`);
  const text = readFileSync(spool.seq, 'latin1');
  if (!/^\d{16}\n?$/.test(text))
    return warning('.seq is damaged: entries may be numbered out of order', 'The next write repairs it.');
  const lead = (Number(text) - nowMicros()) / 1_000_000;
  if (lead > DAY_S) {
    return warning(
      `the floor is ${formatSeconds(lead)} ahead of the clock`,
      'A wrong clock wrote it; the next write drops it.',
    );
  }
  if (lead > CLOCK_SLACK_S) {
    return warning(
      `the floor is ${formatSeconds(lead)} ahead of the clock, which was set back`,
      'The order is kept; hooks are slower until the clock has caught up. Check the clock.',
    );
  }
  return ok('not ahead of the clock');
}

export function checkIdentity(_config: Config, spool: Spool): Answer {
  const stat = lstatSync(spool.identity, { throwIfNoEntry: false });
  if (stat && !stat.isFile())
    return fault(`${spool.identity} is not a regular file`, `Remove it: rm -r '${spool.identity}'`);
  if (stat && !/^[0-9a-f]{12}\s*$/.test(readFileSync(spool.identity, 'latin1'))) {
    return warning(
      '.identity is damaged: a name is derived from what is left of it',
      'Leave it as it is; queue-init --reset gives the spool a new one.',
    );
  }
  return ok(stat ? spoolIdentity(spool) : 'not made yet: the worker makes it');
}

export function checkLock(_config: Config, spool: Spool): Answer {
  const deadline = performance.now() + LOCK_PATIENCE_MS;
  for (;;) {
    const lock = WorkerLock.tryAcquire(spool);
    lock?.release();
    if (lock) return ok('free');
    const worker = presentWorker(spool);
    if (worker) return ok(`held by the worker (pid ${worker.pid})`);
    if (performance.now() > deadline) break;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
  return fault(
    'it is held by a process that is no living worker: nothing is applied',
    `Find it with: fuser '${spool.lock}'; end it, or run: queue-worker restart`,
  );
}

export function checkPidFile(_config: Config, spool: Spool): Answer {
  const worker = presentWorker(spool);
  if (worker) return ok(`worker ${worker.pid}`);
  const stat = lstatSync(spool.pidFile, { throwIfNoEntry: false });
  if (!stat) return ok('no worker');
  const presence = readPresence(spool);
  if (presence && isSameProcess(presence)) {
    return warning(
      `worker ${presence.pid} has shown no sign of life for ${formatSeconds(Date.now() / 1000 - presence.heartbeat)}`,
      'It may be suspended. Run: queue-worker restart',
    );
  }
  return warning(
    presence ? `it names process ${presence.pid}, which is no worker of this queue` : 'it is damaged',
    'A worker was killed; the next write starts another, or: queue-worker start',
  );
}

export function checkWaiting(_config: Config, spool: Spool): Answer {
  const { pending, processing } = readDepths(spool);
  const waiting = pending + processing;
  if (waiting === 0) return ok('nothing is waiting');
  if (presentWorker(spool)) return ok(`${waiting} waiting, a worker runs`);
  return warning(`${waiting} waiting and no worker runs`, 'Run: queue-worker start');
}

export function checkOrphans(_config: Config, spool: Spool): Answer {
  const orphans = orphanNames(spool);
  if (orphans.length > 0) {
    const [first = ''] = orphans;
    return warning(
      `${countOf(orphans.length, 'orphan')}, such as ${printable(first)}`,
      'Run: queue-cleanup --recover',
    );
  }
  const manifest = readManifest(spool);
  if (manifest && !presentWorker(spool)) {
    const count = manifest.names.length;
    return warning(
      `a worker died with ${count} entries in hand`,
      'The next worker recovers them: queue-worker start',
    );
  }
  return ok('no orphans');
}

export function checkTemporaries(_config: Config, spool: Spool): Answer {
  const count = staleTemporaries(spool).length;
  return count === 0
    ? ok('none are stale')
    : warning(`${countOf(count, 'stale file')} in .tmp`, 'Run: queue-cleanup');
}

export function checkFailed(_config: Config, spool: Spool): Answer {
  const { failed } = readDepths(spool);
  return failed === 0
    ? ok('no dead letters')
    : warning(countOf(failed, 'dead letter'), 'Run: queue-failed list');
}

export function checkJournal(_config: Config, spool: Spool): Answer[] {
  const files = journalFiles(spool);
  const faults = files.slice(-JOURNAL_FILES).flatMap((name) => {
    const why = whatIsWrong(join(spool.completed, name));
    if (why === undefined) return [];
    const advice =
      why === TORN
        ? 'The next worker cuts it off and writes the line again.'
        : 'Point-in-time recovery ends there. Restore the file from a backup if there is one.';
    return [warning(`${name} ${why}`, advice)];
  });
  const gap = firstGap(files);
  if (gap !== undefined) {
    faults.push(
      warning(
        `journal file number ${gap} is missing`,
        'Recovery from a backup older than it is not possible.',
      ),
    );
  }
  return faults.length > 0 ? faults : [ok(countOf(files.length, 'file'))];
}

const TORN = 'ends in a torn line';

/** What is wrong with a journal file, to follow its name; undefined when it can be read to its end. */
function whatIsWrong(path: string): string | undefined {
  try {
    if (!lstatSync(path).isFile()) return 'is not a regular file';
    if (!path.endsWith('.gz')) return lastLineOf(readEnd(path));
    return lastLineOf(gunzipSync(readFileSync(path)));
  } catch (error) {
    return `can't be read: ${messageOf(error)}`;
  }
}

function lastLineOf(bytes: Buffer): string | undefined {
  if (bytes.length === 0) return undefined;
  if (bytes[bytes.length - 1] !== 0x0a) return TORN;
  const start = bytes.lastIndexOf(0x0a, bytes.length - 2);
  // A line longer than what was read: its end is all there is to see.
  if (start === -1 && bytes.length === END_BYTES) return undefined;
  try {
    JSON.parse(bytes.toString('utf8', start + 1));
    return undefined;
  } catch {
    return 'has a last line that is not JSON';
  }
}

const END_BYTES = 1024 * 1024;

function readEnd(path: string): Buffer {
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    const bytes = Buffer.alloc(Math.min(size, END_BYTES));
    const length = readSync(fd, bytes, 0, bytes.length, size - bytes.length);
    return bytes.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}

/** The first number that is missing between the oldest and the newest file. */
function firstGap(files: readonly string[]): number | undefined {
  const numbers = new Set(files.map((name) => Number(/\d{8}/.exec(name)?.[0])));
  const oldest = Math.min(...numbers);
  for (let number = oldest; number < oldest + numbers.size; number++) if (!numbers.has(number)) return number;
  return undefined;
}
