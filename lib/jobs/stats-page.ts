/** queue-job stats as a page: a table by name, and the items over time as a plot, in a pipe as a table. */
import plot from 'simple-ascii-chart';
import { type PageStyle, paintLine } from '../terminal/line.ts';
import { type Column, fittingTable } from '../terminal/table.ts';
import { durationOf, rateOf } from './job-page.ts';
import type { JobStats, NameStats, Period } from './stats.ts';

const orDash = (value: number | null, text: (value: number) => string): string =>
  value === null ? '-' : text(value);

/** What is not nothing is not shown as nothing. */
function percentOf(share: number): string {
  return share > 0 && share < 0.001 ? '<0.1%' : `${(share * 100).toFixed(1)}%`;
}

const COLUMNS: readonly Column<NameStats>[] = [
  { head: 'name', align: 'l', text: ({ name }) => name || '(no name)', least: 8 },
  { head: 'jobs', align: 'r', text: ({ jobs }) => String(jobs) },
  { head: 'failed', align: 'r', text: ({ failed }) => String(failed), leave: 7 },
  { head: 'items', align: 'r', text: ({ items }) => String(items), leave: 2 },
  {
    head: 'failing',
    align: 'r',
    text: ({ failureRate }) => orDash(failureRate, percentOf),
    format: ({ failedItems }) => (failedItems > 0 ? 'red' : undefined),
    leave: 1,
  },
  { head: 'items/s', align: 'r', text: ({ perSecond }) => orDash(perSecond, rateOf), leave: 6 },
  { head: 'p50', align: 'r', text: ({ p50Seconds }) => orDash(p50Seconds, durationOf), leave: 3 },
  { head: 'p90', align: 'r', text: ({ p90Seconds }) => orDash(p90Seconds, durationOf), leave: 4 },
  { head: 'max', align: 'r', text: ({ maxSeconds }) => orDash(maxSeconds, durationOf), leave: 5 },
];

const PERIOD_COLUMNS: readonly Column<Period>[] = [
  { head: 'from (UTC)', align: 'l', text: ({ start }) => minuteOf(start) },
  { head: 'jobs', align: 'r', text: ({ jobs }) => String(jobs) },
  { head: 'items', align: 'r', text: ({ items }) => String(items) },
  { head: 'failed', align: 'r', text: ({ failedItems }) => String(failedItems) },
];

export function renderStats(stats: JobStats, style: PageStyle): string[] {
  if (stats.names.length === 0) return ['no job has ended'];
  const unit = stats.periodSeconds === 3600 ? 'hour' : 'day';
  return [
    ...fittingTable(COLUMNS, stats.names, style),
    '',
    paintLine([['bold', `Items per ${unit}`]], style),
    ...overTime(stats.periods, style),
  ];
}

const PLOT_ROWS = 8;
/** One of so few points is no curve. */
const MIN_PERIODS = 3;

function overTime(periods: readonly Period[], style: PageStyle): string[] {
  if (style.columns === Number.POSITIVE_INFINITY || periods.length < MIN_PERIODS || style.columns < 30) {
    return fittingTable(PERIOD_COLUMNS, periods, style);
  }
  const most = Math.max(...periods.map(({ items }) => items));
  const labels = shorten(most).length + 3;
  const width = Math.max(10, Math.min(100, style.columns - labels - 2));
  const points = sampled(periods, width).map(({ items }, index): [number, number] => [index, items]);
  const curve = plot(points, {
    width,
    height: PLOT_ROWS,
    yRange: [0, Math.max(1, most)],
    hideXAxisTicks: true,
    customYAxisTicks: [0, Math.max(1, most)],
    formatter: (value) => shorten(value),
  });
  const [first, last] = [periods[0] as Period, periods.at(-1) as Period];
  const ends = [minuteOf(first.start), minuteOf(last.start)] as const;
  const lines = curve.split('\n').filter((line) => line.trim() !== '');
  return [
    ...lines.map((line) => paintLine([['cyan', line.trimEnd()]], style)),
    paintLine(
      [['dim', `${ends[0]}${ends[1].padStart(Math.max(20, Math.min(style.columns, width + labels) - 16))}`]],
      style,
    ),
  ];
}

/** At most `count` periods: several become one. */
function sampled(periods: readonly Period[], count: number): Pick<Period, 'items'>[] {
  const step = Math.ceil(periods.length / count);
  if (step === 1) return [...periods];
  const groups: { items: number }[] = [];
  for (let at = 0; at < periods.length; at += step) {
    groups.push({ items: periods.slice(at, at + step).reduce((sum, { items }) => sum + items, 0) });
  }
  return groups;
}

function shorten(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  return value >= 1e4 ? `${Number((value / 1e3).toPrecision(3))}k` : String(Math.round(value));
}

/** 2026-01-31T18:00:00.000Z -> 2026-01-31 18:00 */
function minuteOf(iso: string): string {
  return iso.slice(0, 16).replace('T', ' ');
}
