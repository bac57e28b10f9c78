/** Tables without borders: the same on a terminal and in a pipe, where columns are cut and sorted. */
import Table from 'cli-table3';

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
