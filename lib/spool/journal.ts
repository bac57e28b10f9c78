/**
 * The journal: every applied entry, in the order of applying, as JSON lines in completed/journal-NNNNNNNN.jsonl.
 *
 * A line is the entry as it was spooled plus `name` (its file name), `key` (its ledger key) and `applied_at`.
 * Lines are on disk (fdatasync) before the entries leave pending/, so a backup plus the journal since is the
 * database at any later moment. A crash can leave a torn last line; `Journal.open` cuts it off, and recovery writes
 * the line again, because its entry is still in pending/. Files are numbered, not dated: a clock set back can't
 * reorder them. queue-cleanup --archive compresses closed ones to .jsonl.gz.
 */
import {
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  readdirSync,
  readSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Spool } from './layout.ts';
import { openOwnFile, writeAll } from './publish.ts';

const ROTATE_BYTES = 16 * 1024 * 1024;
/** More than three batches: the worker stops filling a batch at 4 MB, and two may be leaving behind it. */
const TAIL_BYTES = 16 * 1024 * 1024;
const FILE = /^journal-(\d{8})\.jsonl(\.gz)?$/;

export interface JournalLine {
  /** The entry's text as spooled. */
  readonly text: string;
  readonly name: string;
  readonly key: string;
  /** ISO 8601, UTC. */
  readonly appliedAt: string;
}

export class Journal {
  readonly #spool: Spool;
  #fd: number | undefined;

  private constructor(spool: Spool) {
    this.#spool = spool;
  }

  /** Opens the newest journal file for appending and cuts off a torn last line. Only the worker may call this. */
  static open(spool: Spool): Journal {
    const journal = new Journal(spool);
    journal.#openFile();
    return journal;
  }

  /**
   * Appends lines and syncs them to disk.
   * @throws system errors (ENOSPC, EIO). Some lines may then be there: ask `recent` before appending them again.
   */
  append(lines: readonly JournalLine[]): void {
    if (lines.length === 0) return;
    // The file's size, not ours: direct writers append to it as well, and go on to the next when it is full.
    if (this.#fd === undefined || fstatSync(this.#fd).size > ROTATE_BYTES) this.#openFile();
    try {
      const bytes = Buffer.from(separator(this.#fd as number) + lines.map(formatLine).join(''));
      writeAll(this.#fd as number, bytes);
      fdatasyncSync(this.#fd as number);
    } catch (error) {
      // Opening it again cuts off the line that was being written.
      this.close();
      throw error;
    }
  }

  /** Names among `names` that stand in the last few megabytes of the journal. */
  recent(names: ReadonlySet<string>): Set<string> {
    const found = new Set<string>();
    for (const line of readTail(this.#spool)) {
      const name = nameOfLine(line);
      if (name !== undefined && names.has(name)) found.add(name);
    }
    return found;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #openFile(): void {
    this.close();
    const fd = openForAppending(currentJournal(this.#spool));
    this.#fd = fd;
    cutTornLine(fd);
  }
}

/**
 * Appends one line from a process that is not the worker (a direct write): one write(2) with O_APPEND. A torn line
 * that a killed worker left is ended first: cutting it off is the worker's, who may be writing it.
 */
export function appendDirect(spool: Spool, line: JournalLine): void {
  const fd = openForAppending(currentJournal(spool));
  try {
    writeAll(fd, Buffer.from(separator(fd) + formatLine(line)));
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The journal's files, oldest first, archived ones included. */
export function journalFiles(spool: Spool): string[] {
  return readdirSync(spool.completed)
    .filter((name) => FILE.test(name))
    .sort();
}

/** The file to append to: the newest, or the next number when that one is full or archived. */
function currentJournal(spool: Spool): string {
  const newest = journalFiles(spool).at(-1);
  const number = newest ? Number(FILE.exec(newest)?.[1]) : 1;
  const path = (n: number): string => join(spool.completed, `journal-${String(n).padStart(8, '0')}.jsonl`);
  if (newest === undefined || (!newest.endsWith('.gz') && !isFull(path(number)))) return path(number);
  return path(number + 1);
}

function isFull(path: string): boolean {
  return (lstatSync(path, { throwIfNoEntry: false })?.size ?? 0) > ROTATE_BYTES;
}

/** @throws when something else than a file stands there: what is written into it would be lost, or spoil another's. */
function openForAppending(path: string): number {
  return openOwnFile(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND);
}

function formatLine(line: JournalLine): string {
  const extra = `"name":${JSON.stringify(line.name)},"key":${JSON.stringify(line.key)},"applied_at":"${line.appliedAt}"}\n`;
  const text = line.text;
  // Our own writers end an entry in `}` and a newline and have no other; foreign ones may have laid it out.
  if (text.endsWith('}\n') && text.indexOf('\n') === text.length - 1) return `${text.slice(0, -2)},${extra}`;
  return `${oneLine(text).slice(0, -1)},${extra}`;
}

/** White space between tokens removed without touching numbers: outside strings JSON has none that matters. */
function oneLine(text: string): string {
  let line = '';
  for (let at = 0; at < text.length; ) {
    const quote = text.indexOf('"', at);
    const end = quote === -1 ? text.length : stringEnd(text, quote);
    line += text.slice(at, quote === -1 ? end : quote).replace(/\s+/g, '');
    if (quote !== -1) line += text.slice(quote, end);
    at = end;
  }
  return line;
}

/** Not by a regular expression: matching a string of megabytes with escapes in it overflows V8's stack. */
function stringEnd(text: string, quote: number): number {
  let at = quote + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

/** The `name` of a journal line. Its beginning may be missing, where an entry is larger than what is read. */
function nameOfLine(line: string): string | undefined {
  // The last of them is what `formatLine` adds: in a string its quotes would be escaped.
  const at = line.lastIndexOf('"name":"');
  if (at === -1) return undefined;
  try {
    const { name, applied_at } = JSON.parse(`{${line.slice(at)}`) as Record<string, unknown>;
    return typeof name === 'string' && applied_at !== undefined ? name : undefined;
  } catch {
    return undefined;
  }
}

/** A newline where a direct writer was cut short in its line: what follows must not be glued to it. */
function separator(fd: number): string {
  const { size } = fstatSync(fd);
  const last = Buffer.alloc(1);
  return size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a ? '\n' : '';
}

function readTail(spool: Spool): string[] {
  const lines: string[] = [];
  for (const name of journalFiles(spool).slice(-2)) {
    const path = join(spool.completed, name);
    if (name.endsWith('.gz') || !existsSync(path)) continue;
    const fd = openOwnFile(path, constants.O_RDONLY);
    try {
      const { size } = fstatSync(fd);
      const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
      readSync(fd, bytes, 0, bytes.length, size - bytes.length);
      // One by one: spreading as many into push() as short lines fit in overflows the stack.
      // What stands behind the last newline is no line: opening the file cuts it off.
      for (const line of bytes.toString('utf8').split('\n').slice(0, -1)) lines.push(line);
    } finally {
      closeSync(fd);
    }
  }
  return lines;
}

/** Cuts the file after its last newline. */
function cutTornLine(fd: number): void {
  let { size } = fstatSync(fd);
  const one = Buffer.alloc(64 * 1024);
  const whole = size;
  while (size > 0) {
    const start = Math.max(0, size - one.length);
    const length = readSync(fd, one, 0, size - start, start);
    const newline = one.lastIndexOf(0x0a, length - 1);
    if (newline !== -1) {
      size = start + newline + 1;
      break;
    }
    size = start;
  }
  if (size !== whole) ftruncateSync(fd, size);
}
