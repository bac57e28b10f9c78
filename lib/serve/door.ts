/**
 * The door: takes items in, writes them to the database or spools them, and says what became of each.
 *
 * Order is kept per source, a name that the client gives itself, within one priority. Requests of one source are served
 * one after the other. An item gets its name in the spool before anything else, so that those that are written
 * directly and those that are spooled have one order; and while something of a source is in pending/, what follows is
 * spooled as well: a direct write would overtake it. The same holds for all sources while entries of a door that was
 * killed are in pending/.
 *
 * Only these are written directly: items without buffer fields and without a job, whose operation is not paused.
 */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { messageOf, QueueError } from '../errors.ts';
import { DoorNote, FormerDoors } from '../spool/doors.ts';
import type { Spool } from '../spool/layout.ts';
import { type Pauses, pausesChanged, readPauses } from '../spool/pause.ts';
import { type Block, MAX_BLOCK, nameBlock, publishBlock } from '../spool/publish-many.ts';
import { openLog } from '../worker/log.ts';
import { ensureWorker } from '../worker/start.ts';
import { DirectWrites } from './direct.ts';
import type { DirectOutcome } from './direct-process.ts';
import type { Draft, Item, PushRequest } from './items.ts';
import { type NamedItem, registerAll, unregisterAll } from './job-items.ts';

export type ItemState = 'applied' | 'duplicate' | 'spooled' | 'failed' | 'refused';
export const ITEM_STATES: readonly ItemState[] = ['applied', 'duplicate', 'spooled', 'failed', 'refused'];

export interface ItemResult {
  /** The client's own, or null. */
  readonly id: string | null;
  readonly state: ItemState;
  /** The entry's name, in pending/, failed/ and the journal. */
  readonly name?: string;
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
}

export interface PushAnswer {
  /** How many are in the database or the spool. */
  readonly pushed: number;
  /** How many of these are in the spool alone. */
  readonly qos0: number;
  /** Some were spooled because the database could not be written to. */
  readonly failover: boolean;
  readonly dbHealthy: boolean;
  readonly results: readonly ItemResult[];
}

/** The event loop is let go on after so many entries. */
const SLICE = 100;
/** So many are told apart, and so many operations of each; the others are one. */
const MAX_SOURCES = 10_000;
const MAX_OPERATIONS = 100;
const OTHER_SOURCES = '\0';
/** What changes within one tick of the file system's clock leaves the mtime as it is. */
const TICK_MS = 50;

export class Door {
  readonly #config: Config;
  readonly #spool: Spool;
  readonly #former: FormerDoors;
  readonly #note: DoorNote;
  readonly #direct: DirectWrites;
  /** The last request of each source that is being served. */
  readonly #last = new Map<string, Promise<void>>();
  /** By source: the last names in pending/, by what may be applied apart. */
  readonly #spooled = new Map<string, Map<string, string>>();
  #window = { until: 0, max: 0, count: 0 };
  #pauses: { changed: number; value: Pauses } | undefined;
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
    this.#direct = new DirectWrites(config, spool);
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

  /** Call it when no request is being served. */
  close(): void {
    this.#direct.close();
    for (const source of [...this.#spooled.keys()]) this.#isDone(source);
    this.#note.shut();
    this.#note.close(this.#spooled.size === 0 && this.#former.areDone());
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
      const drafts = part.map(({ draft }) => draft);
      const fates = await this.#take(source, drafts, window);
      isFailover ||= fates.isFailover;
      part.forEach(({ index }, position) => {
        const fate = fates.results[position] as Omit<ItemResult, 'id'>;
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
    const results: Omit<ItemResult, 'id'>[] = [];
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
    if (pauses.all || !this.#former.areDone() || !this.#isClear(source)) return 0;
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
    results: Omit<ItemResult, 'id'>[],
  ): Promise<void> {
    if (left.length === 0) return;
    for (const index of left) delete results[index];
    if (!this.#config.useQueue) {
      for (const index of left) results[index] = unwritten(new Error(this.#direct.outage ?? 'it is busy'));
      return;
    }
    const items = left.flatMap((index): NamedItem[] => {
      const { job, id } = drafts[index] as Draft;
      return job === undefined ? [] : [{ job, id, name: block.names[index] as string }];
    });
    const refusedJobs = registerAll(this.#spool, items);
    const accepted = left.filter((index) => {
      const error = refusedJobs.get(drafts[index]?.job ?? '');
      if (error) results[index] = { state: 'refused', error: publicError(error) };
      return error === undefined;
    });
    if (accepted.length === 0) return;
    this.#gather(window, accepted.length);
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
        this.#noteSpooled(source, drafts[index] as Draft, name);
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
    const { projectRoot } = this.#config;
    ensureWorker(this.#spool, () => ({ ...process.env, CLAUDE_PROJECT_DIR: projectRoot }));
  }

  /** Before the entries are published: the worker would take the first of them at once. */
  #gather(window: PushRequest['window'], count: number): void {
    const now = Date.now();
    const isOpen = this.#window.until > now;
    if (!window && !isOpen) return;
    if (!isOpen) this.#window = { until: 0, max: 0, count: 0 };
    if (window && window.ms > 0) {
      const until = now + window.ms;
      this.#window.until = isOpen ? Math.min(this.#window.until, until) : until;
      this.#window.max = isOpen ? Math.min(this.#window.max, window.max) : window.max;
    }
    this.#window.count += count;
    // The worker counts as well, but it looks only when something comes.
    if (this.#window.count >= this.#window.max) this.#window.until = 0;
    try {
      if (this.#window.until === 0) this.#note.shut();
      else this.#note.gather(this.#window.until, this.#window.max);
    } catch {
      // A hint: without it the worker does not wait.
    }
  }

  #noteSpooled(source: string, { priority, operation }: Draft, name: string): void {
    // A client may call itself something else each time.
    if (!this.#spooled.has(source) && this.#spooled.size >= MAX_SOURCES) {
      for (const other of [...this.#spooled.keys()]) this.#isDone(other);
    }
    const owner = this.#spooled.has(source) || this.#spooled.size < MAX_SOURCES ? source : OTHER_SOURCES;
    const lasts = this.#spooled.get(owner) ?? new Map<string, string>();
    const key = `${priority} ${operation}`;
    lasts.set(lasts.has(key) || lasts.size < MAX_OPERATIONS ? key : `${priority}`, name);
    this.#spooled.set(owner, lasts);
  }

  #isClear(source: string): boolean {
    return this.#isDone(source) && this.#isDone(OTHER_SOURCES);
  }

  /** True when nothing of the source is in pending/. Of one priority and operation the last is applied last. */
  #isDone(source: string): boolean {
    const lasts = this.#spooled.get(source);
    for (const [key, name] of lasts ?? []) {
      if (lstatSync(join(this.#spool.pending, name), { throwIfNoEntry: false })) return false;
      lasts?.delete(key);
    }
    this.#spooled.delete(source);
    return true;
  }

  #readPauses(): Pauses {
    const changed = pausesChanged(this.#spool);
    if (this.#pauses?.changed === changed) return this.#pauses.value;
    const value = readPauses(this.#spool);
    this.#pauses = Date.now() - changed > TICK_MS ? { changed, value } : undefined;
    return value;
  }
}

interface ErrorText {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

interface Taken {
  readonly isFailover: boolean;
  readonly results: readonly Omit<ItemResult, 'id'>[];
}

function refused(item: Item): ItemResult {
  const message = 'problem' in item ? item.problem : '';
  return { id: item.id, state: 'refused', error: { code: 'BAD_ITEM', message } };
}

/** One that may go through later is spooled: the worker tries it again. */
function fateOf(outcome: DirectOutcome, name: string, { id }: Draft): Omit<ItemResult, 'id'> {
  // Its key is the client's or new: a new one is in the ledger when its process died before it could answer.
  if (outcome.kind === 'duplicate') return { state: id === undefined ? 'applied' : 'duplicate', name };
  if (outcome.kind === 'applied') return { state: 'applied', name };
  if (outcome.transient) return { state: 'spooled', name };
  return { state: 'failed', name, error: publicError(outcome.error) };
}

function publicError({ code, message, hint }: ErrorText): NonNullable<ItemResult['error']> {
  return { code, message, ...(hint === undefined ? {} : { hint }) };
}

/** Neither the database nor the spool has it. */
function unwritten(error: unknown): Omit<ItemResult, 'id'> {
  const known = error instanceof QueueError ? error : { code: 'DATABASE', message: messageOf(error) };
  return { state: 'failed', error: publicError(known) };
}
