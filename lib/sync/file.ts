/**
 * One taken file: its lines go into the database batch by batch, and it goes when all of them have and nobody can add to
 * it any more.
 *
 * A program that had it open when it was taken goes on appending to it. It is removed only after a look at the open
 * files of all processes, later than the last read, has found nobody; then it is read once more, for what was written
 * before that look. Where the system does not tell all, it must have been left alone for a minute. A line without a
 * newline waits likewise, and five seconds at least.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { findWriter } from '../processes.ts';
import { FILE_MODE } from '../spool/layout.ts';
import { fsyncDirectory, writeAll } from '../spool/publish.ts';
import type { Pending, Progress } from './bookkeeping.ts';
import type { Applied, Database } from './database.ts';
import { type Line, LineReader } from './lines.ts';
import { additionsOf, type Outputs } from './outputs.ts';
import { donePath, type QueuePlace, type TakenFile, unwritable } from './place.ts';
import { type Item, parseLine } from './record.ts';

/** What a pass works with. */
export interface Workshop {
  readonly place: QueuePlace;
  readonly database: Database;
  readonly outputs: Outputs;
  readonly signal: AbortSignal;
  /** Throws when another sync could be at work here. */
  readonly checkLock: () => void;
  /** Told after each batch. */
  readonly onBatch: (counts: Counts) => void;
}

export interface Counts {
  readonly bytes: number;
  readonly inserted: number;
  readonly duplicates: number;
  readonly failed: number;
  readonly malformed: number;
}

/**
 * `gone`: all its lines are settled. `followed`: someone may still write to it. `torn`: it ends in a line without a
 * newline that is too young. `stopped`: by the signal.
 */
export type State = 'gone' | 'followed' | 'torn' | 'stopped';

const MAX_LINES = 1000;
/** Whoever was in the middle of opening the file when it was taken has it open after this. */
const OPENING_MS = 100;
const TORN_MS = 5000;
const UNTOUCHED_MS = 60_000;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const COPY_BYTES = 1024 * 1024;

/** Settles what is there now, and removes the file if it is complete. @throws SinkOutage, QueueError. */
export async function settleFile(shop: Workshop, file: TakenFile): Promise<State> {
  const fd = openSync(file.path, READ);
  try {
    if (!(await settleLines(shop, file, fd, fstatSync(fd).size))) return 'stopped';
    await sleep(Math.max(0, Math.min(OPENING_MS, file.takenAt / 1000 + OPENING_MS - Date.now())));
    const age = Math.abs(Date.now() - fstatSync(fd).mtimeMs);
    const writer = writerOf(file, fd);
    if (writer === 'yes' || (writer === 'unknown' && age < UNTOUCHED_MS)) return 'followed';
    if (!(await settleLines(shop, file, fd, fstatSync(fd).size))) return 'stopped';
    if (!isSettled(shop, file, fd)) {
      if (age < TORN_MS) return 'torn';
      if (!settleTorn(shop, file, fd)) return 'followed';
    }
    return remove(shop, file, fd);
  } finally {
    closeSync(fd);
  }
}

function writerOf({ kind, name }: TakenFile, fd: number): ReturnType<typeof findWriter> {
  // Only we write failures.
  if (kind === 'failed') return 'no';
  const writer = findWriter(name);
  // Under another name anyone may open it, now or later.
  return writer === 'no' && fstatSync(fd).nlink > 1 ? 'unknown' : writer;
}

/** After a crash: has the outputs have what the last batch of the file adds. */
export function completeOutputs({ database, outputs }: Workshop, file: TakenFile): void {
  const { progress, pending } = database.find(file.name);
  if (pending === undefined) return;
  const fd = openSync(file.path, READ);
  try {
    const items = itemsBetween(file, fd, pending.from, progress, pending.torn === true);
    const failures = new Map(pending.failures);
    outputs.append(file, additionsOf(file, items, failures, pending.at), pending.sizes);
  } finally {
    closeSync(fd);
  }
  database.confirm(file.name);
}

/** A crash has kept it from going. What the database no longer knows was settled; what has grown since is not. */
export function finishRemoval({ database }: Workshop, name: string, done: string): void {
  const { isKnown, progress } = database.find(name);
  const { size } = lstatSync(done);
  if (isKnown && progress.done < size) renameSync(done, join(dirname(done), name));
  else removeDone(database, name, done);
}

function removeDone(database: Database, name: string, done: string): void {
  database.remove(name);
  unlinkSync(done);
}

/** All whole lines that begin before `limit`. @returns false when the signal came before the end. */
async function settleLines(shop: Workshop, file: TakenFile, fd: number, limit: number): Promise<boolean> {
  let progress = shop.database.find(file.name).progress;
  if (progress.done >= limit) return true;
  const reader = new LineReader(fd, progress.done);
  for (let max = MAX_LINES; progress.done < limit; ) {
    if (shop.signal.aborted) return false;
    const lines = reader.take(max);
    if (lines.length === 0) return true;
    const items = itemsOf(file, lines, progress, (line) => copyLine(shop.place, file, fd, line));
    const next = settleBatch(shop, file, items, progress);
    if (next === undefined) return settleLines(shop, file, fd, limit);
    reader.back(next.done);
    // Lines that the time did not suffice for are parsed again: not many more than that are taken next time.
    max = Math.min(MAX_LINES, 2 * (next.lines - progress.lines));
    progress = next;
    // Signals and the progress bar get their turn.
    await nextTurn();
  }
  return true;
}

function settleBatch(
  shop: Workshop,
  file: TakenFile,
  all: readonly Item[],
  from: Progress,
  torn = false,
): Progress | undefined {
  const { database, outputs } = shop;
  shop.checkLock();
  const at = new Date().toISOString();
  let items: readonly Item[] = [];
  let to = from;
  let additions = {};
  let pending: Pending | undefined;
  const applied = database.apply(file.name, all, from, ({ count, failures }: Applied) => {
    items = all.slice(0, count);
    to = { done: (items.at(-1) as Item).next, lines: from.lines + count };
    additions = additionsOf(file, items, failures, at);
    pending = {
      from,
      sizes: outputs.sizes(file, additions),
      at,
      failures: [...failures],
      ...(torn ? { torn } : {}),
    };
    return { progress: to, pending };
  });
  if (applied === undefined) return undefined;
  outputs.append(file, additions, (pending as unknown as Pending).sizes);
  shop.onBatch({
    bytes: to.done - from.done,
    inserted: applied.inserted,
    duplicates: applied.duplicates,
    failed: applied.failures.size,
    malformed: items.filter(({ parsed }) => parsed.kind === 'malformed').length,
  });
  return to;
}

function itemsOf(
  file: TakenFile,
  lines: readonly Line[],
  from: Progress,
  onLong: (line: Line) => void,
): Item[] {
  return lines.map((line, index) => {
    if (line.bytes === undefined) onLong(line);
    const parsed = parseLine(file, line.start, line.bytes, longName(file, line.start));
    return { ...line, number: from.lines + index + 1, parsed };
  });
}

/** The lines of a batch, read again. */
function itemsBetween(file: TakenFile, fd: number, from: Progress, to: Progress, torn: boolean): Item[] {
  const reader = new LineReader(fd, from.done);
  const items: Item[] = [];
  while (items.length < to.lines - from.lines) {
    const place = { done: items.at(-1)?.next ?? from.done, lines: from.lines + items.length };
    const lines = reader.take(to.lines - from.lines - items.length);
    if (lines.length === 0) break;
    // The window is used again for the next lines.
    const kept = lines.map((line) => ({ ...line, bytes: line.bytes && Buffer.from(line.bytes) }));
    items.push(...itemsOf(file, kept, place, () => {}));
  }
  return torn ? [tornItem(file, from, to.done, reader.rest())] : items;
}

/** The bytes after the last newline, of which there will be no more. @returns false when there is more to be done. */
function settleTorn(shop: Workshop, file: TakenFile, fd: number): boolean {
  const { progress } = shop.database.find(file.name);
  const { size } = fstatSync(fd);
  const reader = new LineReader(fd, progress.done);
  reader.take(1);
  const bytes = reader.rest();
  if (bytes === undefined) copyLine(shop.place, file, fd, { start: progress.done, next: size, bytes });
  return settleBatch(shop, file, [tornItem(file, progress, size, bytes)], progress, true) !== undefined;
}

function tornItem(file: TakenFile, from: Progress, end: number, bytes: Buffer | undefined): Item {
  const parsed = parseLine(file, from.done, bytes, longName(file, from.done));
  const reason = parsed.kind === 'malformed' ? `torn, without a newline: ${parsed.reason}` : '';
  return {
    start: from.done,
    next: end,
    number: from.lines + 1,
    bytes,
    parsed: parsed.kind === 'malformed' ? { kind: 'malformed', reason } : parsed,
  };
}

function isSettled({ database }: Workshop, { name }: TakenFile, fd: number): boolean {
  return database.find(name).progress.done >= fstatSync(fd).size;
}

/**
 * Renamed first: a crash after that finds it as settled, whatever the database still has of it. The rename is on disk
 * before the database forgets the file, or a power cut could bring back a file that it does not know.
 */
function remove(shop: Workshop, file: TakenFile, fd: number): State {
  const done = donePath(file);
  shop.checkLock();
  renameSync(file.path, done);
  fsyncDirectory(shop.place.taken);
  if (!isSettled(shop, file, fd)) {
    renameSync(done, file.path);
    return 'followed';
  }
  removeDone(shop.database, file.name, done);
  return 'gone';
}

function longName({ name }: TakenFile, start: number): string {
  return `${name}-${start}.line`;
}

/** A line too long to be held goes into a file of its own; done again, it becomes the same file. */
function copyLine({ dir }: QueuePlace, file: TakenFile, fd: number, { start, next }: Line): void {
  const path = join(dir, longName(file, start));
  const flags =
    constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    const to = openSync(path, flags, FILE_MODE);
    try {
      const chunk = Buffer.allocUnsafe(COPY_BYTES);
      for (let at = start; at < next; ) {
        const got = readSync(fd, chunk, 0, Math.min(chunk.length, next - at), at);
        if (got === 0) break;
        writeAll(to, chunk.subarray(0, got));
        at += got;
      }
      fsyncSync(to);
    } finally {
      closeSync(to);
    }
  } catch (error) {
    throw unwritable(path, error);
  }
}
