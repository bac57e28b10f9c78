/**
 * The PostgreSQL sink: the side of it that the synchronous worker calls.
 *
 * The driver is asynchronous and lives in a thread of its own (thread.ts, dist/postgres.cjs, loaded only for such a
 * target); each call here hands it an order and waits for the answer. No call waits for a server that is down: the thread
 * connects in the background, and until it has, calls throw a SinkOutage within moments.
 */
import { MessageChannel, receiveMessageOnPort, Worker as Thread } from 'node:worker_threads';
import { shownTarget } from '../../config.ts';
import { executablePath } from '../../package.ts';
import type { Entry } from '../../spool/entry.ts';
import { SinkOutage } from '../outage.ts';
import type { Outcome, Sink, SinkOptions } from '../sink.ts';
import type { Answer, Order, ThreadData } from './orders.ts';

/** How long a call waits for the first connection, and for one after a failure. */
const FIRST_WAIT_MS = 1000;
const NEXT_WAIT_MS = 50;
/** Deadlocks are found after 1 s, and are to be found before a lock's wait is given up. */
const BEYOND_DEADLOCK_MS = 500;
const STATEMENT_TIMEOUT_MS = 10_000;
/** The thread bounds its own times, in several times that of a statement. This is for one that has lost its way. */
const LOST_THREAD_MS = 60_000;
const STATEMENTS = 10;
const PROGRAM = 'postgres.cjs';
const CLOSE_MS = 500;

type Keyed = { readonly entry: Entry; readonly key: string };

export class PostgresSink implements Sink {
  readonly target: string;
  readonly reconnects = true;
  readonly #url: string;
  readonly #options: SinkOptions;
  #thread: RunningThread | undefined;
  #isInTransaction = false;
  /** The last try to connect failed. */
  #isDown = false;

  constructor(url: string, options: SinkOptions) {
    this.#url = url;
    this.target = shownTarget(url);
    this.#options = options;
  }

  begin(): void {
    this.rollback();
    this.#call({ kind: 'begin' });
    this.#isInTransaction = true;
  }

  apply(entry: Entry, key: string): Outcome {
    return this.#outcomes({ kind: 'apply', jobs: [jobOf({ entry, key })] })[0] as Outcome;
  }

  commit(): void {
    this.#call({ kind: 'commit' });
    this.#isInTransaction = false;
  }

  rollback(): void {
    if (!this.#isInTransaction) return;
    this.#isInTransaction = false;
    try {
      this.#call({ kind: 'rollback' });
    } catch {
      // The connection is gone, and the transaction with it.
    }
  }

  applyMany(entries: readonly Keyed[]): Outcome[] {
    this.rollback();
    return this.#outcomes({ kind: 'many', jobs: entries.map(jobOf) });
  }

  applyAlone(entry: Entry, key: string): Outcome {
    this.rollback();
    return this.#outcomes({ kind: 'alone', jobs: [jobOf({ entry, key })] })[0] as Outcome;
  }

  applied(keys: readonly string[]): Set<string> {
    return new Set(this.#call({ kind: 'applied', keys }).keys);
  }

  changed(): boolean {
    return false;
  }

  close(): void {
    this.#isInTransaction = false;
    this.#thread?.end();
    this.#thread = undefined;
  }

  #outcomes(order: Order): readonly Outcome[] & Outcome[] {
    return (this.#call(order).outcomes ?? []) as Outcome[];
  }

  /** @throws SinkOutage. */
  #call(order: Order): Answer {
    const wait = this.#options.connectTimeout ?? (this.#isDown ? NEXT_WAIT_MS : FIRST_WAIT_MS);
    this.#thread ??= this.#start();
    const { statementTimeout = STATEMENT_TIMEOUT_MS } = this.#options;
    const answer = this.#thread.ask(order, wait, LOST_THREAD_MS + wait + STATEMENTS * statementTimeout);
    for (const warning of answer?.warnings ?? []) this.#options.warn?.(warning);
    if (!answer) {
      this.close();
      // A COMMIT may have been on its way.
      throw new SinkOutage(this.target, 'NO_DRIVER', "the driver's thread does not answer", {
        inDoubt: true,
      });
    }
    this.#isDown = answer.isConnected === false;
    if (!answer.outage) return answer;
    this.#isInTransaction = false;
    const { reason, message, ...more } = answer.outage;
    throw new SinkOutage(this.target, reason, message, more);
  }

  /** A thread that can't be loaded would be waited for as one that works. */
  #start(): RunningThread {
    let program: string;
    try {
      program = executablePath(PROGRAM);
    } catch {
      const hint = 'Install hookspool again with npm.';
      throw new SinkOutage(this.target, 'NO_DRIVER', `dist/${PROGRAM} is missing`, { hint });
    }
    return new RunningThread(program, this.#dataForThread());
  }

  #dataForThread(): Omit<ThreadData, 'port' | 'cells'> {
    const { busyTimeout, exactlyOnce, statementTimeout = STATEMENT_TIMEOUT_MS } = this.#options;
    // Shorter than an entry may run, or the wait for another's lock would be taken for the entry's own time.
    const lockTimeout = Math.ceil(Math.min(busyTimeout + BEYOND_DEADLOCK_MS, statementTimeout * 0.75));
    return { role: 'postgres', session: { url: this.#url, exactlyOnce, statementTimeout, lockTimeout } };
  }
}

function jobOf({ entry, key }: Keyed): NonNullable<Order['jobs']>[number] {
  return { sql: entry.sql, params: entry.params, schema: entry.schema, key };
}

/** The thread, and asking it while this thread waits. */
class RunningThread {
  readonly #thread: Thread;
  readonly #port: MessageChannel['port1'];
  readonly #cells = new Int32Array(new SharedArrayBuffer(8));
  #count = 0;

  constructor(program: string, data: Omit<ThreadData, 'port' | 'cells'>) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const workerData: ThreadData = { ...data, port: port2, cells: this.#cells };
    this.#thread = new Thread(program, { workerData, transferList: [port2] });
    this.#thread.unref();
    this.#thread.on('error', () => {});
  }

  /** undefined when there was no answer. */
  ask(order: Order, wait: number, limit: number): Answer | undefined {
    const id = ++this.#count;
    this.#port.postMessage({ id, wait, order });
    const end = performance.now() + limit;
    for (;;) {
      const seen = Atomics.load(this.#cells, 0);
      const received = receiveMessageOnPort(this.#port) as
        | { message: { id: number; answer: Answer } }
        | undefined;
      if (received?.message.id === id) return received.message.answer;
      if (received) continue;
      const left = end - performance.now();
      if (left <= 0 || Atomics.load(this.#cells, 1) !== 0) return undefined;
      Atomics.wait(this.#cells, 0, seen, left);
    }
  }

  end(): void {
    this.ask({ kind: 'close' }, 0, CLOSE_MS);
    this.#port.close();
    void this.#thread.terminate();
  }
}
