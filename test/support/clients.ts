/** Clients of queue-serve that see their items through, whatever is killed; and what kills the worker. */
import assert from 'node:assert/strict';
import type { Random } from './faults.ts';
import { type Project, workerPid } from './project.ts';
import { logItems, push, type Server } from './serve.ts';

/** A client that goes on until all its items are in: after a failure the same items are pushed again, with their ids. */
export class Client {
  readonly sent: string[] = [];
  readonly name: string;
  readonly #random: Random;
  readonly #most: number;
  #isDone = false;
  failures = 0;

  /** @param most items in one push. */
  constructor(name: string, random: Random, most = 20) {
    this.name = name;
    this.#random = random;
    this.#most = most;
  }

  end(): void {
    this.#isDone = true;
  }

  /** @param server the server of the moment. */
  async run(server: () => Server, most: number): Promise<void> {
    while (!this.#isDone && this.sent.length < most) {
      const count = 1 + this.#random.below(this.#most);
      const texts = Array.from({ length: count }, (_, index) => `${this.name} ${this.sent.length + index}`);
      const items = texts.map((text) => ({ ...logItems([text])[0], id: text }));
      const window = this.#random.below(3) === 0 ? { bufferMs: this.#random.below(50), bufferMax: 100 } : {};
      await this.#pushAll(server, items, window);
      this.sent.push(...texts);
    }
  }

  async #pushAll(server: () => Server, items: readonly unknown[], window: object): Promise<void> {
    for (;;) {
      try {
        const reply = await push(server(), items, { ...window }, { 'x-source': this.name });
        assert.equal(reply.status, 200, reply.text);
        assert.equal(reply.body.pushed, items.length);
        return;
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        this.failures += 1;
        await new Promise((done) => setTimeout(done, 20));
      }
    }
  }
}

/** SIGKILL to the worker, if there is one. */
export function killWorker(self: Project): boolean {
  const pid = workerPid(self);
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
    return pid !== undefined;
  } catch {
    return false;
  }
}
