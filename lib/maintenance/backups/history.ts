/**
 * Which lines of the journal are part of a database's history.
 *
 * A restore to an earlier time leaves in the journal what came after that time, and a replay may take some of it in
 * again. So each is noted in completed/restores.jsonl with where it began, how far it went and where the journal
 * ended then; the notes together say of every line whether the database has it. Without them a later restore from
 * an older backup would bring back what a rollback had taken out.
 *
 * A note is written before the databases are exchanged, by a rename of a temporary file whose name is in the note. It
 * counts once that file is gone, so a crash on either side of the rename is told apart; who removes such a file
 * cancels the note first.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../../errors.ts';
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
  /** The database's absolute path. */
  readonly database: string;
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
  /** The file that takes the database's place; the note counts once it is gone. */
  readonly temporary?: string | undefined;
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
  const lines = linesOf(pathOf(spool)).map(parseLine);
  const cancelled = new Set(lines.map((line) => line.cancelled));
  return lines
    .map(({ note }) => note)
    .filter((note): note is Note => note?.database === database)
    .filter(
      ({ temporary }) => temporary === undefined || !(cancelled.has(temporary) || existsSync(temporary)),
    );
}

/** Writes a note and syncs it to disk. The queue must be held: notes are of one writer. */
export function addNote(spool: Spool, note: Note): void {
  const { from, until, end } = note;
  const positions = { from: formatPosition(from), until: formatPosition(until), end: formatPosition(end) };
  append(spool, { ...note, ...positions });
}

/** The exchange with this file does not happen: call it before the file is removed. */
export function cancelNote(spool: Spool, temporary: string): void {
  if (existsSync(pathOf(spool))) append(spool, { cancelled: temporary });
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

type RawNote = Omit<Note, 'from' | 'until' | 'end'> & Record<'from' | 'until' | 'end' | 'cancelled', string>;

/** Neither for an empty line or a torn one. */
function parseLine(line: string): { note?: Note; cancelled?: string } {
  try {
    const raw = JSON.parse(line) as RawNote;
    if (raw.cancelled !== undefined) return { cancelled: raw.cancelled };
    const [from, until, end] = [raw.from, raw.until, raw.end].map(parsePosition);
    return from && until && end ? { note: { ...raw, from, until, end } } : {};
  } catch {
    return {};
  }
}
