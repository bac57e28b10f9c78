/** What a worker writes down now and then: its counters for queue-status, and the sequence floor for producers. */
import { codeOf } from '../errors.ts';
import type { Spool } from '../spool/layout.ts';
import { raiseFloor } from '../spool/sequence.ts';
import { type Stats, writeStats } from '../spool/stats.ts';
import type { Backlog } from './backlog.ts';

/** How often while there is work. */
const INTERVAL_MS = 1000;

export class Notebook {
  readonly #spool: Spool;
  readonly #stats: Stats;
  readonly #backlog: Pick<Backlog, 'highest'>;
  #notedAt = Number.NEGATIVE_INFINITY;
  #notedText = '';
  #notedFloor = 0;

  constructor(spool: Spool, stats: Stats, backlog: Pick<Backlog, 'highest'>) {
    this.#spool = spool;
    this.#stats = stats;
    this.#backlog = backlog;
  }

  /**
   * Writes down counters and floor, unless that was done in the last `interval` milliseconds. Counters are no accounts:
   * a full disk must not stop the work for their sake.
   */
  tryToNote(interval = INTERVAL_MS): void {
    try {
      this.#note(interval);
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
    }
  }

  #note(interval: number): void {
    const now = performance.now();
    if (now - this.#notedAt < interval) return;
    this.#notedAt = now;
    const text = JSON.stringify(this.#stats);
    if (text !== this.#notedText) writeStats(this.#spool, this.#stats);
    this.#notedText = text;
    if (this.#backlog.highest <= this.#notedFloor) return;
    raiseFloor(this.#spool, this.#backlog.highest);
    this.#notedFloor = this.#backlog.highest;
  }
}
