/**
 * Whether a worker is there: the line `PID STARTTIME HEARTBEAT` in worker.pid.
 *
 * HEARTBEAT is the epoch second of the last refresh, every 5 s. A worker is alive when its pid takes a signal 0 and
 * its heartbeat is younger than 30 s: a recycled pid fails the second test. Before a worker is signalled, the
 * process must also have been started when the file says. worker.pid only informs; the lock decides.
 */
import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';
import { QueueError } from '../errors.ts';
import { isRunning } from '../processes.ts';
import type { Spool } from '../spool/layout.ts';
import { replaceFile, unlinkIfThere } from '../spool/publish.ts';
import { readOwnFile } from '../spool/read.ts';

export const HEARTBEAT_INTERVAL_MS = 5000;
const HEARTBEAT_MAX_AGE_S = 30;
const ZOMBIE = -1;

export interface Presence {
  readonly pid: number;
  /** Kernel clock ticks since boot; 0 where /proc does not tell. */
  readonly startTime: number;
  /** Epoch seconds. */
  readonly heartbeat: number;
}

/** Writes this process into worker.pid with a fresh heartbeat. */
export function announce(spool: Spool): void {
  const line = `${process.pid} ${startTimeOf(process.pid)} ${Math.floor(Date.now() / 1000)}\n`;
  if (!refreshInPlace(spool, line)) replaceFile(spool, spool.pidFile, line);
}

/** One write of the same length over our own line: that needs no block, so a heartbeat gets through on a full disk. */
function refreshInPlace(spool: Spool, line: string): boolean {
  const known = readOwnFile(spool.pidFile)?.toString('latin1') ?? '';
  if (known.length !== line.length || Number.parseInt(known, 10) !== process.pid) return false;
  const fd = openSync(spool.pidFile, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    writeSync(fd, line, 0);
    return true;
  } finally {
    closeSync(fd);
  }
}

/** Takes worker.pid away if it is ours. */
export function withdraw(spool: Spool): void {
  if (readPresence(spool)?.pid === process.pid) unlinkIfThere(spool.pidFile);
}

/** What worker.pid says, true or not. */
export function readPresence(spool: Spool): Presence | undefined {
  const text = readOwnFile(spool.pidFile)?.toString('latin1') ?? '';
  const match = /^(\d{1,10}) (\d+) (\d+)\n/.exec(text);
  return match
    ? { pid: Number(match[1]), startTime: Number(match[2]), heartbeat: Number(match[3]) }
    : undefined;
}

/** The living worker, or undefined. Cheap: a producer asks after every entry. */
export function livingWorker(spool: Spool): Presence | undefined {
  const presence = readPresence(spool);
  if (!presence || !isRunning(presence.pid)) return undefined;
  // A zombie takes a signal 0, and in a container without an init a killed worker stays one.
  if (startTimeOf(presence.pid) === ZOMBIE) return undefined;
  return Math.abs(Date.now() / 1000 - presence.heartbeat) < HEARTBEAT_MAX_AGE_S ? presence : undefined;
}

/** True when the process that worker.pid names still runs, heartbeat or not (it may be suspended). */
export function isSameProcess(presence: Presence): boolean {
  if (!isRunning(presence.pid)) return false;
  const started = startTimeOf(presence.pid);
  return started === 0 || presence.startTime === 0 || started === presence.startTime;
}

/**
 * Asks the worker to finish its batch and leave, and waits until it has.
 * @returns its pid, or undefined when none ran.
 * @throws QueueError WORKER when it has not left after `timeoutMs`.
 */
export async function stopWorker(spool: Spool, timeoutMs = 60_000): Promise<number | undefined> {
  const presence = readPresence(spool);
  if (!presence || !isSameProcess(presence)) return undefined;
  process.kill(presence.pid, 'SIGTERM');
  // A suspended one would never see it.
  process.kill(presence.pid, 'SIGCONT');
  const deadline = Date.now() + timeoutMs;
  while (isSameProcess(presence)) {
    if (Date.now() > deadline) {
      throw new QueueError(
        'WORKER',
        `the worker (pid ${presence.pid}) has not stopped in ${timeoutMs / 1000} s`,
        {
          hint: `See worker.log; kill -9 ${presence.pid} loses nothing.`,
        },
      );
    }
    await new Promise((done) => setTimeout(done, 10));
  }
  return presence.pid;
}

/** Field 22 of /proc/PID/stat (proc(5)); 0 where there is none, ZOMBIE for a process that has ended. */
function startTimeOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command name in field 2 may hold anything, even `)`; fields 3.. follow the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? ZOMBIE : Number(fields[19]);
  } catch {
    return 0;
  }
}
