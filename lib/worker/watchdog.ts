/**
 * The watchdog: a thread beside the worker's main thread, which may be deep inside SQLite for long.
 *
 * It refreshes the heartbeat, sees to it that the spool is still safe, and stops an entry that runs longer than
 * SQLITE_TIMEOUT. SQLite can't be interrupted through its driver, so that is done by killing the process: the watchdog
 * marks the entry in the manifest, starts a successor and sends itself SIGKILL. The open transaction is rolled back by
 * whoever opens the database next, and recovery puts the entry into failed/.
 *
 * Main thread and watchdog share three 32-bit integers: STATE (even: between entries, odd: inside one, DOOMED: the
 * watchdog has decided), INDEX (the running entry's line in the manifest) and STOP (leave after this batch).
 */
import { isMainThread, Worker as Thread, workerData } from 'node:worker_threads';
import { forgetRun } from '../alerts/runs.ts';
import { messageOf } from '../errors.ts';
import { executablePath } from '../package.ts';
import { checkSpool, type Spool } from '../spool/layout.ts';
import { readManifest, writeManifest } from '../spool/manifest.ts';
import { openLog } from './log.ts';
import { announce, HEARTBEAT_INTERVAL_MS, withdraw } from './presence.ts';
import { clearStartNotes, requestRestart, spawnWorker } from './start.ts';

const STATE = 0;
const INDEX = 1;
const STOP = 2;
const DOOMED = -1;
const LOOK_INTERVAL_MS = 100;
/** A pause between two looks that no load explains. */
const SUSPENDED_MS = 1000;

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
    this.#thread = new Thread(executablePath('threads.cjs'), { workerData: data });
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

  /** The watchdog wants the worker to leave: the spool became unsafe. */
  get stopRequested(): boolean {
    return Atomics.load(this.#cells, STOP) === 1;
  }

  async end(): Promise<void> {
    await this.#thread.terminate();
  }
}

/** True in the watchdog's thread; dist/threads.cjs then calls `runWatchdog`. */
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
  let looked = performance.now();
  setInterval(() => {
    const now = performance.now();
    // After a suspend (SIGSTOP, a sleeping laptop) the entry has not run either.
    const gap = now - looked;
    if (gap > SUSPENDED_MS) since += gap;
    looked = now;
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
    } catch (error) {
      log('error', `the worker leaves: ${messageOf(error)}`);
      Atomics.store(cells, STOP, 1);
    }
    try {
      announce(spool);
    } catch {
      // A full disk is no reason to leave, and the next beat comes.
    }
  }, LOOK_INTERVAL_MS);
}

/**
 * The main thread is inside SQLite or waits in leave(); it writes nothing any more. The manifest says which entry it
 * was; what has become of it, and its dead letter, is the successor's to find out.
 */
function giveUp({ cells, spool, statementTimeout, supervised }: WatchdogData): void {
  const log = openLog(spool);
  try {
    const manifest = readManifest(spool);
    const name = manifest?.names[Atomics.load(cells, INDEX)];
    if (manifest && name !== undefined) writeManifest(spool, { ...manifest, stopped: name });
    withdraw(spool);
    clearStartNotes(spool);
    // It is killed for good reason.
    forgetRun(spool);
    log('warn', `${name} ran longer than ${statementTimeout} ms: it is stopped, and the worker starts again`);
    if (supervised) requestRestart(spool);
    else spawnWorker(spool);
  } catch (error) {
    log('error', `an entry ran too long and could not be put away: ${messageOf(error)}`);
  }
  process.kill(process.pid, 'SIGKILL');
}
