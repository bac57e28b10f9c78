/** Depths, throughput and latency of the last ten minutes: a sample a second, drawn by uPlot. */
import uPlot from 'uplot';
import { byId } from './dom.ts';
import { count, millis } from './format.ts';
import { colour } from './theme.ts';
import type { Report } from './types.ts';

const KEPT_S = 600;
/** A page that has just been opened shows this much. */
const LEAST_S = 60;
const HEIGHT = 150;

interface Line {
  readonly label: string;
  readonly colour: string;
  /** Lines are told apart by more than their colour. */
  readonly dash?: number[];
  readonly value: (report: Report) => number | null;
}

interface Kind {
  readonly lines: readonly Line[];
  /** A value of the legend. */
  readonly text: (value: number) => string;
  /** A value of the axis. */
  readonly tick: (value: number) => string;
  /** What may lie between two values of the axis. */
  readonly steps?: number[];
}

/** There is no half an entry. */
const WHOLE_STEPS = Array.from({ length: 10 }, (_, digits) => [1, 2, 5].map((n) => n * 10 ** digits)).flat();

const CHARTS: Readonly<Record<string, Kind>> = {
  'chart-depth': {
    lines: [
      { label: 'waiting', colour: '--blue', value: ({ depths }) => depths.pending + depths.processing },
      { label: 'failed', colour: '--red', dash: [6, 4], value: ({ depths }) => depths.failed },
    ],
    text: count,
    tick: short,
    steps: WHOLE_STEPS,
  },
  'chart-rate': {
    lines: [{ label: 'applied/s', colour: '--green', value: ({ appliedPerSecond }) => appliedPerSecond }],
    text: count,
    tick: short,
  },
  'chart-latency': {
    lines: [
      { label: 'p50', colour: '--blue', value: ({ latency }) => latency?.p50Ms ?? null },
      { label: 'p95', colour: '--violet', dash: [6, 4], value: ({ latency }) => latency?.p95Ms ?? null },
      { label: 'p99', colour: '--amber', dash: [2, 3], value: ({ latency }) => latency?.p99Ms ?? null },
    ],
    text: millis,
    tick: shortMillis,
  },
};

interface Chart {
  readonly plot: uPlot;
  readonly lines: readonly Line[];
  readonly values: (number | null)[][];
}

export class Charts {
  readonly #times: number[] = [];
  readonly #charts: Chart[];
  #colours = new Map<string, string>();
  #sampled = -1;
  #isBroken = false;

  constructor() {
    this.#charts = Object.entries(CHARTS).map(([id, kind]) => {
      const { lines } = kind;
      const values: (number | null)[][] = lines.map(() => []);
      const host = byId(id);
      const plot = new uPlot(this.#options(kind, host.clientWidth), [[], ...values], host);
      new ResizeObserver(([entry]) => {
        const width = Math.floor(entry?.contentRect.width ?? 0);
        if (width > 0 && width !== plot.width) plot.setSize({ width, height: HEIGHT });
      }).observe(host);
      return { plot, lines, values };
    });
  }

  /** Nothing is known of the time until the next sample: the lines have a gap there. */
  breakOff(): void {
    this.#isBroken = true;
  }

  /** Takes a sample, once a second. */
  add(report: Report): void {
    const now = Math.floor(Date.now() / 1000);
    // A clock that was set back begins anew: times must rise.
    if (now < this.#sampled) this.#clear();
    if (now === this.#sampled) return;
    // A second without a report (nothing has changed) has what was before it.
    const from = this.#sampled === -1 ? now : Math.max(this.#sampled + 1, now - KEPT_S);
    for (let at = from; at <= now; at++) {
      this.#times.push(at);
      for (const { lines, values } of this.#charts) {
        lines.forEach(({ value }, index) => {
          const own = values[index] as (number | null)[];
          own.push(at === now ? value(report) : this.#isBroken ? null : (own.at(-1) ?? null));
        });
      }
    }
    this.#sampled = now;
    this.#isBroken = false;
    const surplus = Math.max(0, this.#times.length - KEPT_S);
    this.#times.splice(0, surplus);
    for (const { plot, values } of this.#charts) {
      for (const own of values) own.splice(0, surplus);
      plot.setData([this.#times, ...values]);
    }
  }

  /** After another theme. */
  repaint(): void {
    this.#colours = new Map();
    for (const { plot } of this.#charts) plot.redraw(false, true);
    for (const { plot, lines } of this.#charts) {
      plot.root.querySelectorAll<HTMLElement>('.u-legend .u-marker').forEach((marker, index) => {
        // The first is the time's.
        const line = lines[index - 1];
        if (line) marker.style.borderColor = this.#colour(line.colour);
      });
    }
  }

  #clear(): void {
    this.#times.length = 0;
    for (const { values } of this.#charts) for (const own of values) own.length = 0;
    this.#sampled = -1;
  }

  #span(): [number, number] {
    const now = this.#sampled === -1 ? Math.floor(Date.now() / 1000) : this.#sampled;
    const shown = Math.min(KEPT_S, Math.max(LEAST_S, now - (this.#times[0] ?? now)));
    return [now - shown, now];
  }

  #colour(name: string): string {
    const known = this.#colours.get(name) ?? colour(name);
    this.#colours.set(name, known);
    return known;
  }

  #options({ lines, text, tick, steps }: Kind, width: number): uPlot.Options {
    const axis = {
      stroke: () => this.#colour('--soft'),
      grid: { stroke: () => this.#colour('--line'), width: 1 },
      ticks: { show: false },
      font: '11px system-ui, sans-serif',
    };
    return {
      width: Math.max(100, width),
      height: HEIGHT,
      padding: [8, 26, 0, 0],
      cursor: { drag: { x: false, y: false }, points: { size: 6 } },
      legend: { live: true },
      scales: {
        x: { range: () => this.#span() },
        y: { range: (_plot, _min, max) => [0, niceTop(max)] },
      },
      axes: [
        { ...axis, size: 24, space: 70, values: (_plot, splits) => splits.map(minute) },
        {
          ...axis,
          size: 52,
          space: 32,
          ...(steps ? { incrs: steps } : {}),
          values: (_plot, splits) => splits.map(tick),
        },
      ],
      series: [
        {
          label: 'time',
          value: (_plot, at) => (at === null ? '–' : new Date(at * 1000).toLocaleTimeString()),
        },
        ...lines.map(
          ({ label, colour: name, dash }): uPlot.Series => ({
            label,
            stroke: () => this.#colour(name),
            width: 1.5,
            ...(dash ? { dash } : {}),
            points: { show: false },
            // Without a cursor the legend has the last value.
            value: (plot, value, series, index) => {
              const shown = index === null ? plot.data[series]?.at(-1) : value;
              return shown === null || shown === undefined ? '–' : text(shown);
            },
          }),
        ),
      ],
    };
  }
}

function niceTop(max: number | null): number {
  return max === null || max <= 0 ? 1 : max * 1.1;
}

function minute(at: number): string {
  return new Date(at * 1000).toLocaleTimeString(undefined, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  });
}

function short(value: number): string {
  if (value >= 1e6) return `${value / 1e6}M`;
  if (value >= 1e4) return `${value / 1e3}k`;
  return String(value);
}

function shortMillis(value: number): string {
  const units = [
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1000, 's'],
    [1, 'ms'],
  ] as const;
  const [size, unit] = units.find(([least]) => value >= least) ?? [1, 'ms'];
  return value === 0 ? '0' : `${Number((value / size).toPrecision(3))} ${unit}`;
}
