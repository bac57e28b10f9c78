/** mulberry32, seeded with FNV-1a of a text: small, and good enough to choose with. */
export class Random {
  #state: number;

  constructor(text: string) {
    let hash = 0x811c9dc5;
    for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) as number), 0x01000193);
    this.#state = hash >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error('there is nothing to choose from');
    return list[this.below(list.length)] as T;
  }

  /** `count` of them in the order they stand in, or all when there are fewer. */
  sample<T>(list: readonly T[], count: number): T[] {
    const order = this.shuffle(list.map((_, index) => index)).slice(0, count);
    return order.sort((a, b) => a - b).map((index) => list[index] as T);
  }

  shuffle<T>(list: readonly T[]): T[] {
    const order = [...list];
    for (let i = order.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [order[i], order[j]] = [order[j] as T, order[i] as T];
    }
    return order;
  }
}
