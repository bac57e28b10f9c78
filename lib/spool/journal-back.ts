/** Reading the journal from its end backwards, archived files included. One file's archive, or one line, is in memory. */
import { closeSync, constants, fstatSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { codeOf } from '../errors.ts';
import { endOfLine, journalFiles, journalNumber } from './journal.ts';
import type { PlacedLine, Position } from './journal-read.ts';
import type { Spool } from './layout.ts';
import { openOwnFile } from './publish.ts';

const CHUNK_BYTES = 256 * 1024;
const NEWLINE = 0x0a;
const ARCHIVED = '.gz';

/**
 * Whole lines before `before`, the last first. A file that was removed, or can't be read, ends it.
 * @param before where a line begins; by default the journal's end.
 */
export function* linesBackwards(spool: Spool, before?: Position): Generator<PlacedLine> {
  const files = new Map<number, string>();
  for (const name of journalFiles(spool)) {
    // Where an archive stands beside its original, the original is as good.
    const number = journalNumber(name);
    if (!files.has(number)) files.set(number, name);
  }
  for (const [file, name] of [...files].reverse()) {
    if (before && file > before.file) continue;
    const end = before?.file === file ? before.offset : Number.POSITIVE_INFINITY;
    for (const { text, start, next } of linesOf(join(spool.completed, name), end)) {
      const parts = endOfLine(text);
      if (parts) yield { text, ...parts, start: { file, offset: start }, end: { file, offset: next } };
    }
  }
}

interface Line {
  readonly text: string;
  readonly start: number;
  readonly next: number;
}

function* linesOf(path: string, end: number): Generator<Line> {
  if (path.endsWith(ARCHIVED)) {
    const bytes = gunzipSync(readFileSync(path));
    yield* linesIn((start, length) => bytes.subarray(start, start + length), Math.min(end, bytes.length));
    return;
  }
  let fd: number;
  try {
    fd = openOwnFile(path, constants.O_RDONLY);
  } catch (error) {
    // Archived since it was listed.
    if (codeOf(error) !== 'ENOENT') throw error;
    yield* linesOf(path + ARCHIVED, end);
    return;
  }
  try {
    const read = (start: number, length: number): Buffer => {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(fd, bytes, 0, length, start));
    };
    yield* linesIn(read, Math.min(end, fstatSync(fd).size));
  } finally {
    closeSync(fd);
  }
}

/** What stands behind the last newline is no line: it is being written, or was cut short. */
function* linesIn(read: (start: number, length: number) => Buffer, end: number): Generator<Line> {
  /** From `start` on, all that is not handed out yet. */
  let parts: Buffer[] = [];
  let start = end;
  let next: number | undefined;
  while (start > 0) {
    const length = Math.min(CHUNK_BYTES, start);
    start -= length;
    const chunk = read(start, length);
    let tail = chunk.length;
    for (
      let at = chunk.lastIndexOf(NEWLINE);
      at !== -1;
      at = at === 0 ? -1 : chunk.lastIndexOf(NEWLINE, at - 1)
    ) {
      if (next !== undefined) {
        const text = Buffer.concat([chunk.subarray(at + 1, tail), ...parts]).toString('utf8');
        yield { text, start: start + at + 1, next };
      }
      parts = [];
      tail = at;
      next = start + at + 1;
    }
    if (next !== undefined) parts.unshift(chunk.subarray(0, tail));
  }
  if (next !== undefined) yield { text: Buffer.concat(parts).toString('utf8'), start: 0, next };
}
