/**
 * Doors: processes that take entries in for others, such as queue-serve. Each has a note in doors/, named by its pid.
 *
 * A note says until when the worker may wait for more entries of that door, or until there are how many: a hint, by
 * which no entry changes its place. It is one write of fixed length. A note that is left behind says that entries of a
 * door that was killed, known by the pid in their names, may still be in pending/.
 */
import { closeSync, constants, mkdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning } from '../processes.ts';
import { DIRECTORY_MODE, type Spool } from './layout.ts';
import { forEachName, listing } from './listing.ts';
import { openOwnFile, unlinkIfThere } from './publish.ts';
import { readOwnFile } from './read.ts';
import { floorOf, microsOf, nowMicros } from './sequence.ts';

/** No door may have the worker wait longer: its clock may have been ahead. */
export const MAX_WINDOW_MS = 60_000;
export const MAX_WINDOW_ENTRIES = 100_000;

export interface Window {
  readonly pid: number;
  /** Milliseconds since 1970. */
  readonly until: number;
  readonly max: number;
}

/** The note of this process. */
export class DoorNote {
  readonly #path: string;
  #fd: number | undefined;

  /** @throws system errors; QueueError SPOOL_UNSAFE. */
  constructor(spool: Spool) {
    mkdirSync(doorsDirectory(spool), { recursive: true, mode: DIRECTORY_MODE });
    this.#path = join(doorsDirectory(spool), String(process.pid));
    this.#fd = openOwnFile(this.#path, constants.O_WRONLY | constants.O_CREAT);
    this.shut();
  }

  /** Until then, or until there are so many, the worker may wait for more. */
  gather(until: number, max: number): void {
    if (this.#fd === undefined) return;
    writeSync(this.#fd, `${String(Math.ceil(until)).padStart(14, '0')} ${String(max).padStart(6, '0')}\n`, 0);
  }

  /** The worker is to wait no more. */
  shut(): void {
    this.gather(0, 0);
  }

  /** @param isDone nothing of this door is in pending/. */
  close(isDone: boolean): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    // The number may be another file's next.
    this.#fd = undefined;
    if (isDone) unlinkIfThere(this.#path);
  }
}

/** The windows that are open now. */
export function openWindows(spool: Spool, now = Date.now()): Window[] {
  return noted(spool).flatMap((pid) => {
    const text = readOwnFile(join(doorsDirectory(spool), String(pid)))?.toString('latin1') ?? '';
    const match = /^(\d{14}) (\d{6})\n/.exec(text);
    const until = Number(match?.[1] ?? 0);
    return until > now && until <= now + MAX_WINDOW_MS ? [{ pid, until, max: Number(match?.[2]) }] : [];
  });
}

/** The pid in an entry's name; NaN when it has none. */
export function pidOf(name: string): number {
  return Number(/_(\d+)\.json$/.exec(name)?.[1] ?? Number.NaN);
}

/** The entries of doors that were there before this process, until they have left pending/. */
export class FormerDoors {
  readonly #spool: Spool;
  readonly #pids: Set<number>;
  /** Where the clock was set back, their numbers are ahead of it, and so is the floor. */
  readonly #through: number;
  #mayLookAt = 0;

  /** Call it before the note of this process is made: one of the same pid may have been left. */
  constructor(spool: Spool) {
    this.#spool = spool;
    this.#pids = new Set(noted(spool));
    this.#through = Math.max(nowMicros(), floorOf(spool) ?? 0);
  }

  /** True when nothing of them is in pending/. Looks at the directory for no more than a tenth of the time. */
  areDone(): boolean {
    if (this.#pids.size === 0) return true;
    const start = performance.now();
    if (start < this.#mayLookAt) return false;
    let left = 0;
    forEachName(this.#spool.pending, (name) => {
      if (this.#pids.has(pidOf(name)) && microsOf(name) <= this.#through) left += 1;
    });
    this.#mayLookAt = performance.now() + Math.max(20, 9 * (performance.now() - start));
    if (left > 0) return false;
    for (const pid of this.#pids) {
      if (pid !== process.pid && !isRunning(pid))
        unlinkIfThere(join(doorsDirectory(this.#spool), String(pid)));
    }
    this.#pids.clear();
    return true;
  }
}

function noted(spool: Spool): number[] {
  return listing(doorsDirectory(spool))
    .filter((name) => /^\d{1,10}$/.test(name))
    .map(Number);
}

export function doorsDirectory(spool: Spool): string {
  return join(spool.base, 'doors');
}
