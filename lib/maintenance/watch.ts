/** queue-status --watch: the page again and again, with throughput. */
import sparkly from 'sparkly';
import { type WatchOptions, watchPages } from '../terminal/watch.ts';
import { renderPage, type Throughput } from './page.ts';
import type { StatusReport } from './status.ts';

/** Shows pages until the signal. @throws what `look` throws; the terminal is then as it was. */
export async function watchStatus(look: () => StatusReport, options: WatchOptions): Promise<void> {
  const meter = new Meter();
  await watchPages(() => {
    const report = look();
    const throughput = meter.measure(report, performance.now());
    return { render: (style) => renderPage(report, style, throughput), isLast: false };
  }, options);
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
