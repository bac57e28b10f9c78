/**
 * What the worker knows of pending/: the names ready to be taken, those to be looked at later, and when to look at
 * the directory again.
 *
 * Of a large backlog only the names that come next are held (see order.ts), so that memory does not grow with it;
 * when they are used up, the directory is listed for more. Entries that are put off or parked are held whatever their
 * number: they have been read, and must not be read again at every listing.
 *
 * Listing a million names takes a second, so a listing is followed up by file events; listing again is rationed to a
 * tenth of the time. Events may be lost (a full inotify queue) or never come (some network file systems): the
 * directory's mtime is polled too. While a large backlog is drained the watch is closed, for it would report every
 * unlink of ours.
 */
import { type FSWatcher, watch } from 'node:fs';
import type { Config } from '../config.ts';
import { codeOf } from '../errors.ts';
import { isEntryName } from '../spool/entry.ts';
import type { Spool } from '../spool/layout.ts';
import { GrowingDirectory } from '../spool/listing.ts';
import { Lanes } from '../spool/order.ts';
import { MAX_LEAD_US, microsOf, nowMicros } from '../spool/sequence.ts';

/** How many names of one priority are held; more makes listings fewer, less saves memory (100 bytes a name). */
const LANE_LIMIT = 200_000;
/** With more names than this waiting, events are not worth their cost. */
const WATCH_LIMIT = 1000;
/** A listing may take this share of the time. */
const LISTING_SHARE = 0.1;
/** What a name costs a listing that knows it already. The first listing costs more, which tells nothing of the next. */
const KNOWN_NAME_MS = 0.001;
/** How often the directory is listed although events say nothing new. */
const SAFETY_INTERVAL_MS = 5000;

export class Backlog {
  readonly #spool: Spool;
  readonly #pollMs: number;
  readonly #lanes: Lanes;
  readonly #directory: GrowingDirectory;
  /** How many names a listing hands to the lanes at a time. */
  readonly #portion: number;
  /** Every name that is in a lane, in hand, put off or parked: listings and events add only others. */
  readonly #known = new Set<string>();
  /** Names put off, by the time (performance.now) to look again. */
  readonly #putOff = new Map<string, number>();
  /** Those of them whose writers had not finished. */
  readonly #unfinished = new Set<string>();
  /** Names in pending/ that are no entry's. */
  readonly #oddNames: string[] = [];
  /** Names that events brought since the last refill. */
  readonly #hints = new Set<string>();
  #watcher: FSWatcher | undefined;
  #wake: (() => void) | undefined;
  #listedAt = Number.NEGATIVE_INFINITY;
  #listingCost = 0;
  /** Nothing was listed since the watch began: what came before it has no event. */
  #isWatchNew = false;
  #nextPutOff = Number.POSITIVE_INFINITY;
  /** The highest sequence number seen. */
  highest = 0;

  constructor(spool: Spool, config: Pick<Config, 'pollInterval' | 'aging'>, laneLimit = LANE_LIMIT) {
    this.#spool = spool;
    this.#pollMs = config.pollInterval * 1000;
    this.#lanes = new Lanes(config.aging, laneLimit);
    this.#directory = new GrowingDirectory(spool.pending);
    this.#portion = Math.ceil(laneLimit / 4);
  }

  /** Names ready to be taken, of those that are held. */
  get ready(): number {
    return this.#lanes.size;
  }

  /** True while there are names to be taken, or there may be when pending/ has been listed again. */
  get hasMore(): boolean {
    return this.ready > 0 || this.#lanes.isExhausted;
  }

  /** True for a name that is in a lane, in hand, put off or parked. */
  has(name: string): boolean {
    return this.#known.has(name);
  }

  /** Names put off: delayed, unfinished, waiting for a retry or for their database. */
  get putOff(): number {
    return this.#putOff.size;
  }

  /** Takes the next name; it stays known until `forget`. undefined when none is ready or a listing must come first. */
  take(): string | undefined {
    return this.#lanes.take(nowMicros());
  }

  /** About the next `count` names, still to be taken. */
  peek(count: number): string[] {
    return this.#lanes.peek(count);
  }

  /** The name has left pending/. */
  forget(name: string): void {
    this.#known.delete(name);
    // The event of our own unlink is on its way or here: it must not bring the name back.
    this.#hints.delete(name);
  }

  /** Names that were taken and not settled go back to their places. */
  putBack(names: readonly string[]): void {
    this.#place(names);
  }

  /** Looks at a taken name again in `ms` milliseconds. */
  putOffFor(name: string, ms: number): void {
    const at = performance.now() + ms;
    this.#putOff.set(name, at);
    this.#nextPutOff = Math.min(this.#nextPutOff, at);
  }

  /** The same for an entry still being written: it is looked at before any name that appears later, its writer's next. */
  putOffUnfinished(name: string, ms: number): void {
    this.#unfinished.add(name);
    this.putOffFor(name, ms);
  }

  /** Looks at all names that are put off at once (their database is back, or --once wants to know). */
  resumeAll(): void {
    this.#resume(Number.POSITIVE_INFINITY);
  }

  /** Forgets everything it knows and lists anew: after a fault that left pending/ in doubt. */
  reset(): void {
    this.#lanes.clear();
    this.#known.clear();
    this.#putOff.clear();
    this.#unfinished.clear();
    this.#hints.clear();
    this.#oddNames.length = 0;
    this.#listedAt = Number.NEGATIVE_INFINITY;
    this.#directory.reset();
  }

  /** Brings the lanes up to date: names whose time has come, events, and a listing where one is due. */
  refill(): void {
    const now = performance.now();
    if (now >= this.#nextPutOff) this.#resume(now);
    // Events alone do not tell of what came before the watch, or was left by the last listing.
    const isBehind = this.#isWatchNew || this.#directory.left > 0;
    if (this.#isListingDue(now) || (isBehind && this.#hints.size > 0)) this.list();
    else if (this.#hints.size > 0) this.#addNew([...this.#hints]);
    this.#hints.clear();
    if (this.ready > WATCH_LIMIT) this.#unwatch();
  }

  /** Lists pending/ now. @returns how many new names there are, some of them for the next listing. */
  list(): number {
    const start = performance.now();
    this.#isWatchNew = false;
    this.#lanes.liftHorizons();
    let found = 0;
    let listed = 0;
    let portion: string[] = [];
    const handOver = (): void => {
      found += this.#addNew(portion);
      portion = [];
    };
    this.#directory.list((name) => {
      listed += 1;
      if (this.#lanes.isBeyondHorizon(name)) this.#noteSequence(name);
      else if (portion.push(name) >= this.#portion) handOver();
    });
    handOver();
    this.#listedAt = performance.now();
    const cost = this.#listedAt - start;
    this.#listingCost = found * 2 > listed ? Math.min(cost, listed * KNOWN_NAME_MS) : cost;
    return found + this.#directory.left;
  }

  /** Waits for an event, for the next name's time, or for a poll; at most `maxMs`. */
  async wait(maxMs: number): Promise<void> {
    this.#rewatch();
    // Never without letting events in: our own unlinks change the mtime as well.
    if (this.#hints.size > 0) return new Promise((done) => setImmediate(done));
    const rest = Math.max(0, this.#restedAt - performance.now());
    const untilListing = this.#directory.isAsListed ? Number.POSITIVE_INFINITY : rest;
    const untilPutOff = Math.max(0, this.#nextPutOff - performance.now());
    const ms = Math.min(maxMs, this.#pollMs, untilPutOff, untilListing);
    await new Promise<void>((done) => {
      const timer = setTimeout(done, ms);
      this.#wake = () => {
        clearTimeout(timer);
        done();
      };
    });
    this.#wake = undefined;
  }

  /** Ends a `wait` early. */
  interrupt(): void {
    this.#wake?.();
  }

  close(): void {
    this.#unwatch();
  }

  /** When another listing is worth its cost. */
  get #restedAt(): number {
    return this.#listedAt + Math.max(this.#listingCost / LISTING_SHARE, this.#directory.restMs);
  }

  #isListingDue(now: number): boolean {
    if (this.#lanes.isExhausted) return true;
    const rested = now >= this.#restedAt;
    if (rested && this.#directory.left > 0) return true;
    if (this.ready === 0 && this.#hints.size === 0) return rested && !this.#directory.isAsListed;
    const interval = this.#watcher ? SAFETY_INTERVAL_MS : this.#pollMs;
    return rested && now - this.#listedAt >= interval;
  }

  #addNew(names: readonly string[]): number {
    const fresh: string[] = [];
    for (const name of names) {
      if (this.#known.has(name)) continue;
      this.#known.add(name);
      fresh.push(name);
      this.#noteSequence(name);
    }
    if (fresh.length > 0 && this.#unfinished.size > 0) this.#bringBack([...this.#unfinished]);
    // What has no entry's name has no place in the order: takeOdd() hands it out, to be buried.
    const odd = fresh.filter((name) => !isEntryName(name));
    this.#place(odd.length === 0 ? fresh : fresh.filter(isEntryName));
    for (const name of odd) this.#oddNames.push(name);
    return fresh.length;
  }

  /** Into the lanes; what these do not hold is not known any more, so that a listing finds it again. */
  #place(names: readonly string[]): void {
    for (const name of this.#lanes.add(names)) this.#known.delete(name);
  }

  #noteSequence(name: string): void {
    const micros = microsOf(name);
    if (micros > this.highest && micros <= nowMicros() + MAX_LEAD_US) this.highest = micros;
  }

  /** Names in pending/ that are no entry's, each once. */
  takeOdd(): string[] {
    return this.#oddNames.splice(0);
  }

  #resume(now: number): void {
    const due: string[] = [];
    this.#nextPutOff = Number.POSITIVE_INFINITY;
    for (const [name, at] of this.#putOff) {
      if (at <= now) due.push(name);
      else this.#nextPutOff = Math.min(this.#nextPutOff, at);
    }
    this.#bringBack(due);
  }

  #bringBack(names: readonly string[]): void {
    for (const name of names) {
      this.#putOff.delete(name);
      this.#unfinished.delete(name);
    }
    this.#place(names);
  }

  #rewatch(): void {
    if (this.#watcher || this.ready > WATCH_LIMIT) return;
    try {
      this.#watcher = watch(this.#spool.pending, { persistent: false }, (_event, name) =>
        this.#onEvent(name),
      );
      this.#watcher.on('error', () => this.#unwatch());
      this.#isWatchNew = true;
    } catch (error) {
      // No inotify instance left, or none on this file system: polling goes on.
      if (codeOf(error) === undefined) throw error;
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #onEvent(name: string | null): void {
    if (name === null) this.#directory.reset();
    else if (this.#putOff.has(name)) this.#putOffNow(name);
    else if (!this.#known.has(name)) this.#hints.add(name);
    this.#wake?.();
  }

  /** An unfinished entry was written to: look again. A delayed one is looked at in vain, which costs one read. */
  #putOffNow(name: string): void {
    this.#putOff.set(name, 0);
    this.#nextPutOff = 0;
  }
}
