/**
 * The watchdog: a thread beside the worker's main thread, which may be deep inside SQLite for long.
 *
 * It refreshes the heartbeat, sees to it that the spool is still safe and the lock still ours, and stops an entry
 * that runs longer than SQLITE_TIMEOUT. SQLite can't be interrupted through its driver, so that is done by
 * killing the process: the watchdog puts the entry into failed/, starts a successor and sends itself SIGKILL; the
 * open transaction is rolled back by whoever opens the database next. Nothing else in hand is lost or repeated.
 *
 * Main thread and watchdog share three 32-bit integers: STATE (even: between entries, odd: inside one, DOOMED: the
 * watchdog has decided), INDEX (the running entry's line in the manifest) and STOP (leave after this batch).
 */
import { join } from 'node:path';
import { isMainThread, Worker as Thread, workerData } from 'node:worker_threads';
import { messageOf } from '../errors.ts';
import { executablePath } from '../package.ts';
import { buryEntry, buryFile } from '../spool/deadletter.ts';
import { parseEntry } from '../spool/entry.ts';
import { checkSpool, type Spool } from '../spool/layout.ts';
import { readManifest, removeManifest } from '../spool/manifest.ts';
import { readEntryFile } from '../spool/read.ts';
import { countFailed, readStats, writeStats } from '../spool/stats.ts';
import { openLog } from './log.ts';
import { announce, HEARTBEAT_INTERVAL_MS, withdraw } from './presence.ts';
import { clearStartNotes, requestRestart, spawnWorker } from './start.ts';

const STATE = 0;
const INDEX = 1;
const STOP = 2;
const DOOMED = -1;
const LOOK_INTERVAL_MS = 100;

interface WatchdogData {
  role: 'watchdog';
  cells: Int32Array;
  spool: Spool;
  statementTimeout: number;
  /** A parent process starts the successor (--foreground, --once) instead of the watchdog. */
  supervised: boolean;
}

/** The main thread's side. */
export class Watch {
  readonly #cells: Int32Array;
  readonly #thread: Thread;

  constructor(spool: Spool, options: { statementTimeout: number; supervised: boolean }) {
    this.#cells = new Int32Array(new SharedArrayBuffer(12));
    const data: WatchdogData = { role: 'watchdog', cells: this.#cells, spool, ...options };
    this.#thread = new Thread(executablePath('queue-worker'), { workerData: data });
    this.#thread.unref();
  }

  /** The entry at `index` of the manifest begins to run. */
  enter(index: number): void {
    this.#cells[INDEX] = index;
    Atomics.add(this.#cells, STATE, 1);
  }

  /** The entry has ended. Never returns when the watchdog has given it up: the process is about to be killed. */
  leave(): void {
    const state = Atomics.load(this.#cells, STATE);
    const next = (state + 1) & 0x3fffffff;
    if (state === DOOMED || Atomics.compareExchange(this.#cells, STATE, state, next) !== state) {
      Atomics.wait(this.#cells, STATE, DOOMED);
    }
  }

  /** The watchdog wants the worker to leave: the spool became unsafe or the lock was lost. */
  get stopRequested(): boolean {
    return Atomics.load(this.#cells, STOP) === 1;
  }

  async end(): Promise<void> {
    await this.#thread.terminate();
  }
}

/** True in the watchdog's thread; the queue-worker executable then calls `runWatchdog`. */
export function isWatchdogThread(): boolean {
  return !isMainThread && (workerData as Partial<WatchdogData> | null)?.role === 'watchdog';
}

export function runWatchdog(): void {
  const data = workerData as WatchdogData;
  const { cells, spool } = data;
  const log = openLog(spool);
  let seen = Atomics.load(cells, STATE);
  let since = performance.now();
  let beat = performance.now();
  setInterval(() => {
    const now = performance.now();
    const state = Atomics.load(cells, STATE);
    if (state !== seen) {
      seen = state;
      since = now;
    } else if (state % 2 === 1 && now - since > data.statementTimeout) {
      if (Atomics.compareExchange(cells, STATE, state, DOOMED) === state) giveUp(data);
    }
    if (now - beat < HEARTBEAT_INTERVAL_MS) return;
    beat = now;
    try {
      checkSpool(spool);
      announce(spool);
    } catch (error) {
      log('error', `the worker leaves: ${messageOf(error)}`);
      Atomics.store(cells, STOP, 1);
    }
  }, LOOK_INTERVAL_MS);
}

/** The main thread is inside SQLite or waits in leave(); it writes nothing any more. */
function giveUp({ cells, spool, statementTimeout, supervised }: WatchdogData): void {
  const log = openLog(spool);
  const name = readManifest(spool)?.names[Atomics.load(cells, INDEX)];
  try {
    if (name !== undefined) bury(spool, name, statementTimeout);
    removeManifest(spool);
    withdraw(spool);
    clearStartNotes(spool);
    log('warn', `${name} ran longer than ${statementTimeout} ms: it is in failed/, the worker starts again`);
    if (supervised) requestRestart(spool);
    else spawnWorker(spool);
  } catch (error) {
    log('error', `an entry ran too long and could not be put away: ${messageOf(error)}`);
  }
  process.kill(process.pid, 'SIGKILL');
}

function bury(spool: Spool, name: string, statementTimeout: number): void {
  const error = {
    code: 'SQLITE_TIMEOUT',
    message: `it ran longer than ${statementTimeout} ms and was stopped`,
    at: new Date().toISOString(),
    hint: 'Raise SQLITE_TIMEOUT (milliseconds) if it needs longer, then queue-failed retry.',
  };
  const read = readEntryFile(join(spool.pending, name));
  if (read.kind !== 'bytes') return buryFile(spool, name, error);
  const entry = parseEntry(read.bytes, name);
  buryEntry(spool, name, entry, error);
  const stats = readStats(spool);
  countFailed(stats, entry.operation);
  writeStats(spool, stats);
}
