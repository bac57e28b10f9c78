/** The window of pushes with buffer fields: until when, or until how many, the worker may wait for more of them. */
import { type DoorNote, MAX_WINDOW_MS } from '../spool/doors.ts';
import type { PushRequest } from './items.ts';

export class Gathering {
  readonly #note: DoorNote;
  #window = { until: 0, max: 0, count: 0 };

  constructor(note: DoorNote) {
    this.#note = note;
  }

  /** Call it before so many entries are published: the worker would take the first of them at once. */
  expect(window: PushRequest['window'], count: number): void {
    const now = Date.now();
    // Further ahead than any may be, the clock was set back.
    const isOpen = this.#window.until > now && this.#window.until <= now + MAX_WINDOW_MS;
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
}
