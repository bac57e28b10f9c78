/** What a section of the benchmark returns: tables, targets and plots, as plain data (also the JSON of --json). */

export type Value = number | string | null;

export interface Column {
  readonly key: string;
  readonly label: string;
}

/** One measured system, or the reason why it was not measured. */
export interface Row {
  readonly name: string;
  readonly values?: Readonly<Record<string, Value>>;
  readonly notMeasured?: string;
}

export interface Table {
  readonly title: string;
  /** How it was measured, in a sentence or two. */
  readonly method: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}

/** A target of the project beside its figure. */
export interface Target {
  readonly what: string;
  readonly limit: string;
  readonly figure: string;
  readonly state: 'met' | 'NOT met' | 'not measured';
}

export interface Plot {
  /** File name without extension. */
  readonly file: string;
  readonly title: string;
  readonly kind: 'bar' | 'line';
  /** The unit of the values. */
  readonly unit: string;
  readonly log?: boolean;
  /** The category axis: names of systems, or sizes. */
  readonly categories: readonly string[];
  readonly series: readonly { readonly name: string; readonly values: readonly (number | null)[] }[];
}

export interface Result {
  readonly tables: readonly Table[];
  readonly targets: readonly Target[];
  readonly plots: readonly Plot[];
}

export interface Bound {
  readonly atMost?: number;
  readonly atLeast?: number;
  readonly below?: number;
  readonly unit: string;
}

/** A target and whether the figure meets it; without a figure it is not measured, for the reason given. */
export function target(what: string, figure: number | undefined, bound: Bound, why = 'not run'): Target {
  const { atMost, atLeast, below, unit } = bound;
  const [limit, ok] =
    atLeast !== undefined
      ? [`at least ${atLeast} ${unit}`, (value: number) => value >= atLeast]
      : atMost !== undefined
        ? [`at most ${atMost} ${unit}`, (value: number) => value <= atMost]
        : [`under ${below} ${unit}`, (value: number) => value < (below as number)];
  if (figure === undefined || Number.isNaN(figure))
    return { what, limit, figure: why, state: 'not measured' };
  return { what, limit, figure: `${short(figure)} ${unit}`, state: ok(figure) ? 'met' : 'NOT met' };
}

/** A number as it is printed: three significant digits, whole from 100 on. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 100 || Number.isInteger(value)) {
    return Math.round(value).toLocaleString('en-US').replaceAll(',', ' ');
  }
  return value.toPrecision(3);
}
