/**
 * Percentiles by nearest rank: p99 of 200 values is the 198th of them in order, a value that was really seen.
 * Nothing is dropped as an outlier.
 */
import type { Column, Row, Value } from './model.ts';

export interface Summary {
  readonly n: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export function summarize(values: readonly number[]): Summary {
  const sorted = Float64Array.from(values).sort();
  const rank = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
  return { n: sorted.length, p50: rank(0.5), p90: rank(0.9), p99: rank(0.99), max: rank(1) };
}

export function median(values: readonly number[]): number {
  return summarize(values).p50;
}

/** The columns of every table of times; the unit stands in the labels. */
export function timeColumns(unit: string, ...more: Column[]): Column[] {
  return [
    { key: 'p50', label: `p50 ${unit}` },
    { key: 'p90', label: `p90 ${unit}` },
    { key: 'p99', label: `p99 ${unit}` },
    { key: 'max', label: `max ${unit}` },
    { key: 'n', label: 'n' },
    { key: 'ratio', label: 'p50 ratio' },
    { key: 'of', label: 'to' },
    ...more,
  ];
}

/** A row of times; `base` is the no-op of the same kind that the ratio is taken to. */
export function timeRow(
  name: string,
  values: readonly number[],
  base?: { readonly name: string; readonly values: readonly number[] },
  more: Record<string, Value> = {},
): Row {
  if (values.length === 0) return { name, notMeasured: 'it gave no samples' };
  const summary = summarize(values);
  const ratio = base?.values.length ? summary.p50 / median(base.values) : null;
  return { name, values: { ...summary, ratio, of: ratio === null ? null : (base?.name ?? null), ...more } };
}
