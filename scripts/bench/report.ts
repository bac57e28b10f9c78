/** The tables on the terminal; in colour and with lines on a terminal, plain when piped. */
import Table from 'cli-table3';
import { table as plain } from '../../lib/terminal/table.ts';
import { type Result, short, type Table as TableData, type Target } from './model.ts';

export function resultText(title: string, result: Result, isTerminal: boolean): string {
  const parts = [`\n${heading(title, isTerminal)}`];
  for (const table of result.tables) parts.push(tableText(table, isTerminal));
  if (result.targets.length > 0) parts.push(targetsText(result.targets, isTerminal));
  return `${parts.join('\n')}\n`;
}

function tableText(data: TableData, isTerminal: boolean): string {
  const head = ['', ...data.columns.map((column) => column.label)];
  const aligns = ['l', ...data.columns.map(({ key }) => (key === 'of' ? 'l' : 'r'))].join('');
  const rows: string[][] = [];
  const missing: string[] = [];
  for (const row of data.rows) {
    if (row.values === undefined) {
      missing.push(`  ${row.name}: not measured: ${row.notMeasured ?? 'unknown'}`);
      continue;
    }
    rows.push([row.name, ...data.columns.map(({ key }) => cell(row.values?.[key]))]);
  }
  const body = rows.length === 0 ? '' : `${(isTerminal ? ruled : plain)(head, rows, aligns).join('\n')}\n`;
  return `\n${data.title}\n${wrapped(data.method)}\n${body}${missing.map((line) => `${line}\n`).join('')}`;
}

export function targetsText(targets: readonly Target[], isTerminal: boolean): string {
  const lines = targets.map(
    ({ what, limit, figure, state }) => `  ${mark(state, isTerminal)}  ${what}: ${figure} (target: ${limit})`,
  );
  return `Targets\n${lines.join('\n')}`;
}

function mark(state: Target['state'], isTerminal: boolean): string {
  const text = state.padEnd(12);
  if (!isTerminal) return text;
  const colour = { met: 32, 'NOT met': 31, 'not measured': 33 }[state];
  return `\x1b[${colour}m${text}\x1b[0m`;
}

function heading(title: string, isTerminal: boolean): string {
  return isTerminal ? `\x1b[1m${title}\x1b[0m` : `${title}\n${'='.repeat(title.length)}`;
}

function cell(value: number | string | null | undefined): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'number' ? short(value) : value;
}

/** As `table` of lib/maintenance, with lines between the cells. */
function ruled(head: readonly string[], rows: readonly string[][], aligns: string): string[] {
  const made = new Table({
    head: [...head],
    colAligns: [...aligns].map((letter) => (letter === 'r' ? 'right' : 'left')),
    style: { head: [], border: [] },
  });
  made.push(...rows);
  return made.toString().split('\n');
}

function wrapped(text: string, width = 110): string {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1] as string;
    if (last.length + word.length + 1 > width) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines.join('\n');
}
