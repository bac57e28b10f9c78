/**
 * queue-sync: takes lines that other programs append to TABLE_queue.jsonl, and writes each as a row, exactly once.
 *
 *  1. One sync at a time works in a directory: .sync.lock, which the kernel frees.
 *  2. The queue file is renamed into .taken/ (place.ts). Programs that have it open go on appending to it there, others
 *     make a new one. Died before this: nothing has happened. After: the next sync finds it there.
 *  3. Its lines go into the database in batches, and with each batch, in the same transaction, how far the file is
 *     settled and what the batch adds to the output files (bookkeeping.ts). Died before COMMIT: nothing has happened.
 *  4. The outputs get what the batch adds (outputs.ts). Died in between: the next sync compares, and appends the rest,
 *     before it does anything else.
 *  5. When nobody has the file open and all of it is settled, it gets the ending .done, the database forgets it, and it
 *     goes (file.ts). Died in between: the next sync goes on from there.
 *
 * A power cut is a death at any of these points: names are synced before what relies on them, commits are FULL, and the
 * outputs are on disk before the next batch.
 *
 * While the database can't be used nothing is taken, and lines that were taken wait.
 */
import { type FSWatcher, watch, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, QueueError } from '../errors.ts';
import { FILE_MODE } from '../spool/layout.ts';
import { removeLitter } from '../spool/publish.ts';
import { readOwnFile } from '../spool/read.ts';
import { backoff } from '../worker/backoff.ts';
import { WorkerLock } from '../worker/lock.ts';
import { Database } from './database.ts';
import { type OnProgress, runPass, type SyncReport } from './pass.ts';
import { ensureTaken, isQueueFile, type QueuePlace, queuePlace, unwritable } from './place.ts';

export interface SyncOptions {
  readonly queueDir: string;
  /** The path of the SQLite database, which must be there. */
  readonly database: string;
  /** Milliseconds to wait for another connection's lock; default 5000. */
  readonly busyTimeout?: number;
  /** One pass, then return; else pass after pass until the signal. */
  readonly once?: boolean;
  /** Seconds between passes; default 10. */
  readonly interval?: number;
  /** Passes also begin when a file event tells of new lines. */
  readonly watch?: boolean;
  /** The first pass takes the lines that have failed before as well. */
  readonly replayFailed?: boolean;
  /** Finishes the batch in hand and returns. */
  readonly signal?: AbortSignal;
  /** Told after each pass. */
  readonly onPass?: (report: SyncReport) => void;
  readonly onProgress?: OnProgress;
  /** Told when nothing can be done for now, and once more when the reason changes; without `once`. */
  readonly onTrouble?: (error: QueueError) => void;
}

export type SyncTotals = Omit<SyncReport, 'refused' | 'seconds'>;

const DEFAULT_INTERVAL_S = 10;
const DEFAULT_BUSY_MS = 5000;
/** Between two passes, whatever events come. */
const REST_MS = 100;
const LOCK_LOOK_MS = 1000;

/**
 * Syncs a queue directory with a database.
 * @returns the sums of all passes.
 * @throws QueueError, with `once` also what else kept the pass from its end: nothing is lost then.
 */
export async function syncQueues(options: SyncOptions): Promise<SyncTotals> {
  const place = queuePlace(options.queueDir);
  const signal = options.signal ?? new AbortController().signal;
  const totals = { bytes: 0, inserted: 0, duplicates: 0, failed: 0, malformed: 0, files: 0, followed: 0 };
  const lock = await acquire(place, options, signal);
  if (lock === undefined) return totals;
  const database = new Database(options.database, options.busyTimeout ?? DEFAULT_BUSY_MS);
  const bell = new Bell(signal);
  let replayFailed = options.replayFailed === true;
  try {
    noteHolder(place);
    ensureTaken(place);
    if (options.watch) bell.listen(place);
    const pass = async (): Promise<void> => {
      const {
        refused,
        seconds: _seconds,
        ...report
      } = await runPass({
        place,
        database,
        signal,
        checkLock: () => checkLock(lock, place),
        replayFailed,
        patient: options.once === true,
        onProgress: options.onProgress ?? (() => {}),
      }).then((done) => {
        options.onPass?.(done);
        return done;
      });
      replayFailed = false;
      for (const key of Object.keys(totals) as (keyof SyncTotals)[]) totals[key] += report[key];
      totals.followed = report.followed;
    };
    if (options.once) await pass();
    else await repeat(pass, bell, options, signal);
    return totals;
  } finally {
    bell.close();
    database.close();
    removeLitter(place.holder);
    lock.release();
  }
}

async function repeat(
  pass: () => Promise<void>,
  bell: Bell,
  { interval = DEFAULT_INTERVAL_S, onTrouble }: SyncOptions,
  signal: AbortSignal,
): Promise<void> {
  let attempt = 0;
  let told = '';
  while (!signal.aborted) {
    try {
      bell.reset();
      await pass();
      [attempt, told] = [0, ''];
    } catch (error) {
      // What the system says of the directory (full, read-only, gone) may pass as well.
      const trouble = asTrouble(error);
      if (trouble.code === 'WORKER') throw trouble;
      if (trouble.message !== told) onTrouble?.(trouble);
      told = trouble.message;
      await pause(backoff(attempt++), signal);
      continue;
    }
    await pause(REST_MS, signal);
    await bell.wait(Math.max(0, interval * 1000 - REST_MS));
  }
}

function asTrouble(error: unknown): QueueError {
  if (error instanceof QueueError) return error;
  if (error instanceof Error && 'syscall' in error)
    return new QueueError('SPOOL_UNWRITABLE', messageOf(error), { cause: error });
  throw error;
}

/** @returns undefined when the signal came first. */
async function acquire(
  place: QueuePlace,
  { once, onTrouble }: SyncOptions,
  signal: AbortSignal,
): Promise<WorkerLock | undefined> {
  for (let isTold = false; !signal.aborted; isTold = true) {
    const lock = tryAcquire(place);
    if (lock) return lock;
    const error = new QueueError('WORKER', `another queue-sync works in ${place.dir}${holderOf(place)}`, {
      hint: 'Stop it, or leave the work to it.',
    });
    if (once) throw error;
    if (!isTold) onTrouble?.(error);
    await pause(LOCK_LOOK_MS, signal);
  }
  return undefined;
}

/** Also finds out whether anything can be written there. */
function tryAcquire(place: QueuePlace): WorkerLock | undefined {
  try {
    return WorkerLock.tryAcquire(place);
  } catch (error) {
    throw error instanceof QueueError ? error : unwritable(place.dir, error);
  }
}

/** Two at work would write every line to the output files twice. */
function checkLock(lock: WorkerLock, place: QueuePlace): void {
  if (lock.isOurs()) return;
  throw new QueueError('WORKER', `${place.lock} was removed or replaced: another sync could be at work`, {
    hint: 'Nothing is lost. Start queue-sync again, and leave its lock alone.',
  });
}

/** Only for the message to others, so it may fail; but nothing that stands there is written into. */
function noteHolder({ holder }: QueuePlace): void {
  try {
    removeLitter(holder);
    writeFileSync(holder, `${process.pid}\n`, { mode: FILE_MODE, flag: 'wx' });
  } catch {}
}

function holderOf({ holder }: QueuePlace): string {
  const pid = readOwnFile(holder)?.toString('latin1').trim() ?? '';
  return /^\d+$/.test(pid) ? ` (pid ${pid})` : '';
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}

/** Rings when lines have come, where the system tells. */
class Bell {
  readonly #signal: AbortSignal;
  readonly #watchers: FSWatcher[] = [];
  #isRung = false;
  #wake = (): void => {};

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Without events (a network's file system, no watches left) the interval is what remains. */
  listen({ dir, taken }: QueuePlace): void {
    for (const [path, concerns] of [
      [dir, isQueueFile],
      [taken, () => true],
    ] as const) {
      try {
        const watcher = watch(path, (_event, name) => {
          if (name === null || concerns(name)) this.#ring();
        });
        watcher.on('error', () => watcher.close());
        this.#watchers.push(watcher);
      } catch {}
    }
  }

  /** What has come until now is seen to. */
  reset(): void {
    this.#isRung = false;
  }

  async wait(ms: number): Promise<void> {
    if (this.#isRung || this.#signal.aborted) return;
    const controller = new AbortController();
    this.#wake = () => controller.abort();
    await pause(ms, AbortSignal.any([controller.signal, this.#signal]));
    this.#wake = () => {};
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.close();
  }

  #ring(): void {
    this.#isRung = true;
    this.#wake();
  }
}
