/** All that a page about the queue shows: what queue-status says, and what is known from looking more than once. */
import { statSync } from 'node:fs';
import type { Config } from '../config.ts';
import { readStatus, type StatusReport } from '../maintenance/status.ts';
import type { EntryError } from '../spool/entry.ts';
import { linesBackwards } from '../spool/journal-back.ts';
import { formatPosition, journalEnd } from '../spool/journal-read.ts';
import type { Spool } from '../spool/layout.ts';
import { allLetterNames, readLetter } from '../spool/letters.ts';
import { microsOf } from '../spool/sequence.ts';
import { type JobsAnswer, listJobs } from './jobs.ts';
import { refusalOf } from './refusal.ts';

export interface Report extends StatusReport {
  /** Entries applied by the worker, over the last seconds; null before there are two looks. */
  readonly appliedPerSecond: number | null;
  /** From being queued to being applied, of the last entries in the journal; null without any. */
  readonly latency: {
    readonly count: number;
    readonly p50Ms: number;
    readonly p95Ms: number;
    readonly p99Ms: number;
  } | null;
  readonly jobs: JobsAnswer;
  /** The last that have failed, newest first. */
  readonly failures: readonly Failure[];
  /** How long this look took, which a million entries make a second. */
  readonly tookMs: number;
}

interface Failure extends Pick<EntryError, 'code' | 'message'> {
  readonly name: string;
  readonly operation: string | null;
  readonly failedAt: string;
}

const RATE_SPAN_MS = 5000;
const LATENCY_LINES = 1000;
const LATENCY_BYTES = 1024 * 1024;
const MAX_FAILURES = 20;
const MAX_JOBS = 20;

export class Reporter {
  readonly #config: Config;
  readonly #spool: Spool;
  #samples: { at: number; processed: number }[] = [];
  #latency: { end: string; value: Report['latency'] } = { end: '', value: null };
  #failures: { changed: number; value: readonly Failure[] } = { changed: Number.NaN, value: [] };

  constructor(config: Config, spool: Spool) {
    this.#config = config;
    this.#spool = spool;
  }

  /** @throws QueueError SPOOL_UNSAFE; system errors. */
  look(): Report {
    const start = performance.now();
    const status = readStatus(this.#config, this.#spool, { operations: true });
    return {
      ...status,
      appliedPerSecond: this.#rate(status.statistics.processed + status.statistics.direct),
      latency: this.#latencyNow(),
      jobs: this.#jobs(),
      failures: this.#failuresNow(),
      tookMs: Math.ceil(performance.now() - start),
    };
  }

  /** The worker writes its counters once a second. */
  #rate(processed: number): number | null {
    const now = performance.now();
    this.#samples.push({ at: now, processed });
    while (this.#samples.length > 2 && (this.#samples[1]?.at as number) < now - RATE_SPAN_MS)
      this.#samples.shift();
    const [first] = this.#samples;
    if (!first || now - first.at < 500) return null;
    return Math.round(Math.max(0, ((processed - first.processed) * 10_000) / (now - first.at))) / 10;
  }

  #latencyNow(): Report['latency'] {
    const end = formatPosition(journalEnd(this.#spool));
    if (end === this.#latency.end) return this.#latency.value;
    const times: number[] = [];
    let bytes = 0;
    for (const { name, appliedAt, text } of linesBackwards(this.#spool)) {
      const queued = microsOf(name) / 1000;
      bytes += text.length;
      if (queued > 0) times.push(Math.max(0, Date.parse(appliedAt) - queued));
      if (times.length === LATENCY_LINES || bytes > LATENCY_BYTES) break;
    }
    times.sort((a, b) => a - b);
    const at = (share: number): number =>
      Math.round((times[Math.ceil(share * times.length) - 1] as number) * 10) / 10;
    const value =
      times.length === 0 ? null : { count: times.length, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
    this.#latency = { end, value };
    return value;
  }

  /** A jobs.db that is broken is no reason to show nothing. */
  #jobs(): JobsAnswer {
    try {
      return listJobs(this.#spool, MAX_JOBS);
    } catch (error) {
      if (!refusalOf(error)) throw error;
      return { jobs: [], states: {} };
    }
  }

  #failuresNow(): readonly Failure[] {
    const changed = statSync(this.#spool.failed, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (changed === this.#failures.changed && Date.now() - changed > 1000) return this.#failures.value;
    const newest = allLetterNames(this.#spool)
      .sort((a, b) => microsOf(b) - microsOf(a))
      .slice(0, MAX_FAILURES);
    const value = newest.flatMap((name): Failure[] => {
      const letter = readLetter(this.#spool, name);
      if (!letter) return [];
      const { entry, error, failedAt } = letter;
      const { code, message } = error;
      return [
        {
          name,
          operation: entry?.operation ?? null,
          code,
          message: message.slice(0, 500),
          failedAt: new Date(failedAt).toISOString(),
        },
      ];
    });
    this.#failures = { changed, value };
    return value;
  }
}
