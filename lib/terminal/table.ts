/** Tables without borders: the same on a terminal and in a pipe, where columns are cut and sorted. */
import Table from 'cli-table3';
import type { Format, PageStyle } from './line.ts';
import { columnsOf, fit, printable } from './text.ts';

/**
 * Rows under a head, in columns two spaces apart, without borders.
 * @param align one letter a column: l or r.
 * @returns lines without trailing spaces.
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  align: string,
): string[] {
  const none = Object.fromEntries(EDGES.map((edge) => [edge, '']));
  const made = new Table({
    chars: none as Record<(typeof EDGES)[number], string>,
    head: [...head],
    colAligns: [...align].map((letter) => (letter === 'r' ? 'right' : 'left')),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
  made.push(...rows.map((row) => [...row]));
  return made
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
}

/** A column of a table that fits a terminal. */
export interface Column<Row> {
  readonly head: string;
  readonly align: 'l' | 'r';
  readonly text: (row: Row) => string;
  readonly format?: (row: Row) => Format | undefined;
  /** Where there is no room the column with the highest number is left out first; one without stays. */
  readonly leave?: number;
  /** It may be cut to so many columns before any other is left out. */
  readonly least?: number;
}

/** The same with columns that are cut or left out where the terminal is too narrow. */
export function fittingTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  style: PageStyle,
): string[] {
  const texts = new Map(columns.map((column) => [column, rows.map((row) => printable(column.text(row)))]));
  const widths = new Map(
    columns.map((column) => {
      const own = texts.get(column) as string[];
      return [column, own.reduce((width, text) => Math.max(width, columnsOf(text)), column.head.length)];
    }),
  );
  const kept = chosenColumns(columns, widths, style.columns);
  const lines = table(
    kept.map(({ head }) => head),
    rows.map((row, index) =>
      kept.map((column) => {
        const text = fit((texts.get(column) as string[])[index] as string, widths.get(column) as number);
        const format = column.format?.(row);
        return format === undefined ? text : style.paint(format, text);
      }),
    ),
    kept.map(({ align }) => align).join(''),
  );
  const [head = '', ...body] = lines;
  return [style.paint('bold', head), ...body];
}

/** Cuts widths, and returns the columns that then fit. */
function chosenColumns<Row>(
  columns: readonly Column<Row>[],
  widths: Map<Column<Row>, number>,
  limit: number,
): Column<Row>[] {
  let kept = [...columns];
  for (;;) {
    const needed = kept.reduce((sum, column) => sum + (widths.get(column) as number) + 2, -2);
    if (needed <= limit) return kept;
    const elastic = kept.find(({ least }) => least !== undefined);
    const width = elastic ? (widths.get(elastic) as number) : 0;
    if (elastic && width - (needed - limit) >= (elastic.least as number)) {
      widths.set(elastic, width - (needed - limit));
      return kept;
    }
    const first = kept
      .filter(({ leave }) => leave !== undefined)
      .sort((a, b) => (b.leave as number) - (a.leave as number))[0];
    if (!first) return kept;
    kept = kept.filter((column) => column !== first);
  }
}

const EDGES = [
  'top',
  'top-mid',
  'top-left',
  'top-right',
  'bottom',
  'bottom-mid',
  'bottom-left',
  'bottom-right',
  'left',
  'left-mid',
  'mid',
  'mid-mid',
  'right',
  'right-mid',
  'middle',
] as const;
