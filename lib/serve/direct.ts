/**
 * The door's side of direct writes (see direct-process.ts): one batch at a time, made of all that wait.
 *
 * What is not written, the caller spools, under the same names: should it have been written all the same, by a process
 * that died before it could say so, the ledger has its key and it is not applied twice.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Config } from '../config.ts';
import { messageOf } from '../errors.ts';
import { executablePath } from '../package.ts';
import type { Spool } from '../spool/layout.ts';
import { MANIFEST_FILE } from '../spool/manifest.ts';
import { backoff } from '../worker/backoff.ts';
import type { DirectItem, DirectOutcome, DirectReport } from './direct-process.ts';

export interface Written {
  /** Of the first items; the others are to be spooled. */
  readonly outcomes: readonly DirectOutcome[];
  readonly outage?: string;
}

interface Job {
  readonly items: readonly DirectItem[];
  readonly since: number;
  readonly done: (written: Written) => void;
}

/** In one batch. */
const MAX_ITEMS = 1000;
/** Who has waited longer for others' writes is spooled. */
const PATIENCE_MS = 1000;
/** The worker's turn, when it has a batch in hand: SQLite's busy handler looks for the lock this often at least. */
const WORKERS_TURN_MS = 100;
const LOOK_MS = 2;

export class DirectWrites {
  readonly #config: Config;
  readonly #spool: Spool;
  readonly #queue: Job[] = [];
  #child: Child | undefined;
  #running: Promise<void> | undefined;
  #isClosed = false;
  /** Failures in a row. */
  #failures = 0;
  #notBefore = 0;
  /** Why the database could not be used when it was tried last. */
  outage: string | undefined;

  constructor(config: Config, spool: Spool) {
    this.#config = config;
    this.#spool = spool;
  }

  /** False for a while after a failure: not every request is to wait for a lock, or for a disk that is gone. */
  get isWorthTrying(): boolean {
    return !this.#isClosed && performance.now() >= this.#notBefore;
  }

  /** Never rejects. */
  write(items: readonly DirectItem[]): Promise<Written> {
    return new Promise((done) => {
      this.#queue.push({ items, since: performance.now(), done });
      this.#running ??= this.#run();
    });
  }

  /** After an outage: whether the database can be written to again. Pushes that are spooled would not find out. */
  probe(): void {
    if (this.outage !== undefined && this.isWorthTrying && !this.#running) void this.write([]);
  }

  /** Ends the process when it has written what it has in hand; what comes now goes empty-handed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
    this.#child?.end();
    this.#child = undefined;
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      await this.#letWorkerGo();
      const jobs = this.#take();
      if (jobs.length > 0) await this.#serve(jobs);
    }
    this.#running = undefined;
  }

  /** The next jobs, as many as fit into a batch; who has waited too long, or comes in an outage, goes empty-handed. */
  #take(): Job[] {
    const jobs: Job[] = [];
    let count = 0;
    for (let job = this.#queue[0]; job; job = this.#queue[0]) {
      if (!this.isWorthTrying) job.done({ outcomes: [], outage: this.outage ?? 'the door is closing' });
      else if (performance.now() - job.since > PATIENCE_MS)
        job.done({ outcomes: [], outage: 'the database is busy with other writes' });
      else if (count > 0 && count + job.items.length > MAX_ITEMS) break;
      else {
        jobs.push(job);
        count += job.items.length;
      }
      this.#queue.shift();
    }
    return jobs;
  }

  async #serve(jobs: readonly Job[]): Promise<void> {
    const items = jobs.flatMap((job) => job.items);
    const { outcomes, outage } = await this.#writeAll(items).catch(
      // No process can be started: there is no descriptor left, or no memory.
      (error: unknown): Written => ({ outcomes: [], outage: messageOf(error) }),
    );
    this.outage = outage;
    this.#failures = outage === undefined ? 0 : this.#failures + 1;
    this.#notBefore = outage === undefined ? 0 : performance.now() + backoff(this.#failures - 1);
    let at = 0;
    for (const job of jobs) {
      const own = outcomes.slice(at, at + job.items.length);
      at += job.items.length;
      job.done(outage === undefined ? { outcomes: own } : { outcomes: own, outage });
    }
  }

  /** The batch, without those that had to be stopped. */
  async #writeAll(items: readonly DirectItem[]): Promise<Written> {
    const outcomes: DirectOutcome[] = [];
    const deadline = performance.now() + this.#config.statementTimeout;
    let isAgain = false;
    do {
      const rest = items.slice(outcomes.length);
      this.#child ??= new Child(this.#config, this.#spool);
      const answer = await this.#child.ask(rest, isAgain);
      if (answer.kind === 'report') {
        outcomes.push(...answer.report.outcomes);
        const { outage } = answer.report;
        return outage === undefined ? { outcomes } : { outcomes, outage };
      }
      this.#child = undefined;
      if (answer.kind === 'died') return { outcomes, outage: answer.message };
      // Those before it are written again, which the ledger makes nothing of; then those behind it.
      isAgain = true;
      const { index } = answer;
      if (index > 0) {
        const before = await this.#writeBefore(rest.slice(0, index));
        outcomes.push(...before.outcomes);
        if (before.outcomes.length < index) return { outcomes, outage: before.outage ?? 'it was stopped' };
      }
      outcomes.push(stoppedAfter(this.#config.statementTimeout));
    } while (outcomes.length < items.length && performance.now() < deadline);
    return { outcomes };
  }

  async #writeBefore(items: readonly DirectItem[]): Promise<Written> {
    this.#child ??= new Child(this.#config, this.#spool);
    const answer = await this.#child.ask(items, true);
    if (answer.kind !== 'report') {
      this.#child = undefined;
      return { outcomes: [], outage: 'the process of direct writes has died' };
    }
    return answer.report;
  }

  /** While it has a batch in hand it waits for the lock, or has it: without a pause it would wait in vain. */
  async #letWorkerGo(): Promise<void> {
    const first = this.#batchInHand();
    for (let end = performance.now() + WORKERS_TURN_MS; first !== 0 && performance.now() < end; ) {
      await new Promise((done) => setTimeout(done, LOOK_MS));
      if (this.#batchInHand() !== first) return;
    }
  }

  #batchInHand(): number {
    try {
      const stat = statSync(join(this.#spool.processing, MANIFEST_FILE), { throwIfNoEntry: false });
      return stat ? stat.ino + stat.mtimeMs : 0;
    } catch {
      return 0;
    }
  }
}

type Answer =
  | { readonly kind: 'report'; readonly report: DirectReport }
  /** The item at `index` ran too long. */
  | { readonly kind: 'stopped'; readonly index: number }
  | { readonly kind: 'died'; readonly message: string };

class Child {
  readonly #process: ChildProcess;
  #stopped = '';
  #answer: ((answer: Answer) => void) | undefined;
  #hasEnded: string | undefined;

  constructor(config: Config, spool: Spool) {
    const env = { ...process.env, CLAUDE_PROJECT_DIR: config.projectRoot, QUEUE_BASE_DIR: spool.base };
    this.#process = fork(executablePath('queue-serve'), ['direct-writes'], {
      env,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc', 'pipe'],
      // The terminal's Ctrl-C is for the door, which finishes what it has begun.
      detached: true,
    });
    this.#process.on('error', (error) => this.#end(error.message));
    // Without a descriptor left there are no pipes either.
    const notes = this.#process.stdio?.[4] as Readable | undefined;
    notes?.setEncoding('latin1').on('data', (text: string) => {
      this.#stopped += text;
    });
    this.#process.on('message', (report: DirectReport) => this.#say({ kind: 'report', report }));
    this.#process.on('close', (code, signal) =>
      this.#end(`the process of direct writes has ended (${signal ?? code})`),
    );
  }

  ask(items: readonly DirectItem[], isAgain: boolean): Promise<Answer> {
    return new Promise((done) => {
      this.#answer = done;
      if (this.#hasEnded !== undefined) this.#say({ kind: 'died', message: this.#hasEnded });
      else this.#process.send({ items, isAgain }, (error) => error && this.#end(error.message));
    });
  }

  end(): void {
    if (this.#process.connected) this.#process.disconnect();
  }

  #end(message: string): void {
    this.#hasEnded ??= message;
    const index = Number.parseInt(this.#stopped, 10);
    this.#say(Number.isNaN(index) ? { kind: 'died', message } : { kind: 'stopped', index });
  }

  #say(answer: Answer): void {
    this.#answer?.(answer);
    this.#answer = undefined;
  }
}

function stoppedAfter(ms: number): DirectOutcome {
  const error = {
    code: 'SQLITE_TIMEOUT',
    message: `it ran longer than ${ms} ms and was stopped`,
    at: new Date().toISOString(),
    hint: 'Raise SQLITE_TIMEOUT (milliseconds) if it needs longer.',
  };
  return { kind: 'failed', error, transient: false };
}
