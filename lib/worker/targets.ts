/** The databases a worker writes to: one sink each, opened when needed, and the outage each may be in. */
import { realpathSync } from 'node:fs';
import { dirname, sep } from 'node:path';
import { type Config, isUrl, shownTarget } from '../config.ts';
import { QueueError } from '../errors.ts';
import { openSink, type Sink } from '../sink/sink.ts';
import type { Stats } from '../spool/stats.ts';
import { backoff } from './backoff.ts';
import type { Log } from './log.ts';

/** The worker retries anyway; a longer block would only make it deaf to signals. */
const MAX_BUSY_WAIT_MS = 1000;

interface Outage {
  /** performance.now() of the first failure. */
  readonly began: number;
  attempts: number;
  /** performance.now() of the next try. */
  until: number;
  /** One batch has been let through to find out whether the database is back. */
  probing: boolean;
  /** Names of its entries, read once and not again before it is back. */
  parked: string[];
}

export class Targets {
  readonly #config: Config;
  readonly #stats: Stats;
  readonly #log: Log;
  readonly #sinks = new Map<string, Sink>();
  readonly #outages = new Map<string, Outage>();
  /** Databases that have taken a batch, and are in no outage. */
  readonly working = new Set<string>();
  /** What was said before: a sink says it with every transaction. */
  readonly #warned = new Set<string>();

  constructor(config: Config, stats: Stats, log: Log) {
    this.#config = config;
    this.#stats = stats;
    this.#log = log;
  }

  /**
   * The sink of a target, opened anew when its file was replaced or removed.
   * @throws QueueError USAGE for a target that is, or can be, no database.
   */
  sink(target: string): Sink {
    const open = this.#sinks.get(target);
    if (open && !open.changed()) return open;
    this.#drop(target);
    if (!isUrl(target) && isInside(this.#config.baseDir, target))
      throw new QueueError('USAGE', `'${target}' can't be a database: it lies in the spool`);
    const sink = openSink(target, {
      // Less than an entry may run, or the wait for another's lock would be taken for the entry's own time.
      busyTimeout: Math.min(this.#config.busyTimeout, MAX_BUSY_WAIT_MS, this.#config.statementTimeout / 2),
      exactlyOnce: this.#config.exactlyOnce,
      allowAttach: this.#config.allowAttach,
      // A database that has been there and is gone was moved away: making an empty one would fail every entry.
      mustExist: this.#stats.databases.includes(target),
      createDirectory: target === this.#config.database,
      statementTimeout: this.#config.statementTimeout,
      warn: (message) => this.#warnOnce(message),
    });
    this.#sinks.set(target, sink);
    return sink;
  }

  /** True when entries for the target are to be parked instead of tried. */
  isDown(target: string): boolean {
    return this.#outages.get(target)?.probing === false;
  }

  /** Keeps a name until the target is back. */
  park(target: string, name: string): void {
    this.#outages.get(target)?.parked.push(name);
  }

  get parked(): number {
    let count = 0;
    for (const outage of this.#outages.values()) count += outage.parked.length;
    return count;
  }

  /** For how many milliseconds the target that is down longest has been; 0 when all work. The wall clock may be set. */
  longestOutage(): number {
    const now = performance.now();
    return Math.max(0, ...[...this.#outages.values()].map((outage) => now - outage.began));
  }

  /** Milliseconds until some target is tried again; infinite when all work. */
  untilNextTry(): number {
    const times = [...this.#outages.values()].map((outage) => outage.until - performance.now());
    return Math.max(0, Math.min(Number.POSITIVE_INFINITY, ...times));
  }

  /** Takes out up to `limit` parked names of every target whose pause is over: the next batch tries them. */
  unparkDue(limit: number): string[] {
    const names: string[] = [];
    for (const [target, outage] of this.#outages) {
      if (outage.until > performance.now()) continue;
      if (outage.probing && outage.parked.length === 0) {
        // Its entries were taken away, or are put off: nothing would ever find out that it is back.
        this.#outages.delete(target);
        delete this.#stats.outages[shownTarget(target)];
        continue;
      }
      outage.probing = true;
      for (const name of outage.parked.sort().splice(0, limit)) names.push(name);
    }
    return names;
  }

  /** The database can't be used now: nothing is lost, nobody's retries are spent. */
  failed(target: string, error: QueueError): void {
    const now = performance.now();
    const outage = this.#outages.get(target) ?? {
      began: now,
      attempts: 0,
      until: 0,
      probing: false,
      parked: [],
    };
    outage.until = now + backoff(outage.attempts);
    outage.attempts += 1;
    outage.probing = false;
    this.#outages.set(target, outage);
    const shown = shownTarget(target);
    this.working.delete(shown);
    if (!this.#sinks.get(target)?.reconnects) this.#drop(target);
    const known = this.#stats.outages[shown];
    if (known?.message === error.message) return;
    this.#stats.outages[shown] = { message: error.message, since: known?.since ?? new Date().toISOString() };
    this.#log('warn', `waiting for the database: ${error.message}`);
  }

  /** The target has taken a batch. @returns the names that were parked for it. */
  works(target: string): string[] {
    const shown = shownTarget(target);
    this.working.add(shown);
    if (!this.#stats.databases.includes(shown)) this.#stats.databases.push(shown);
    const outage = this.#outages.get(target);
    if (!outage) return [];
    this.#outages.delete(target);
    delete this.#stats.outages[shown];
    this.#log('info', `the database is back: ${shown}`);
    return outage.parked;
  }

  /** Forgets the parked names: pending/ is about to be listed anew. */
  forgetParked(): void {
    for (const outage of this.#outages.values()) outage.parked = [];
  }

  close(): void {
    for (const target of [...this.#sinks.keys()]) this.#drop(target);
  }

  #warnOnce(message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    this.#log('warn', message);
  }

  #drop(target: string): void {
    this.#sinks.get(target)?.close();
    this.#sinks.delete(target);
  }
}

/** Whatever symlinks lead there: the lock, opened as a database and closed, would not be locked any more. */
function isInside(directory: string, path: string): boolean {
  try {
    return `${realpathSync(dirname(path))}${sep}`.startsWith(`${realpathSync(directory)}${sep}`);
  } catch {
    return false;
  }
}
