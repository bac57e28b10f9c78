/** A sleep that can be ended early. */
export class Nap {
  #end: (() => void) | undefined;

  async sleep(ms: number): Promise<void> {
    await new Promise<void>((done) => {
      const timer = setTimeout(done, ms);
      this.#end = () => {
        clearTimeout(timer);
        done();
      };
    });
    this.#end = undefined;
  }

  end(): void {
    this.#end?.();
  }
}
