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

/** What recovery wants to know of a line. */
export interface RecentLine {
  readonly name: string;
  readonly key: string;
  /** The entry's `db`, if it has one. */
  readonly db?: string;
  /** The line's beginning is not in what was read, so `db` is not known. */
  readonly isCut?: true;
}

export class Journal {
  readonly #spool: Spool;
  #fd: number | undefined;

  /** Touches nothing. */
  constructor(spool: Spool) {
    this.#spool = spool;
  }

  /** Opens the newest journal file for appending and cuts off a torn last line. Only the worker may call this. */
  static open(spool: Spool): Journal {
    const journal = new Journal(spool);
    journal.open();
    return journal;
  }

  /** The same, unless it is open; throws system errors. */
  open(): void {
    if (this.#fd === undefined) this.#openFile();
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

  /** Lines in the last few megabytes of the journal that have one of these names or keys, oldest first. */
  recent(names: ReadonlySet<string>, keys: ReadonlySet<string> = new Set()): RecentLine[] {
    return readTail(this.#spool).flatMap((text) => {
      const end = endOfLine(text);
      if (!end || !(names.has(end.name) || keys.has(end.key))) return [];
      return [{ name: end.name, key: end.key, ...headOf(text) }];
    });
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
 * Appends lines from a process that is not the worker (direct writes): one write(2) with O_APPEND. A torn line
 * that a killed worker left is ended first: cutting it off is the worker's, who may be writing it.
 */
export function appendDirect(spool: Spool, ...lines: readonly JournalLine[]): void {
  const fd = openForAppending(currentJournal(spool));
  try {
    writeAll(fd, Buffer.from(separator(fd) + lines.map(formatLine).join('')));
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

/** The number of a journal file; NaN for another file. */
export function journalNumber(name: string): number {
  return Number(FILE.exec(name)?.[1]);
}

/** Makes a journal file with this number, empty, unless it is there. */
export function beginJournal(spool: Spool, number: number): void {
  closeSync(openForAppending(journalPath(spool, number)));
}

function journalPath(spool: Spool, number: number): string {
  return join(spool.completed, `journal-${String(number).padStart(8, '0')}.jsonl`);
}

/** The file to append to: the newest, or the next number when that one is full or archived. */
function currentJournal(spool: Spool): string {
  const newest = journalFiles(spool).at(-1);
  const number = newest ? journalNumber(newest) : 1;
  const path = journalPath(spool, number);
  if (newest === undefined || (!newest.endsWith('.gz') && !isFull(path))) return path;
  return journalPath(spool, number + 1);
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
  // In a string JSON has its line breaks escaped: all that stand here are between tokens.
  return `${text
    .replace(/[\r\n]+/g, '')
    .trim()
    .slice(0, -1)},${extra}`;
}

const NAME_KEY = '"name":"';
/** No longer than a file's name, with the quotes around it. */
const NAME_VALUE = /^([^"\\]{1,255})","key":"/;
const LINE_END = /","applied_at":"([^"]*)"\}$/;
const END_LENGTH = 64;

/**
 * What `formatLine` added to an entry: the entry can't hold that in a string, where quotes are escaped, nor behind it.
 * The line's beginning may be missing, where an entry is larger than what is read; what stands between, a key, may
 * be as large, so no pattern goes over it.
 * @returns undefined for what is no whole line: a killed writer's, ended by the next one.
 */
export function endOfLine(line: string): Omit<JournalLine, 'text'> | undefined {
  const end = LINE_END.exec(line.slice(-END_LENGTH));
  const at = line.lastIndexOf(NAME_KEY);
  if (!end || at === -1) return undefined;
  const start = at + NAME_KEY.length;
  const name = NAME_VALUE.exec(line.slice(start, start + 300));
  if (!name) return undefined;
  const key = line.slice(start + name[0].length - 1, line.length - end[0].length + 1);
  return { name: name[1] as string, key: JSON.parse(key) as string, appliedAt: end[1] as string };
}

/** An entry larger than what is read has its beginning outside of it. */
function headOf(text: string): Pick<RecentLine, 'db' | 'isCut'> {
  try {
    const { db } = JSON.parse(text) as { db?: unknown };
    return typeof db === 'string' ? { db } : {};
  } catch {
    return { isCut: true };
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
