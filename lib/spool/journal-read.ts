/**
 * Reading the journal from a position on, archived files included.
 *
 * A position is a file's number and a byte in it (of the text, compressed or not), always behind a newline. Positions
 * stay true: files are appended to, compressed and removed, never rewritten. One file is held in memory at a time.
 */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { codeOf, messageOf, QueueError } from '../errors.ts';
import { endOfLine, type JournalLine, journalFiles, journalNumber } from './journal.ts';
import type { Spool } from './layout.ts';

export interface Position {
  readonly file: number;
  readonly offset: number;
}

export interface PlacedLine extends JournalLine {
  /** Where the line begins. */
  readonly start: Position;
  /** Where the next one does. */
  readonly end: Position;
}

const ARCHIVED = '.gz';
const NEWLINE = 0x0a;
const CHUNK_BYTES = 64 * 1024;

export const JOURNAL_START: Position = { file: 0, offset: 0 };

export function comparePositions(a: Position, b: Position): number {
  return a.file - b.file || a.offset - b.offset;
}

export function later(a: Position, b: Position): Position {
  return comparePositions(a, b) > 0 ? a : b;
}

/** { file: 3, offset: 5120 } -> '00000003:5120' */
export function formatPosition({ file, offset }: Position): string {
  return `${String(file).padStart(8, '0')}:${offset}`;
}

/** Undefined for what is no position. */
export function parsePosition(text: string): Position | undefined {
  const match = /^(\d{1,8}):(\d{1,15})$/.exec(text);
  return match ? { file: Number(match[1]), offset: Number(match[2]) } : undefined;
}

/** Where what is there begins: files may have been removed. */
export function journalStart(spool: Spool): Position {
  const [oldest] = journalFiles(spool);
  return oldest === undefined ? JOURNAL_START : { file: journalNumber(oldest), offset: 0 };
}

/** Behind the last whole line. */
export function journalEnd(spool: Spool): Position {
  const newest = [...fileByNumber(spool)].at(-1);
  if (!newest) return JOURNAL_START;
  const [file, name] = newest;
  return { file, offset: endOf(join(spool.completed, name)) };
}

/**
 * Whole lines from `from` to `to`, in order.
 * @throws QueueError NOT_FOUND when a file between them is missing, with the range.
 */
export function* readJournal(spool: Spool, from: Position, to = journalEnd(spool)): Generator<PlacedLine> {
  const files = fileByNumber(spool);
  checkComplete(spool, files, from, to);
  for (const [file, name] of files) {
    if (file < from.file || file > to.file) continue;
    const bytes = contentOf(join(spool.completed, name));
    const last = file === to.file ? Math.min(to.offset, bytes.length) : bytes.length;
    for (let offset = file === from.file ? from.offset : 0; offset < last; ) {
      const newline = bytes.indexOf(NEWLINE, offset);
      if (newline === -1) break;
      const text = bytes.toString('utf8', offset, newline);
      const end = endOfLine(text);
      if (end) yield { text, ...end, start: { file, offset }, end: { file, offset: newline + 1 } };
      offset = newline + 1;
    }
  }
}

/** The files by number, in order. Where an archive stands beside its original, the original is as good. */
function fileByNumber(spool: Spool): Map<number, string> {
  const files = new Map<number, string>();
  for (const name of journalFiles(spool)) {
    const number = journalNumber(name);
    if (!files.has(number)) files.set(number, name);
  }
  return files;
}

function checkComplete(spool: Spool, files: ReadonlyMap<number, string>, from: Position, to: Position): void {
  const first = Math.max(1, from.file);
  const missing: number[] = [];
  for (let file = first; file <= to.file; file++) if (!files.has(file)) missing.push(file);
  if (missing.length === 0) return;
  const name = (file: number): string => `journal-${String(file).padStart(8, '0')}.jsonl`;
  const range =
    missing.length === 1
      ? name(missing[0] as number)
      : `${name(missing[0] as number)} to ${name(missing.at(-1) as number)}`;
  throw new QueueError(
    'NOT_FOUND',
    `the journal has a gap: ${range} of ${spool.completed} ${missing.length === 1 ? 'is' : 'are'} missing`,
    {
      hint: "Put the files back, compressed or not; without them the entries of that time can't be replayed.",
    },
  );
}

function contentOf(path: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    // Archived since it was listed.
    if (codeOf(error) !== 'ENOENT' || path.endsWith(ARCHIVED)) throw error;
    return contentOf(path + ARCHIVED);
  }
  if (!path.endsWith(ARCHIVED)) return bytes;
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw new QueueError(
      'NOT_FOUND',
      `the journal has a gap: ${path} can't be unpacked: ${messageOf(error)}`,
      {
        hint: 'Put back a whole copy of it.',
        cause: error,
      },
    );
  }
}

function endOf(path: string): number {
  if (path.endsWith(ARCHIVED)) return contentOf(path).lastIndexOf(NEWLINE) + 1;
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    // Archived since it was listed.
    if (codeOf(error) !== 'ENOENT') throw error;
    return contentOf(path + ARCHIVED).lastIndexOf(NEWLINE) + 1;
  }
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    for (let end = fstatSync(fd).size; end > 0; ) {
      const start = Math.max(0, end - CHUNK_BYTES);
      const length = readSync(fd, chunk, 0, end - start, start);
      const newline = chunk.lastIndexOf(NEWLINE, length - 1);
      if (length > 0 && newline !== -1) return start + newline + 1;
      end = start;
    }
    return 0;
  } finally {
    closeSync(fd);
  }
}
