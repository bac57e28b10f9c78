/** `tsx scripts/fault-figures.ts FILE`: what a run of the fault suite did, as a table, from the lines tests wrote. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { table } from '../lib/terminal/table.ts';
import type { Figures } from '../test/support/faults.ts';

const COLUMNS: readonly (readonly [keyof Figures, string])[] = [
  ['entries', 'entries'],
  ['kills', 'kills'],
  ['faults', 'faults'],
  ['lost', 'lost'],
  ['duplicated', 'duplicated'],
  ['outOfOrder', 'out of order'],
];

type Line = Figures & { seed: number; file: string };

const lines = readFileSync(process.argv[2] as string, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Line);
const sum = (of: readonly Line[]): string[] =>
  COLUMNS.map(([key]) => of.reduce((total, line) => total + line[key], 0).toLocaleString('en'));
const seeds = lines.map((line) => line.seed);
const files = Map.groupBy(lines, (line) => basename(line.file, '.test.ts'));
const rows = [...files].sort().map(([name, of]) => [name, ...sum(of)]);
const [first, last] = [Math.min(...seeds), Math.max(...seeds)];
const all = first === last ? `all, seed ${first}` : `all, seeds ${first} to ${last}`;
const page = table(
  ['fault suite', ...COLUMNS.map(([, head]) => head)],
  [...rows, [all, ...sum(lines)]],
  `l${'r'.repeat(COLUMNS.length)}`,
);
process.stdout.write(`\n${page.join('\n')}\n`);
