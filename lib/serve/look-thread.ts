/**
 * Looks at the spool, in a thread of their own: listing a million names takes a second, in which the door goes on to
 * serve. One look at a time; who asks for the same meanwhile shares it.
 */
import { isMainThread, parentPort, Worker as Thread, workerData } from 'node:worker_threads';
import { type Config, loadConfig } from '../config.ts';
import { executablePath } from '../package.ts';
import { type Spool, spoolAt } from '../spool/layout.ts';
import { defect } from './answers.ts';
import { type EntriesAnswer, type EntriesQuery, listEntries } from './entries.ts';
import { discardFailed, type LetterAnswer, retryFailed } from './failed.ts';
import { type JobsAnswer, listJobs, oneJob } from './jobs.ts';
import { Refusal, refusalOf, type Status } from './refusal.ts';
import { type Report, Reporter } from './report.ts';

/** What can be asked for, with its arguments and answer. */
interface Asks {
  report: [undefined, Report];
  entries: [EntriesQuery, EntriesAnswer];
  jobs: [{ readonly limit: number }, JobsAnswer];
  job: [{ readonly id: string; readonly limit: number }, unknown];
  retry: [{ readonly name: string }, LetterAnswer];
  discard: [{ readonly name: string }, LetterAnswer];
}

type Name = keyof Asks;

interface LookData {
  role: 'looks';
  baseDir: string;
  env: NodeJS.ProcessEnv;
}

interface Question {
  readonly number: number;
  readonly name: Name;
  readonly args: never;
}

type Reply =
  | { readonly number: number; readonly value: unknown }
  | {
      readonly number: number;
      readonly refusal: { status: Status; code: string; message: string; hint: string | undefined };
    };

/** The main thread's side. */
export class Looks {
  readonly #spool: Spool;
  #thread: Thread | undefined;
  #number = 0;
  readonly #waiting = new Map<number, { done: (value: never) => void; fail: (error: Error) => void }>();
  #report: { promise: Promise<Report>; isDone: boolean; readyAt: number } | undefined;

  constructor(spool: Spool) {
    this.#spool = spool;
  }

  /** The report; looking takes no more than a tenth of the time. */
  report(maxAgeMs: number): Promise<Report> {
    const now = performance.now();
    if (this.#report && (!this.#report.isDone || now < this.#report.readyAt + maxAgeMs))
      return this.#report.promise;
    const promise = this.ask('report', undefined);
    const look = { promise, isDone: false, readyAt: now };
    this.#report = look;
    promise.then(
      ({ tookMs }) => {
        look.isDone = true;
        look.readyAt = performance.now() + 9 * tookMs;
      },
      () => {
        if (this.#report === look) this.#report = undefined;
      },
    );
    return promise;
  }

  ask<N extends Name>(name: N, args: Asks[N][0]): Promise<Asks[N][1]> {
    this.#thread ??= this.#start();
    this.#number += 1;
    const number = this.#number;
    return new Promise((done, fail) => {
      this.#waiting.set(number, { done, fail });
      this.#thread?.postMessage({ number, name, args });
    });
  }

  async close(): Promise<void> {
    await this.#thread?.terminate();
  }

  #start(): Thread {
    const data: LookData = { role: 'looks', baseDir: this.#spool.base, env: process.env };
    const thread = new Thread(executablePath('queue-serve'), { workerData: data });
    thread.on('message', (reply: Reply) => {
      const waiting = this.#waiting.get(reply.number);
      this.#waiting.delete(reply.number);
      if ('value' in reply) waiting?.done(reply.value as never);
      else {
        const { status, code, message, hint } = reply.refusal;
        waiting?.fail(new Refusal(status, code, message, hint));
      }
    });
    let why = new Error('the thread that looks at the spool has ended');
    thread.on('error', (error) => {
      why = error;
    });
    thread.on('exit', () => {
      if (this.#thread === thread) this.#thread = undefined;
      for (const { fail } of this.#waiting.values()) fail(why);
      this.#waiting.clear();
    });
    thread.unref();
    return thread;
  }
}

/** True in such a thread; the queue-serve executable then calls `runLooks`. */
export function isLookThread(): boolean {
  return !isMainThread && (workerData as Partial<LookData> | null)?.role === 'looks';
}

export function runLooks(): void {
  const { baseDir, env } = workerData as LookData;
  const config = loadConfig(env, () => {});
  const spool = spoolAt(baseDir);
  const answers = answersFor(config, spool);
  parentPort?.on('message', ({ number, name, args }: Question) => {
    parentPort?.postMessage(replyTo(spool, number, () => answers[name](args)));
  });
}

function answersFor(config: Config, spool: Spool): { [N in Name]: (args: Asks[N][0]) => Asks[N][1] } {
  const reporter = new Reporter(config, spool);
  return {
    report: () => reporter.look(),
    entries: (query) => listEntries(spool, query),
    jobs: ({ limit }) => listJobs(spool, limit),
    job: ({ id, limit }) => oneJob(spool, id, limit),
    retry: ({ name }) => retryFailed(spool, name),
    discard: ({ name }) => discardFailed(spool, name),
  };
}

function replyTo(spool: Spool, number: number, answer: () => unknown): Reply {
  try {
    return { number, value: answer() };
  } catch (error) {
    const { status, code, message, hint } = refusalOf(error) ?? defect(spool, error);
    return { number, refusal: { status, code, message, hint } };
  }
}
