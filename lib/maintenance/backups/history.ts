/**
 * Which lines of the journal are part of a database's history.
 *
 * A restore to an earlier time leaves in the journal what came after that time, and a replay may take some of it in
 * again. So each is noted in completed/restores.jsonl with where it began, how far it went and where the journal
 * ended then; the notes together say of every line whether the database has it. Without them a later restore from
 * an older backup would bring back what a rollback had taken out.
 *
 * A note is written before the databases are exchanged, by a rename of a temporary file whose name and inode are in the
 * note, and confirmed afterwards. Unconfirmed, because of a crash in between, it counts if the database has that inode.
 * Databases are named relative to the spool, so that a project may be moved.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { codeOf } from '../../errors.ts';
import { realPathOf } from '../../sink/driver.ts';
import {
  comparePositions,
  formatPosition,
  type PlacedLine,
  type Position,
  parsePosition,
} from '../../spool/journal-read.ts';
import { FILE_MODE, type Spool } from '../../spool/layout.ts';
import { fsyncDirectory, writeAll } from '../../spool/publish.ts';

export interface Note {
  readonly kind: 'restore' | 'replay';
  /** ISO 8601, UTC. */
  readonly at: string;
  /** Lines from here ... */
  readonly from: Position;
  /** ... to here were taken in. */
  readonly until: Position;
  /** Where the journal ended: of a restore, nothing between `until` and `end` is part of the database. */
  readonly end: Position;
  /** Names of entries that were left out. */
  readonly except: readonly string[];
  /** Only entries of this operation. */
  readonly only?: string | undefined;
  /** How many notes of this database its reading of the journal went by. */
  readonly seen: number;
  /** Of a restore: how many notes there were when the backup was made. */
  readonly seenByBackup: number;
  /** The file that takes the database's place. */
  readonly temporary?: string | undefined;
}

/** A note as it stands in the file: whose, and with its positions as text. */
type NoteLine = Omit<Note, 'from' | 'until' | 'end'> & {
  readonly from: string;
  readonly until: string;
  readonly end: string;
  /** The database's path from the spool. */
  readonly database: string;
  /** The temporary file's. */
  readonly inode?: string;
};

/** A line that settles a note: its temporary file's name. */
interface Settling {
  readonly done?: string;
  readonly cancelled?: string;
}

/** What of a line decides. */
export type LineKey = Pick<PlacedLine, 'start' | 'name'> & { readonly operation: string };

/** True when the database has the line, if these are all the notes. */
export function isPart(line: LineKey, notes: readonly Note[]): boolean {
  const last = notes.at(-1);
  if (!last || comparePositions(line.start, last.end) >= 0) return true;
  const before = notes.slice(0, -1);
  const isTaken =
    comparePositions(line.start, last.from) >= 0 &&
    comparePositions(line.start, last.until) < 0 &&
    !last.except.includes(line.name) &&
    (last.only === undefined || last.only === line.operation) &&
    isPart(line, before.slice(0, last.seen));
  if (isTaken) return true;
  if (last.kind === 'replay') return isPart(line, before);
  return comparePositions(line.start, last.from) < 0 && isPart(line, before.slice(0, last.seenByBackup));
}

/** The notes about this database that count, oldest first. */
export function readNotes(spool: Spool, database: string): Note[] {
  const { own, isUndecided, isCancelled } = readLines(spool, database);
  const inode = inodeOf(database);
  return own.flatMap((line) => {
    if (isUndecided(line) ? line.inode !== inode : isCancelled(line)) return [];
    const [from, until, end] = [line.from, line.until, line.end].map(parsePosition);
    return from && until && end ? [{ ...line, from, until, end }] : [];
  });
}

/** Writes a note and syncs it to disk. The queue must be held: notes are of one writer. */
export function addNote(spool: Spool, database: string, note: Note): void {
  confirmLast(spool, database);
  const { from, until, end, temporary } = note;
  const positions = { from: formatPosition(from), until: formatPosition(until), end: formatPosition(end) };
  const inode = temporary === undefined ? undefined : inodeOf(temporary);
  append(spool, { ...note, ...positions, database: nameOf(spool, database), inode });
}

/** A restore that was killed after its exchange counts by the inode, which the database is about to change. */
function confirmLast(spool: Spool, database: string): void {
  const { own, isUndecided } = readLines(spool, database);
  const inode = inodeOf(database);
  for (const line of own) {
    if (isUndecided(line) && line.inode === inode) confirmNote(spool, line.temporary as string);
  }
}

/** The exchange with this file has happened. */
export function confirmNote(spool: Spool, temporary: string): void {
  append(spool, { done: temporary });
}

/** It does not happen: call this before the file is removed. */
export function cancelNote(spool: Spool, temporary: string): void {
  if (existsSync(pathOf(spool))) append(spool, { cancelled: temporary });
}

/** The notes about a database as they stand in the file, and what is settled of them. */
function readLines(spool: Spool, database: string) {
  const lines = linesOf(pathOf(spool)).map(parseLine);
  const done = new Set(lines.map((line) => line.done));
  const cancelled = new Set(lines.map((line) => line.cancelled));
  const name = nameOf(spool, database);
  const isCancelled = ({ temporary }: NoteLine): boolean =>
    temporary !== undefined && !done.has(temporary) && cancelled.has(temporary);
  return {
    own: lines.filter((line) => 'kind' in line && line.database === name) as NoteLine[],
    isCancelled,
    isUndecided: (line: NoteLine): boolean =>
      line.temporary !== undefined && !done.has(line.temporary) && !isCancelled(line),
  };
}

function nameOf(spool: Spool, database: string): string {
  return relative(spool.base, realPathOf(database));
}

function inodeOf(path: string): string {
  return String(statSync(path, { bigint: true, throwIfNoEntry: false })?.ino ?? 'none');
}

function append(spool: Spool, value: object): void {
  const fd = openSync(pathOf(spool), 'a', FILE_MODE);
  try {
    // A line of its own, whatever a crash has left before it.
    writeAll(fd, Buffer.from(`\n${JSON.stringify(value)}\n`));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  fsyncDirectory(spool.completed);
}

function pathOf(spool: Spool): string {
  return join(spool.completed, 'restores.jsonl');
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** An empty object for an empty line or a torn one. */
function parseLine(line: string): (NoteLine & Settling) | Settling {
  try {
    return JSON.parse(line) as NoteLine | Settling;
  } catch {
    return {};
  }
}
