/**
 * The thread that tells someone of trouble. It looks and sends beside the worker: a webhook that hangs, a directory of a
 * million names and a command that never ends cost the main thread nothing, and a statement that keeps the main thread
 * in SQLite for ten seconds makes no answer look late.
 *
 * The main thread tells it what only it knows (outages, failures) when that changes. At the worker's end there is one
 * more look, and two seconds to send; what is left then is the next worker's to send, or queue-maint health --alert's.
 */
import { isMainThread, parentPort, Worker as Thread, workerData } from 'node:worker_threads';
import { Eyes, type WorkerFacts } from '../alerts/findings.ts';
import { channelsOf, settleIncidents } from '../alerts/incidents.ts';
import { type Outbox, sendDue } from '../alerts/outbox.ts';
import { forgetRun, noteRun } from '../alerts/runs.ts';
import { AlertStore } from '../alerts/state.ts';
import type { AlertSettings } from '../config.ts';
import { messageOf } from '../errors.ts';
import { executablePath } from '../package.ts';
import type { Spool } from '../spool/layout.ts';
import type { Stats } from '../spool/stats.ts';
import { type Log, openLog } from './log.ts';

const MAX_LOOK_MS = 1000;
const MIN_LOOK_MS = 50;
/** For the messages that are on their way when the worker leaves. */
const PATIENCE_MS = 1800;
/** And for a thread that does not even look: it may hang on a file system. */
const LAST_PATIENCE_MS = 10_000;

interface ThreadData {
  readonly role: 'alerts';
  readonly spool: Spool;
  readonly settings: AlertSettings;
  readonly database: string;
}

type Order = { readonly facts: WorkerFacts } | { readonly end: true };

/** The main thread's side. */
export class Alerts {
  readonly #data: ThreadData;
  readonly #log: Log;
  #thread: Thread | undefined;
  #told = '';

  /** Notes that this worker has begun. */
  constructor(spool: Spool, settings: AlertSettings, database: string, log: Log) {
    this.#data = { role: 'alerts', spool, settings, database };
    this.#log = log;
    if (this.#isOn) noteRun(spool);
  }

  get #isOn(): boolean {
    return channelsOf(this.#data.settings).length > 0;
  }

  /** Begins to look: this worker has the lock, or can't have it and is about to say so. */
  start(): void {
    if (!this.#isOn || this.#thread) return;
    const thread = new Thread(executablePath('threads.cjs'), { workerData: this.#data });
    thread.unref();
    // Whatever goes wrong there must not end the worker.
    thread.on('error', (error) => this.#log('warn', `no alerts are sent: ${messageOf(error)}`));
    thread.once('exit', () => {
      this.#thread = undefined;
    });
    this.#thread = thread;
  }

  /** Cheap: to be called after every batch. */
  see({ outages, failed }: Stats, working: ReadonlySet<string>, hasTriedAll: boolean): void {
    if (!this.#thread) return;
    const messages = Object.entries(outages).map(([target, { message }]) => `${target} ${message}`);
    const told = `${failed} ${working.size} ${hasTriedAll} ${messages}`;
    if (told === this.#told) return;
    this.#told = told;
    this.#thread.postMessage({
      facts: { outages, working: [...working], failed, hasTriedAll },
    } satisfies Order);
  }

  /** @param inOrder false after an error: the note of this run stays, as that of a worker that died. */
  async end(inOrder: boolean): Promise<void> {
    if (inOrder && this.#isOn) forgetRun(this.#data.spool);
    const thread = this.#thread;
    if (!thread) return;
    thread.ref();
    const ended = new Promise<void>((done) => thread.once('exit', () => done()));
    thread.postMessage({ end: true } satisfies Order);
    const timer = setTimeout(() => void thread.terminate(), LAST_PATIENCE_MS);
    await ended;
    clearTimeout(timer);
  }
}

/** True in the thread; dist/threads.cjs then calls `runAlertThread`. */
export function isAlertThread(): boolean {
  return !isMainThread && (workerData as Partial<ThreadData> | null)?.role === 'alerts';
}

export function runAlertThread(): void {
  const { spool, settings, database } = workerData as ThreadData;
  void new Lookout(spool, settings, database).run();
}

class Lookout {
  readonly #spool: Spool;
  readonly #settings: AlertSettings;
  readonly #log: Log;
  readonly #eyes: Eyes;
  readonly #store: AlertStore;
  readonly #stop = new AbortController();
  #facts: WorkerFacts | undefined;
  #isEnding = false;
  #wake: () => void = () => {};
  #sending: Promise<void> | undefined;
  #complaint = '';

  constructor(spool: Spool, settings: AlertSettings, database: string) {
    this.#spool = spool;
    this.#settings = settings;
    this.#log = openLog(spool);
    this.#eyes = new Eyes(spool, settings, database);
    this.#store = new AlertStore(spool);
    parentPort?.on('message', (order: Order) => {
      if ('facts' in order) this.#facts = order.facts;
      else this.#isEnding = true;
      this.#wake();
    });
  }

  async run(): Promise<void> {
    const { outage, age } = this.#settings;
    const shortest = Math.min(...[outage, age].filter((seconds) => seconds > 0));
    const interval = Math.max(MIN_LOOK_MS, Math.min(MAX_LOOK_MS, (shortest * 1000) / 4));
    while (!this.#isEnding) {
      await this.#guarded(() => this.#look());
      // Not waited for: a webhook may hang, and the next look is to find what ends meanwhile.
      this.#sending ??= this.#send();
      if (!this.#isEnding) await this.#pause(interval);
    }
    setTimeout(() => this.#stop.abort(), PATIENCE_MS);
    await this.#guarded(() => this.#look());
    await this.#sending;
    if (!this.#stop.signal.aborted) await this.#send();
    process.exit();
  }

  async #look(): Promise<void> {
    this.#eyes.open();
    const lost = await this.#store.change((state) =>
      settleIncidents(state, this.#eyes.look(state, this.#facts), this.#spool, this.#settings),
    );
    if (lost > 0) this.#log('warn', `alerts: ${lost} messages are given up, too many are waiting`);
  }

  async #send(): Promise<void> {
    const outbox: Outbox = {
      store: this.#store,
      settings: this.#settings,
      log: this.#log,
      stop: this.#stop.signal,
    };
    await this.#guarded(() => sendDue(outbox));
    this.#sending = undefined;
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((done) => {
      const timer = setTimeout(done, ms);
      this.#wake = () => {
        clearTimeout(timer);
        done();
      };
    });
  }

  /** Whatever goes wrong here is no reason to stop looking; it is said once. */
  async #guarded(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (this.#complaint !== messageOf(error)) this.#log('warn', `alerts: ${messageOf(error)}`);
      this.#complaint = messageOf(error);
    }
  }
}
