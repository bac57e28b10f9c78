/**
 * What the worker knows of pending/: the names ready to be taken, those to be looked at later, and when to look at
 * the directory again.
 *
 * Of a large backlog only the names that come next are held (see order.ts), so that memory does not grow with it;
 * when they are used up, the directory is listed for more. Entries that are put off or parked are held whatever their
 * number: they have been read, and must not be read again at every listing.
 *
 * Listing a million names takes a second, so it is followed up by file events and rationed to a tenth of the time.
 * Events may be lost (a full inotify queue) or never come (some network file systems): the directory's mtime is polled
 * too. While a large backlog is drained the watch is closed, for it would report every unlink of ours.
 *
 * A producer's older name comes first. A listing may show a file that was made meanwhile and miss an older one (ext4
 * lists in the order of hashes), so names younger than the listing wait for the next. For the same reason events count
 * only after a listing since the watch was opened, and unfinished entries are looked at again when new ones come.
 */
import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { codeOf } from '../errors.ts';
import { isEntryName } from '../spool/entry.ts';
import type { Spool } from '../spool/layout.ts';
import { forEachName, isNamed, mtimeOf, TICK_MS } from '../spool/listing.ts';
import { Lanes } from '../spool/order.ts';
import { MAX_LEAD_US, microsOf, nowMicros } from '../spool/sequence.ts';
import { Nap } from './nap.ts';
import { PutOff } from './put-off.ts';

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
/** How long expected names may wait for each other. */
const EXPECTED_MS = 10;

export class Backlog {
  readonly #spool: Spool;
  readonly #pollMs: number;
  readonly #lanes: Lanes;
  /** How many names a listing hands to the lanes at a time. */
  readonly #portion: number;
  /** Every name that is in a lane, in hand, put off or parked: listings and events add only others. */
  readonly #known = new Set<string>();
  readonly #putOff = new PutOff();
  /** Names in pending/ that are no entry's. */
  readonly #oddNames: string[] = [];
  /** Names that events brought since the last refill. */
  readonly #hints = new Set<string>();
  /** Since when there is a watch; infinite when there is none. */
  #watchedAt = Number.POSITIVE_INFINITY;
  #watcher: FSWatcher | undefined;
  readonly #nap = new Nap();
  #isExpected: (name: string) => boolean = () => false;
  #listedAt = Number.NEGATIVE_INFINITY;
  #listingCost = 0;
  #listedMtime = 0;
  /** There may be names that neither the last listing nor an event has told. */
  #mustList = false;
  /** The highest number among the names that the last look left out because they are younger than it. */
  #leftOut = 0;
  /** The highest sequence number seen. */
  highest = 0;

  constructor(spool: Spool, config: Pick<Config, 'pollInterval' | 'aging'>, laneLimit = LANE_LIMIT) {
    this.#spool = spool;
    this.#pollMs = config.pollInterval * 1000;
    this.#lanes = new Lanes(config.aging, laneLimit);
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
    this.#putOff.add(name, performance.now() + ms);
  }

  /** The same for one whose writer has not finished. */
  putOffUnfinished(name: string, ms: number): void {
    this.#putOff.addUnfinished(name, performance.now() + ms);
  }

  /** Looks at all names that are put off at once (their database is back, or --once wants to know). */
  resumeAll(): void {
    this.#place(this.#putOff.takeDue(Number.POSITIVE_INFINITY));
  }

  /** Forgets everything it knows and lists anew: after a fault that left pending/ in doubt. */
  reset(): void {
    this.#lanes.clear();
    this.#known.clear();
    this.#putOff.clear();
    this.#leftOut = 0;
    this.#hints.clear();
    this.#oddNames.length = 0;
    this.#listedAt = Number.NEGATIVE_INFINITY;
    this.#listedMtime = 0;
  }

  /** Brings the lanes up to date: events, a listing where one is due, and names whose time has come. */
  refill(): void {
    const now = performance.now();
    if (this.#untilListing(now) <= 0) this.list();
    // After a listing, too: it may have left out a name whose event is here already.
    if (!this.#mustList && this.#hints.size > 0) {
      // The event of our own unlink comes when the name is forgotten: taken for an entry, it would count as one.
      this.#addNew([...this.#hints].filter((name) => isNamed(join(this.#spool.pending, name))));
      this.#hints.clear();
    }
    this.#place(this.#putOff.takeDue(now));
    if (this.ready > WATCH_LIMIT) this.#unwatch();
  }

  /** Lists pending/ now. @returns how many new names it found, those that wait for the next listing included. */
  list(): number {
    const start = performance.now();
    this.#mustList = false;
    const mtime = mtimeOf(this.#spool.pending);
    // What comes within the same tick of the file system's clock leaves the mtime as it is.
    this.#listedMtime = !this.#watcher && Date.now() - mtime < TICK_MS ? Number.NaN : mtime;
    let { found, listed } = this.#look();
    // From a clock that was ahead: there is nothing to wait for.
    if (this.#leftOut > nowMicros()) ({ found, listed } = this.#look());
    // Where nothing watches, or not for long, only a listing brings what was left out.
    if (this.#leftOut > 0 && start - this.#watchedAt < TICK_MS) this.#mustList = true;
    this.#listedAt = performance.now();
    const cost = this.#listedAt - start;
    this.#listingCost = found * 2 > listed ? Math.min(cost, listed * KNOWN_NAME_MS) : cost;
    return found;
  }

  #look(): { found: number; listed: number } {
    // What the last look left out was there before this one.
    const trusted = Math.max(Date.now() * 1000, this.#leftOut);
    this.#leftOut = 0;
    this.#lanes.liftHorizons();
    const count = { found: 0, listed: 0 };
    let portion: string[] = [];
    const handOver = (): void => {
      count.found += this.#addNew(portion, trusted);
      portion = [];
    };
    forEachName(this.#spool.pending, (name) => {
      count.listed += 1;
      if (this.#lanes.isBeyondHorizon(name)) this.#noteSequence(name);
      else if (portion.push(name) >= this.#portion) handOver();
    });
    handOver();
    return count;
  }

  /**
   * Waits for an event, for the next name's time, or for a poll; at most `maxMs`. Of names that are expected it is told
   * a little later, with those that have come meanwhile.
   */
  async wait(maxMs: number, isExpected: (name: string) => boolean = () => false): Promise<void> {
    this.#rewatch();
    // Never without letting events in: our own unlinks change the mtime as well.
    if (this.#hints.size > 0 && !this.#mustList) return new Promise((done) => setImmediate(done));
    const now = performance.now();
    this.#isExpected = isExpected;
    const times = [maxMs, this.#pollMs, this.#putOff.next - now, this.#untilListing(now)];
    await this.#nap.sleep(Math.max(0, Math.min(...times)));
  }

  /** Waits for a poll and looks at nothing meanwhile: nothing is to be taken now. */
  async rest(): Promise<void> {
    this.#unwatch();
    this.#hints.clear();
    await this.#nap.sleep(this.#pollMs);
  }

  /** Ends a `wait` early. */
  interrupt(): void {
    this.#nap.end();
  }

  close(): void {
    this.#unwatch();
  }

  #untilListing(now: number): number {
    if (this.#lanes.isExhausted) return 0;
    const untilRested = this.#listedAt + this.#listingCost / LISTING_SHARE - now;
    if (this.#mustList) return untilRested;
    if (this.ready === 0 && this.#hints.size === 0)
      return mtimeOf(this.#spool.pending) === this.#listedMtime ? Number.POSITIVE_INFINITY : untilRested;
    const interval = this.#watcher ? SAFETY_INTERVAL_MS : this.#pollMs;
    return Math.max(untilRested, this.#listedAt + interval - now);
  }

  /** @returns how many of them were not known, those left out included: they are younger than `trusted`. */
  #addNew(names: readonly string[], trusted = Number.POSITIVE_INFINITY): number {
    const fresh: string[] = [];
    let leftOut = 0;
    for (const name of names) {
      if (this.#known.has(name)) continue;
      const micros = microsOf(name);
      if (micros > trusted) {
        this.#leftOut = Math.max(this.#leftOut, micros);
        leftOut += 1;
        continue;
      }
      this.#known.add(name);
      fresh.push(name);
      this.#noteSequence(name);
    }
    // What has no entry's name has no place in the order: takeOdd() hands it out, to be buried.
    const odd = fresh.filter((name) => !isEntryName(name));
    this.#place(odd.length === 0 ? fresh : fresh.filter(isEntryName));
    for (const name of odd) this.#oddNames.push(name);
    // The producer of a new one may have finished an older one since.
    if (fresh.length > 0) this.#putOff.hurryUnfinished();
    return fresh.length + leftOut;
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

  #rewatch(): void {
    if (this.#watcher || this.ready > WATCH_LIMIT) return;
    try {
      this.#watcher = watch(this.#spool.pending, { persistent: false }, (_event, name) =>
        this.#onEvent(name),
      );
      this.#watcher.on('error', () => this.#unwatch());
      this.#mustList = true;
      this.#watchedAt = performance.now();
    } catch (error) {
      // No inotify instance left, or none on this file system: polling goes on.
      if (codeOf(error) === undefined) throw error;
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#watchedAt = Number.POSITIVE_INFINITY;
  }

  #onEvent(name: string | null): void {
    if (name === null) this.#mustList = true;
    // An unfinished entry was written to: look again. A delayed one is looked at in vain, which costs one read.
    else if (this.#putOff.has(name)) this.#putOff.add(name, 0);
    else if (!this.#known.has(name)) this.#hints.add(name);
    if (name !== null && this.#isExpected(name)) this.#nap.endWithin(EXPECTED_MS);
    else this.#nap.end();
  }
}
