/**
 * What the model of the order is held against in process: the lanes with a list of names for a directory, and the
 * backlog on a real one.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spoolAt } from '../../lib/spool/layout.ts';
import { Lanes } from '../../lib/spool/order.ts';
import { Backlog } from '../../lib/worker/backlog.ts';

interface Settings {
  readonly aging: number;
  readonly limit: number;
}

/** What both subjects of the test are: something that holds names and gives out the next. */
export interface Subject {
  put(names: readonly string[]): void;
  /** Brings it up to date with all that is there. */
  list(): void;
  take(): string | undefined;
  /** After a `take` in vain: there may be more, which a listing would tell. */
  readonly needsListing: boolean;
  relist(): void;
  putBack(names: readonly string[]): void;
  putOff(name: string): void;
  resume(): void;
  /** The name was taken, and is done with. */
  settle(name: string): void;
  /** Somebody else took it away. */
  remove(name: string): void;
  restart(): void;
  peek(count: number): string[];
  readonly size: number;
}

export interface Clock {
  micros(): number;
  move(seconds: number): void;
}

/** Lanes with what their user does: it knows the names that are held, and lists when they ask for it. */
export class ListedLanes implements Subject {
  #lanes: Lanes;
  readonly #present = new Set<string>();
  readonly #known = new Set<string>();
  readonly #putOff = new Set<string>();
  readonly #make: () => Lanes;
  readonly #clock: Clock;

  constructor({ aging, limit }: Settings, clock: Clock) {
    this.#make = () => new Lanes(aging, limit);
    this.#lanes = this.#make();
    this.#clock = clock;
  }

  put(names: readonly string[]): void {
    for (const name of names) this.#present.add(name);
  }

  list(): void {
    this.#lanes.liftHorizons();
    const fresh = [...this.#present].filter((name) => !this.#known.has(name));
    // In portions and in no order, as a directory gives them.
    for (const portion of [fresh.filter((_, at) => at % 2 === 1), fresh.filter((_, at) => at % 2 === 0)]) {
      for (const name of portion) this.#known.add(name);
      this.putBack(portion);
    }
  }

  take(): string | undefined {
    return this.#lanes.take(this.#clock.micros());
  }

  get needsListing(): boolean {
    return this.#lanes.isExhausted;
  }

  relist(): void {
    this.list();
    assert.equal(this.#lanes.isExhausted, false, 'exhausted after a listing');
  }

  putBack(names: readonly string[]): void {
    for (const name of this.#lanes.add(names)) assert.ok(this.#known.delete(name), `${name} was not held`);
  }

  putOff(name: string): void {
    this.#putOff.add(name);
  }

  resume(): void {
    this.putBack([...this.#putOff]);
    this.#putOff.clear();
  }

  settle(name: string): void {
    this.#present.delete(name);
    this.#known.delete(name);
  }

  remove(name: string): void {
    this.settle(name);
  }

  restart(): void {
    this.#lanes = this.#make();
    this.#known.clear();
    this.#putOff.clear();
  }

  peek(count: number): string[] {
    return this.#lanes.peek(count);
  }

  get size(): number {
    return this.#lanes.size;
  }
}

/** The backlog on a directory of its own. */
export class ListedBacklog implements Subject {
  readonly #spool;
  readonly #make: () => Backlog;
  #backlog: Backlog;

  constructor({ aging, limit }: Settings, base: string) {
    this.#spool = spoolAt(base);
    mkdirSync(this.#spool.pending, { recursive: true });
    for (const name of readdirSync(this.#spool.pending)) unlinkSync(join(this.#spool.pending, name));
    this.#make = () => new Backlog(this.#spool, { pollInterval: 3600, aging }, Math.min(limit, 1000));
    this.#backlog = this.#make();
  }

  put(names: readonly string[]): void {
    for (const name of names) writeFileSync(join(this.#spool.pending, name), '');
  }

  list(): void {
    // What has a time after the clock was set back is not trusted at first sight.
    while (this.#backlog.list() > 0);
  }

  take(): string | undefined {
    return this.#backlog.take();
  }

  get needsListing(): boolean {
    return this.#backlog.hasMore;
  }

  /** Of itself: it is not told that a listing is due. */
  relist(): void {
    this.#backlog.refill();
    this.list();
  }

  putBack(names: readonly string[]): void {
    this.#backlog.putBack(names);
  }

  putOff(name: string): void {
    this.#backlog.putOffFor(name, 3_600_000);
  }

  resume(): void {
    this.#backlog.resumeAll();
  }

  settle(name: string): void {
    this.remove(name);
  }

  remove(name: string): void {
    unlinkSync(join(this.#spool.pending, name));
    this.#backlog.forget(name);
  }

  restart(): void {
    this.#backlog.reset();
  }

  peek(count: number): string[] {
    return this.#backlog.peek(count);
  }

  get size(): number {
    return this.#backlog.ready;
  }
}
