/**
 * queue-status --watch: the page again and again, with throughput.
 *
 * On a terminal it is redrawn in place: only lines that have changed are written, in one synchronized update, with the
 * cursor hidden meanwhile. In a pipe each page follows the last one after a blank line, without escape codes. However
 * it ends, the cursor is shown again and the last page stays on the screen.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { createLogUpdate } from 'log-update';
import sparkly from 'sparkly';
import { renderPage, type Throughput } from './page.ts';
import type { StatusReport } from './status.ts';
import { columnsOf, type Paint, plain } from './text.ts';

export interface WatchOptions {
  readonly look: () => StatusReport;
  /** Seconds from one look to the next; a look that takes longer than that is followed by as long a rest. */
  readonly interval: number;
  readonly stream: NodeJS.WriteStream;
  readonly paint: Paint;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

const SHOW_CURSOR = '\u001b[?25h';
const HIDE_CURSOR = '\u001b[?25l';
const ERASE_BELOW = '\u001b[J';

/** Shows pages until the signal. @throws what `look` throws; the terminal is then as it was. */
export async function watchStatus(options: WatchOptions): Promise<void> {
  const screen = options.stream.isTTY ? terminalScreen(options) : pipeScreen(options.stream);
  const meter = new Meter();
  try {
    while (!options.signal.aborted) {
      const start = performance.now();
      const report = options.look();
      screen.show(report, meter.measure(report, performance.now()));
      const pause = Math.max(options.interval * 1000, performance.now() - start);
      await sleep(pause, undefined, { signal: options.signal }).catch(() => {});
    }
  } finally {
    screen.end();
  }
}

interface Screen {
  show(report: StatusReport, throughput: Throughput): void;
  end(): void;
}

function pipeScreen(stream: NodeJS.WriteStream): Screen {
  let isFirst = true;
  return {
    show(report, throughput) {
      const page = renderPage(report, { paint: plain, columns: Number.POSITIVE_INFINITY }, throughput);
      stream.write(`${isFirst ? '' : '\n'}${page.join('\n')}\n`);
      isFirst = false;
    },
    end() {},
  };
}

function terminalScreen({ stream, paint }: WatchOptions): Screen {
  // It would write its cursor commands to stderr, which may be elsewhere.
  const update = createLogUpdate(stream, { showCursor: true });
  let last: { report: StatusReport; throughput: Throughput; widths: number[] } | undefined;
  const draw = (report: StatusReport, throughput: Throughput): void => {
    const style = { paint, columns: stream.columns };
    // The last row is the cursor's; what does not fit below is left out rather than scrolled.
    const lines = renderPage(report, style, throughput).slice(0, Math.max(1, stream.rows - 1));
    update(lines.join('\n'));
    last = { report, throughput, widths: lines.map((line) => columnsOf(stripVTControlCharacters(line))) };
  };
  /** A narrower terminal has broken the old lines into more rows than were written: go up over all of them. */
  const redraw = (): void => {
    if (!last) return;
    const rows = last.widths.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / stream.columns)), 0);
    stream.write(`\r\u001b[${Math.min(rows, stream.rows)}A${ERASE_BELOW}`);
    update.done();
    draw(last.report, last.throughput);
  };
  const restore = (): void => {
    stream.write(SHOW_CURSOR);
  };
  stream.write(HIDE_CURSOR);
  stream.on('resize', redraw);
  process.on('exit', restore);
  return {
    show: draw,
    end() {
      // Over the ^C that the terminal has echoed.
      stream.write(`\r${ERASE_BELOW}`);
      stream.off('resize', redraw);
      process.off('exit', restore);
      update.done();
      restore();
    },
  };
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
