/** Names of entries that are not to be looked at before a time of their own: delayed, retried, not finished yet. */
export class PutOff {
  /** By the time (performance.now) to look again. */
  readonly #times = new Map<string, number>();
  /** Those whose writers had not finished. */
  readonly #unfinished = new Set<string>();
  #next = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.#times.size;
  }

  /** The earliest of the times; infinite when there is none. */
  get next(): number {
    return this.#next;
  }

  has(name: string): boolean {
    return this.#times.has(name);
  }

  add(name: string, at: number): void {
    this.#times.set(name, at);
    this.#next = Math.min(this.#next, at);
  }

  addUnfinished(name: string, at: number): void {
    this.#unfinished.add(name);
    this.add(name, at);
  }

  /** The time of all that are unfinished is now. */
  hurryUnfinished(): void {
    for (const name of this.#unfinished) this.add(name, 0);
  }

  /** Takes out those whose time has come. */
  takeDue(now: number): string[] {
    const due: string[] = [];
    if (now < this.#next) return due;
    this.#next = Number.POSITIVE_INFINITY;
    for (const [name, at] of this.#times) {
      if (at <= now) due.push(name);
      else this.#next = Math.min(this.#next, at);
    }
    for (const name of due) {
      this.#times.delete(name);
      this.#unfinished.delete(name);
    }
    return due;
  }

  clear(): void {
    this.#times.clear();
    this.#unfinished.clear();
    this.#next = Number.POSITIVE_INFINITY;
  }
}
