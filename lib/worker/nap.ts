/** A sleep that can be ended early. */
export class Nap {
  #done: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #endsAt = 0;

  async sleep(ms: number): Promise<void> {
    await new Promise<void>((done) => {
      this.#done = done;
      this.#endsAt = Number.POSITIVE_INFINITY;
      this.endWithin(ms);
    });
    clearTimeout(this.#timer);
    this.#done = undefined;
  }

  end(): void {
    this.#done?.();
  }

  /** Ends it in so many milliseconds, if it is not to end before. */
  endWithin(ms: number): void {
    const at = performance.now() + ms;
    if (!this.#done || at >= this.#endsAt) return;
    clearTimeout(this.#timer);
    this.#endsAt = at;
    this.#timer = setTimeout(this.#done, ms);
  }
}
