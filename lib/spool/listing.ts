/** Looking through a directory that may hold a million names. */
import { opendirSync, statSync } from 'node:fs';

/** Names read from a directory at a time. */
const PORTION = 4096;
/** Changes within one tick of the kernel's clock may leave the same mtime: 10 ms at HZ=100. */
const TICK_MS = 20;
/** Where an entry's name has its sequence number, in microseconds. */
const SEQUENCE = [3, 19] as const;

/**
 * Calls `visit` with each name, in no order. In portions: half the time of readdirSync, which sorts, and memory for
 * one portion.
 * @throws system errors; ENOENT when there is no such directory.
 */
export function forEachName(directory: string, visit: (name: string) => void): void {
  const handle = opendirSync(directory, { bufferSize: PORTION });
  try {
    for (let entry = handle.readSync(); entry !== null; entry = handle.readSync()) visit(entry.name);
  } finally {
    handle.closeSync();
  }
}

/**
 * A directory to which producers add entries while it is listed.
 *
 * A listing is no snapshot: of two files that were made one after the other meanwhile, it may show the second alone.
 * So names that are numbered later than a listing began are left to another one, which shows everything that was there
 * before such a name was first seen: a producer's entries never come before its earlier ones.
 */
export class GrowingDirectory {
  readonly #path: string;
  #mtime = 0;
  #isSettled = false;
  #left = 0;
  /** Names numbered later than the last listing began. */
  #ahead = new Set<string>();

  constructor(path: string) {
    this.#path = path;
  }

  /** Names that the last listing saw and left. */
  get left(): number {
    return this.#left;
  }

  /** True when nothing was added or removed since the last listing, as far as mtimes tell, and nothing was left. */
  get isAsListed(): boolean {
    return this.#isSettled && this.#left === 0 && this.#mtime === mtimeOf(this.#path);
  }

  /** For how long after the last listing it is of no use to list again, unless names were left. */
  get restMs(): number {
    return this.#isSettled || this.#left > 0 ? 0 : TICK_MS;
  }

  list(visit: (name: string) => void): void {
    const now = Date.now();
    this.#mtime = mtimeOf(this.#path);
    this.#isSettled = Math.abs(now - this.#mtime) > TICK_MS;
    this.#pass(String(now * 1000), '', visit);
    // At once, for what was left may come before the others. It need look only at names like those.
    if (this.#left > 0) this.#pass(String(Date.now() * 1000), String(now * 1000), visit);
  }

  #pass(began: string, from: string, visit: (name: string) => void): void {
    const seen = this.#ahead;
    this.#ahead = new Set();
    this.#left = 0;
    forEachName(this.#path, (name) => {
      const number = name.slice(...SEQUENCE);
      if (number < from) return;
      const isAhead = number >= began;
      if (isAhead) this.#ahead.add(name);
      if (isAhead && !seen.has(name)) this.#left += 1;
      else visit(name);
    });
  }

  /** Takes the last listing for out of date. */
  reset(): void {
    this.#mtime = 0;
  }
}

function mtimeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
