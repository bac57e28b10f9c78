/** What the door has spooled of each source, and whether that is still in pending/. */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { Spool } from '../spool/layout.ts';
import type { Draft } from './items.ts';

/** So many are told apart, and so many operations of each; the others are one. */
const MAX_SOURCES = 10_000;
const MAX_OPERATIONS = 100;
const OTHERS = '\0';

export class Sources {
  readonly #spool: Spool;
  /** By source: the last names in pending/, by what may be applied apart. */
  readonly #spooled = new Map<string, Map<string, string>>();

  constructor(spool: Spool) {
    this.#spool = spool;
  }

  note(source: string, { priority, operation }: Draft, name: string): void {
    // A client may call itself something else each time.
    if (!this.#spooled.has(source) && this.#spooled.size >= MAX_SOURCES) this.areDone();
    const owner = this.#spooled.has(source) || this.#spooled.size < MAX_SOURCES ? source : OTHERS;
    const lasts = this.#spooled.get(owner) ?? new Map<string, string>();
    const key = `${priority} ${operation}`;
    lasts.set(lasts.has(key) || lasts.size < MAX_OPERATIONS ? key : `${priority}`, name);
    this.#spooled.set(owner, lasts);
  }

  /** True when nothing of the source is in pending/. */
  isDone(source: string): boolean {
    return this.#isGone(source) && this.#isGone(OTHERS);
  }

  /** True when nothing of any source is. */
  areDone(): boolean {
    for (const source of [...this.#spooled.keys()]) this.#isGone(source);
    return this.#spooled.size === 0;
  }

  /** All of it has left pending/. Of one priority and operation the last is applied last. */
  #isGone(source: string): boolean {
    const lasts = this.#spooled.get(source);
    for (const [key, name] of lasts ?? []) {
      if (lstatSync(join(this.#spool.pending, name), { throwIfNoEntry: false })) return false;
      lasts?.delete(key);
    }
    this.#spooled.delete(source);
    return true;
  }
}
