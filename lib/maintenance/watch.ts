/** queue-status --watch: the page again and again, with throughput. */
import { setTimeout as sleep } from 'node:timers/promises';
import sparkly from 'sparkly';
import { screenFor } from '../terminal/screen.ts';
import type { Paint } from '../terminal/text.ts';
import { renderPage, type Throughput } from './page.ts';
import type { StatusReport } from './status.ts';

export interface WatchOptions {
  readonly look: () => StatusReport;
  /** Seconds from one look to the next; a look that takes longer than that is followed by as long a rest. */
  readonly interval: number;
  readonly stream: NodeJS.WriteStream;
  readonly paint: Paint;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/** Shows pages until the signal. @throws what `look` throws; the terminal is then as it was. */
export async function watchStatus(options: WatchOptions): Promise<void> {
  const screen = await screenFor(options.stream, options.paint);
  const meter = new Meter();
  try {
    while (!options.signal.aborted) {
      const start = performance.now();
      const report = options.look();
      const throughput = meter.measure(report, performance.now());
      screen.show((style) => renderPage(report, style, throughput));
      const pause = Math.max(options.interval * 1000, performance.now() - start);
      await sleep(pause, undefined, { signal: options.signal }).catch(() => {});
    }
  } finally {
    screen.end();
  }
}

const HISTORY = 60;
/** A living worker writes its counters once a second. */
const NOTE_INTERVAL_MS = 1000;

/**
 * Entries a second, from the differences of `processed`. The worker writes that number down about once a second, so a
 * difference is counted over the time since the last change, and a look in between keeps the last rate.
 */
export class Meter {
  readonly #rates: number[] = [];
  #processed: number | undefined;
  #changedAt = 0;
  #rate = 0;

  /** @param now milliseconds of a clock that never goes back. */
  measure(report: StatusReport, now: number): Throughput {
    const { processed } = report.statistics;
    const difference = processed - (this.#processed ?? processed);
    // Less than before: the counters were reset.
    if (difference > 0) this.#rate = (difference / Math.max(1, now - this.#changedAt)) * 1000;
    else if (difference < 0 || now - this.#changedAt > 2 * NOTE_INTERVAL_MS) this.#rate = 0;
    if (difference !== 0 || this.#processed === undefined || this.#rate === 0) this.#changedAt = now;
    this.#processed = processed;
    this.#rates.push(this.#rate);
    if (this.#rates.length > HISTORY) this.#rates.shift();
    return { perSecond: this.#rate, sparkline: sparkly(this.#rates, { minimum: 0 }) };
  }
}
