/** How queue-failed shows dead letters. Everything that came from an entry is escaped. */
import { exactJson } from '../exact-json.ts';
import type { Entry } from '../spool/entry.ts';
import type { Letter } from '../spool/letters.ts';
import { table } from '../terminal/table.ts';
import { columnsOf, fit, printable, printableBytes, printableLines } from '../terminal/text.ts';

/** A longer value of a parameter is cut on the page; --json has all of it. */
const MAX_VALUE = 2000;

/** A letter as `--json` prints it. */
export interface LetterReport {
  readonly name: string;
  readonly kind: 'entry' | 'raw';
  readonly operation: string | null;
  readonly priority: number | null;
  /** ISO 8601, UTC. */
  readonly failedAt: string;
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  /** The whole entry as spooled, without its error; null for a raw letter. */
  readonly entry: Omit<Entry, 'error'> | null;
  /** The first 256 bytes of a raw letter, what is not printable escaped; null when it is no file. */
  readonly start: string | null;
}

export function reportLetter({ name, error, entry, start, failedAt }: Letter): LetterReport {
  const { error: _error, ...rest } = entry ?? {};
  return {
    name,
    kind: entry ? 'entry' : 'raw',
    operation: entry?.operation ?? null,
    priority: entry?.priority ?? null,
    failedAt: new Date(failedAt).toISOString(),
    code: error.code,
    message: error.message,
    hint: error.hint ?? null,
    entry: entry ? (rest as Omit<Entry, 'error'>) : null,
    start: start ? printableBytes(start) : null,
  };
}

/** One line a letter; the message is cut so that lines take no more than `columns`. */
export function letterTable(letters: readonly Letter[], columns: number): string[] {
  const rows = letters.map(({ name, error, entry, failedAt }) => [
    printable(name),
    entry ? fit(printable(entry.operation), 30) : '(unreadable)',
    entry ? String(entry.priority) : '',
    `${new Date(failedAt).toISOString().slice(0, 19)}Z`,
    printable(error.code),
    printable(error.message),
  ]);
  const head = ['Name', 'Operation', 'Prio', 'Failed', 'Code', 'Message'];
  return table(head, rows, 'llrlll').map((line) => (columnsOf(line) > columns ? fit(line, columns) : line));
}

/** All there is to know of one letter. */
export function letterPage(letter: Letter): string[] {
  const { name, error, entry, start, failedAt } = letter;
  const lines = [
    `Name:       ${printable(name)}`,
    `Failed:     ${new Date(failedAt).toISOString()}`,
    `Error:      ${printable(error.code)}: ${printable(error.message)}`,
    ...(error.hint === undefined ? [] : [`Hint:       ${printable(error.hint)}`]),
  ];
  if (!entry) {
    const bytes = start ? printableBytes(start) : '(not a regular file)';
    return [...lines, 'It is kept as it was found. It begins with:', `  ${bytes}`];
  }
  return [
    ...lines,
    `Operation:  ${printable(entry.operation)}`,
    `Priority:   ${entry.priority}`,
    `Created:    ${printable(String(entry.created_at))}`,
    `Retries:    ${entry.retries}`,
    ...(['id', 'db', 'schema', 'job'] as const).flatMap((key) => {
      const value = entry[key];
      return value === undefined ? [] : [`${`${key}:`.padEnd(12)}${printable(value)}`];
    }),
    'SQL:',
    ...printableLines(entry.sql).map((line) => `  ${line}`),
    ...valueLines('Parameters:', entry.params ?? {}),
    ...valueLines('Metadata:', entry.metadata),
  ];
}

function valueLines(title: string, values: object): string[] {
  const entries = Object.entries(values);
  if (entries.length === 0) return [];
  return [
    title,
    ...entries.map(([key, value]) => `  ${printable(key)} = ${cut(printable(exactJson(value)))}`),
  ];
}

function cut(text: string): string {
  return text.length <= MAX_VALUE
    ? text
    : `${text.slice(0, MAX_VALUE)}… (${text.length} characters; see --json)`;
}
