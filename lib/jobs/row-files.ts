/**
 * Files of rows, cut into rows as they stream: JSON lines, CSV (RFC 4180) and the same with tabs.
 *
 * Nothing is looked at but where rows begin and end. What can't be told apart is a broken row; after a broken quote of a
 * CSV file nothing can. Empty lines are passed over, CRLF and LF are ends of lines alike, the last line needs none, and
 * a byte order mark is no part of the first row. Memory holds a piece of the file and the longest row.
 */
import { createReadStream, fstatSync, openSync, type Stats } from 'node:fs';
import { extname, resolve } from 'node:path';
import { Parser } from 'csv-parse';
import { codeOf, messageOf, QueueError } from '../errors.ts';
import { MAX_ENTRY_BYTES } from '../spool/entry.ts';

export const FORMATS = ['jsonl', 'csv', 'tsv'] as const;
export type Format = (typeof FORMATS)[number];

/** One row, not yet decoded. */
export interface RawRow {
  /** The line it begins in, from 1. */
  readonly line: number;
  /** One field for a line of JSON, one for each column of CSV. */
  readonly fields: readonly Buffer[];
  /** Why it is no row; completes "line 7: ...". */
  readonly broken?: string;
  /** Where the next row begins can't be told. */
  readonly isLast?: boolean;
}

export interface RowFile {
  /** What it is called in messages. */
  readonly name: string;
  /** The absolute path; '-' for standard input. */
  readonly path: string;
  readonly format: Format;
  /** Bytes; undefined for a pipe. */
  readonly size: number | undefined;
  /** To tell whether another is the same file. */
  readonly stat: Stats;
  /** Its rows, some at a time, and how many bytes were read for them; call it once. */
  read(): AsyncGenerator<{ rows: RawRow[]; bytes: number }>;
}

const EXTENSIONS: Readonly<Record<string, Format>> = {
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.json': 'jsonl',
  '.csv': 'csv',
  '.tsv': 'tsv',
};
const PIECE = 64 * 1024;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

/**
 * Opens a file of rows, '-' for standard input.
 * @throws QueueError USAGE when it can't be read, is none, or its format is not known.
 */
export function openRows(file: string, format?: Format): RowFile {
  const isInput = file === '-';
  const name = isInput ? 'standard input' : file;
  const known = format ?? EXTENSIONS[extname(file).toLowerCase()];
  if (!known) {
    throw new QueueError('USAGE', `the format of the rows in ${name} is not known`, {
      hint: `Say --format ${FORMATS.join(' or ')}.`,
    });
  }
  let fd = 0;
  let stat: Stats;
  try {
    if (!isInput) fd = openSync(file, 'r');
    stat = fstatSync(fd);
  } catch (error) {
    throw new QueueError('USAGE', `the rows in ${name} can't be read: ${messageOf(error)}`);
  }
  if (stat.isDirectory()) throw new QueueError('USAGE', `the rows can't be read: ${name} is a directory`);
  const pieces = piecesOf(fd, name);
  return {
    name,
    path: isInput ? '-' : resolve(file),
    format: known,
    size: stat.isFile() ? stat.size : undefined,
    stat,
    read: () => (known === 'jsonl' ? readLines(pieces) : readCsv(pieces, known === 'csv' ? ',' : '\t')),
  };
}

interface Piece {
  readonly bytes: Buffer;
  /** Read up to here. */
  readonly end: number;
}

async function* piecesOf(fd: number, name: string): AsyncGenerator<Piece> {
  let end = 0;
  const stream = createReadStream('', { fd, highWaterMark: PIECE, autoClose: fd !== 0 });
  try {
    for await (const bytes of stream as AsyncIterable<Buffer>) {
      const isFirst = end === 0;
      end += bytes.length;
      yield { bytes: isFirst ? withoutMark(bytes, name) : bytes, end };
    }
  } catch (error) {
    if (codeOf(error) === undefined || error instanceof QueueError) throw error;
    throw new QueueError('USAGE', `the rows in ${name} can't be read on: ${messageOf(error)}`);
  }
}

function withoutMark(bytes: Buffer, name: string): Buffer {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return bytes.subarray(3);
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    throw new QueueError('USAGE', `the rows in ${name} are UTF-16`, { hint: 'Convert them with iconv.' });
  }
  return bytes;
}

async function* readLines(pieces: AsyncIterable<Piece>): AsyncGenerator<{ rows: RawRow[]; bytes: number }> {
  let line = 1;
  let parts: Buffer[] = [];
  let length = 0;
  const take = (part: Buffer): void => {
    length += part.length;
    // What is too long for an entry is passed over, and not kept to find that out.
    if (length > MAX_ENTRY_BYTES) parts = [];
    else parts.push(part);
  };
  const finish = (): RawRow[] => {
    const bytes = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    const row = { line: line++, fields: [bytes] };
    const isTooLong = length > MAX_ENTRY_BYTES;
    parts = [];
    length = 0;
    if (isTooLong) return [{ ...row, broken: `is longer than the ${MAX_ENTRY_BYTES} bytes of an entry` }];
    return isBlank(bytes) ? [] : [row];
  };
  let end = 0;
  for await (const piece of pieces) {
    const rows: RawRow[] = [];
    const { bytes } = piece;
    end = piece.end;
    let from = 0;
    for (let to = bytes.indexOf(NEWLINE); to !== -1; to = bytes.indexOf(NEWLINE, from)) {
      take(bytes.subarray(from, to));
      rows.push(...finish());
      from = to + 1;
    }
    if (from < bytes.length) take(bytes.subarray(from));
    yield { rows, bytes: end };
  }
  if (length > 0) yield { rows: finish(), bytes: end };
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === RETURN);
}

async function* readCsv(
  pieces: AsyncIterable<Piece>,
  delimiter: string,
): AsyncGenerator<{ rows: RawRow[]; bytes: number }> {
  let line = 1;
  let empty = 0;
  let rows: RawRow[] = [];
  const parser = new Parser({
    // Bytes: a row that is no UTF-8 is to be told from one that holds U+FFFD.
    encoding: null,
    delimiter,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: MAX_ENTRY_BYTES,
    on_record(record: unknown, { empty_lines }) {
      const fields = record as Buffer[];
      line += empty_lines - empty;
      empty = empty_lines;
      rows.push({ line, fields });
      line += 1;
      for (const field of fields) line += newlinesIn(field);
      // It is taken: the stream itself delivers nothing.
      return null;
    },
  });
  parser.on('error', () => {}).resume();
  const step = (run: (done: (error?: Error | null) => void) => void): Promise<Error | undefined> =>
    new Promise((done) => {
      parser.once('error', done);
      run((error) => {
        parser.off('error', done);
        done(error ?? undefined);
      });
    });
  let end = 0;
  for await (const piece of pieces) {
    end = piece.end;
    const error = await step((done) => parser.write(piece.bytes, done));
    if (error) rows.push(brokenRow(line, error));
    yield { rows, bytes: end };
    if (error) return;
    rows = [];
  }
  const error = await step((done) => parser.end(done));
  if (error) rows.push(brokenRow(line, error));
  yield { rows, bytes: end };
}

const CSV_FAULTS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'opens a quote that nothing closes',
  CSV_INVALID_CLOSING_QUOTE: 'has something other than a delimiter behind a closing quote',
  INVALID_OPENING_QUOTE: 'has a quote inside a field that does not begin with one',
  CSV_MAX_RECORD_SIZE: `is longer than the ${MAX_ENTRY_BYTES} bytes of an entry`,
};

function brokenRow(line: number, error: Error): RawRow {
  const broken = CSV_FAULTS[codeOf(error) ?? ''] ?? `is no CSV: ${error.message}`;
  return { line, fields: [], broken, isLast: true };
}

function newlinesIn(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}
