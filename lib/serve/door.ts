/**
 * The door: takes items in, writes them to the database or spools them, and says what became of each.
 *
 * Order is kept per source, a name that the client gives itself, within one priority. Requests of one source are served
 * one after the other. An item gets its name in the spool before anything else, so that those that are written
 * directly and those that are spooled have one order; and while something of a source is in pending/, what follows is
 * spooled as well: a direct write would overtake it. The same holds for all sources while entries of a door that was
 * killed are in pending/.
 *
 * As long as the door is open, what it has spooled, or a killed one before it, has a worker, unless that was stopped.
 *
 * Only these are written directly: items without buffer fields and without a job, whose operation is not paused.
 */
import type { Config } from '../config.ts';
import { codeOf } from '../errors.ts';
import { DoorNote, FormerDoors } from '../spool/doors.ts';
import type { Spool } from '../spool/layout.ts';
import { type Pauses, pausesChanged, readPauses } from '../spool/pause.ts';
import { type Block, MAX_BLOCK, nameBlock, publishBlock } from '../spool/publish-many.ts';
import { openLog } from '../worker/log.ts';
import { livingWorker, readPresence } from '../worker/presence.ts';
import { ensureWorker } from '../worker/start.ts';
import { DirectWrites } from './direct.ts';
import { Gathering } from './gathering.ts';
import { leftInHand } from './in-hand.ts';
import type { Draft, Item, PushRequest } from './items.ts';
import { type NamedItem, registerAll, unregisterAll, withDueTimes } from './job-items.ts';
import {
  type Fate,
  fateOf,
  type ItemResult,
  type ItemState,
  type PushAnswer,
  publicError,
  refused,
  unwritten,
} from './results.ts';
import { Sources } from './sources.ts';

/** How often it is looked whether a worker is there for what was spooled. */
const KEEP_MS = 1000;
/** Requests that come within it share a look whether a worker is there. */
const WORKER_MS = 20;
/** The event loop is let go on after so many entries. */
const SLICE = 100;
/** What changes within one tick of the file system's clock leaves the mtime as it is. */
const TICK_MS = 50;

export class Door {
  readonly #config: Config;
  readonly #spool: Spool;
  readonly #former: FormerDoors;
  readonly #note: DoorNote;
  readonly #direct: DirectWrites;
  readonly #keeper: NodeJS.Timeout;
  #workerTimer: NodeJS.Timeout | undefined;
  #isWorkerDue = false;
  /** The last request of each source that is being served. */
  readonly #last = new Map<string, Promise<void>>();
  readonly #sources: Sources;
  readonly #gathering: Gathering;
  #pauses: { changed: number; value: Pauses } | undefined;
  /** A worker was there since the last push that was spooled. */
  #hasSeenWorker = false;
  /** Items by what became of them, since the start. */
  readonly counts: Record<ItemState, number> = {
    applied: 0,
    duplicate: 0,
    spooled: 0,
    failed: 0,
    refused: 0,
  };

  /** @throws QueueError SPOOL_UNSAFE; system errors. */
  constructor(config: Config, spool: Spool) {
    this.#config = config;
    this.#spool = spool;
    this.#former = new FormerDoors(spool);
    this.#note = new DoorNote(spool);
    this.#sources = new Sources(spool);
    this.#gathering = new Gathering(this.#note);
    this.#direct = new DirectWrites(config, spool);
    this.#keeper = setInterval(() => this.#keep(), KEEP_MS).unref();
    this.#keep();
    // One that was killed with its door.
    if (leftInHand(spool).length > 0) void this.#direct.write([]);
  }

  /** Why the database could not be written to when that was last tried. */
  get outage(): string | undefined {
    return this.#direct.outage;
  }

  /** Serves a request when those of its source that came before it are done. */
  async push(source: string, request: PushRequest): Promise<PushAnswer> {
    const before = this.#last.get(source);
    const served = (before ?? Promise.resolve()).then(() => this.#serve(source, request));
    const settled = served.then(
      () => {},
      () => {},
    );
    this.#last.set(source, settled);
    try {
      return await served;
    } finally {
      if (this.#last.get(source) === settled) this.#last.delete(source);
    }
  }

  /** Call it when no request comes any more; those whose clients were cut off may still be served. */
  async close(): Promise<void> {
    clearInterval(this.#keeper);
    await this.#direct.close();
    await Promise.all(this.#last.values());
    clearTimeout(this.#workerTimer);
    if (this.#isWorkerDue) this.#startWorker();
    this.#note.shut();
    this.#note.close(this.#sources.areDone() && this.#former.areDone());
  }

  async #serve(source: string, { items, window }: PushRequest): Promise<PushAnswer> {
    const results: ItemResult[] = [];
    const good: { index: number; draft: Draft }[] = [];
    items.forEach((item, index) => {
      if ('draft' in item) good.push({ index, draft: item.draft });
      results.push(refused(item));
    });
    let isFailover = false;
    for (let at = 0; at < good.length; at += MAX_BLOCK) {
      const part = good.slice(at, at + MAX_BLOCK);
      const drafts = withDueTimes(
        this.#spool,
        part.map(({ draft }) => draft),
      );
      const fates = await this.#take(source, drafts, window);
      isFailover ||= fates.isFailover;
      part.forEach(({ index }, position) => {
        const fate = fates.results[position] as Fate;
        results[index] = { id: (items[index] as Item).id, ...fate };
      });
    }
    for (const { state } of results) this.counts[state] += 1;
    const isIn = ({ state }: ItemResult): boolean => state !== 'failed' && state !== 'refused';
    return {
      pushed: results.filter(isIn).length,
      qos0: results.filter(({ state }) => state === 'spooled').length,
      failover: isFailover,
      dbHealthy: this.#direct.outage === undefined,
      results,
    };
  }

  /** A block of items, in order: the first of them directly, where that may be, the others into the spool. */
  async #take(source: string, drafts: readonly Draft[], window: PushRequest['window']): Promise<Taken> {
    let block: Block;
    try {
      block = nameBlock(this.#spool, drafts, (message) => openLog(this.#spool)('warn', message));
    } catch (error) {
      return { isFailover: false, results: drafts.map(() => unwritten(error)) };
    }
    const results: Fate[] = [];
    const mayTry = window === undefined || !this.#config.useQueue ? this.#directCount(source, drafts) : 0;
    const isWorthTrying = this.#direct.isWorthTrying;
    let isFailover = mayTry > 0 && !isWorthTrying;
    if (mayTry > 0 && isWorthTrying) {
      const items = block.names
        .slice(0, mayTry)
        .map((name, index) => ({ name, text: block.texts[index] as string }));
      const { outcomes } = await this.#direct.write(items);
      isFailover = outcomes.length < mayTry;
      outcomes.forEach((outcome, index) => {
        results.push(fateOf(outcome, block.names[index] as string, drafts[index] as Draft));
      });
    }
    const left = [...drafts.keys()].filter((index) => (results[index]?.state ?? 'spooled') === 'spooled');
    await this.#spoolAll(source, drafts, block, left, window, results);
    return { isFailover, results };
  }

  /** How many of the first drafts may be written directly. */
  #directCount(source: string, drafts: readonly Draft[]): number {
    if (!this.#config.useQueue) return drafts.length;
    const pauses = this.#readPauses();
    if (pauses.all || !this.#former.areDone() || !this.#sources.isDone(source)) return 0;
    const first = drafts.findIndex(
      ({ job, operation }) => job !== undefined || pauses.operations.includes(operation as string),
    );
    return first === -1 ? drafts.length : first;
  }

  /** Puts the entries at these places of the block into pending/. */
  async #spoolAll(
    source: string,
    drafts: readonly Draft[],
    block: Block,
    left: readonly number[],
    window: PushRequest['window'],
    results: Fate[],
  ): Promise<void> {
    if (left.length === 0) return;
    for (const index of left) delete results[index];
    if (!this.#config.useQueue) {
      for (const index of left) results[index] = unwritten(new Error(this.#direct.outage ?? 'it is busy'));
      return;
    }
    const items = left.flatMap((index): NamedItem[] => {
      const draft = drafts[index] as Draft;
      const { job } = draft;
      return job === undefined ? [] : [{ job, draft, name: block.names[index] as string }];
    });
    const refusedJobs = registerAll(this.#spool, items);
    const accepted = left.filter((index) => {
      const error = refusedJobs.get(drafts[index]?.job ?? '');
      if (error) results[index] = { state: 'refused', error: publicError(error) };
      return error === undefined;
    });
    if (accepted.length === 0) return;
    this.#gathering.expect(window, accepted.length);
    let failure: Error | undefined;
    for (let at = 0; at < accepted.length && !failure; at += SLICE) {
      if (at > 0) await new Promise((done) => setImmediate(done));
      const places = accepted.slice(at, at + SLICE);
      const names = places.map((index) => block.names[index] as string);
      const texts = places.map((index) => block.texts[index] as string);
      const published = publishBlock(this.#spool, { ...block, names, texts }, this.#config.durable);
      failure = published.error;
      for (const index of places.slice(0, published.count)) {
        const name = block.names[index] as string;
        results[index] = { state: 'spooled', name };
        this.#sources.note(source, drafts[index] as Draft, name);
      }
    }
    if (failure) {
      const rest = accepted.filter((index) => results[index] === undefined);
      for (const index of rest) results[index] = unwritten(failure);
      const names = new Set(rest.map((index) => block.names[index]));
      unregisterAll(
        this.#spool,
        items.filter(({ name }) => names.has(name)),
      );
    }
    this.#seeToWorker();
  }

  /** One that was killed a moment after its start is missed by the push that came in between. */
  #keep(): void {
    try {
      if (!this.#sources.areDone() || !this.#former.areDone()) this.#keepWorker();
      if (this.#direct.outage !== undefined && !this.#readPauses().all) this.#direct.probe();
    } catch (error) {
      // The spool can't be read now, or is gone: requests are told so.
      if (codeOf(error) === undefined) throw error;
    }
  }

  /**
   * One that was there and has said goodbye was stopped by hand, or leaves what is paused: another is started by the
   * next push that is spooled, as it is by any other write. One that was killed leaves its worker.pid.
   */
  #keepWorker(): void {
    if (livingWorker(this.#spool)) this.#hasSeenWorker = true;
    else if (!this.#hasSeenWorker || readPresence(this.#spool)) this.#seeToWorker();
  }

  /** At once, or when it has just been done, for all who ask meanwhile, in a moment. */
  #seeToWorker(): void {
    this.#isWorkerDue = true;
    if (this.#workerTimer) return;
    this.#startWorker();
    this.#workerTimer = setTimeout(() => {
      this.#workerTimer = undefined;
      if (this.#isWorkerDue) this.#seeToWorker();
    }, WORKER_MS);
  }

  #startWorker(): void {
    this.#hasSeenWorker = false;
    const { projectRoot } = this.#config;
    this.#isWorkerDue = false;
    ensureWorker(this.#spool, () => ({ ...process.env, CLAUDE_PROJECT_DIR: projectRoot }));
  }

  #readPauses(): Pauses {
    const changed = pausesChanged(this.#spool);
    if (this.#pauses?.changed === changed) return this.#pauses.value;
    const value = readPauses(this.#spool);
    this.#pauses = Date.now() - changed > TICK_MS ? { changed, value } : undefined;
    return value;
  }
}

interface Taken {
  readonly isFailover: boolean;
  readonly results: readonly Fate[];
}
