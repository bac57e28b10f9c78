/**
 * Where everything lies in a queue directory, which belongs to the programs that write into it:
 *
 *   TABLE_queue.jsonl          written by them, a JSON object a line
 *   queue.log.bak              lines that are in the database
 *   TABLE_queue.error.jsonl    lines that are none
 *   TABLE_queue.failed.jsonl   lines that the database refused; in queue.failed.jsonl those of all tables
 *   .taken/                    ours alone (0700): queue files that were taken, until every line is settled
 *   .sync.lock, .sync.pid      held by the one sync that works here; who that is
 */
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  constants,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  type Stats,
} from 'node:fs';
import { join } from 'node:path';
import { codeOf, messageOf, QueueError } from '../errors.ts';
import { DIRECTORY_MODE } from '../spool/layout.ts';
import { listing } from '../spool/listing.ts';
import { fsyncDirectory } from '../spool/publish.ts';

export interface QueuePlace {
  /** The queue directory: absolute, no symlink. */
  readonly dir: string;
  readonly taken: string;
  readonly lock: string;
  readonly holder: string;
  /** Says which database the files in .taken/ go to. */
  readonly target: string;
  readonly log: string;
  /** The failures of all tables. */
  readonly failed: string;
}

/** A file in .taken/. */
export interface TakenFile {
  /** Like no other name, here or elsewhere: `_queue_sync` and the hashes of lines go by it. */
  readonly name: string;
  readonly path: string;
  /** Of the name that it was taken under. */
  readonly table: string;
  /** `failed`: its lines are records of failures, with the line inside. */
  readonly kind: Kind;
  /** Microseconds since 1970. */
  readonly takenAt: number;
}

export type Kind = 'queue' | 'failed';

/** A queue file that can't be taken. */
export interface Refusal {
  readonly path: string;
  /** Completes "PATH ...". */
  readonly why: string;
}

const QUEUE_SUFFIX = '_queue.jsonl';
export const FAILED_SUFFIX = '_queue.failed.jsonl';
export const ERROR_SUFFIX = '_queue.error.jsonl';
const TAKEN = /^(.+)_queue\.(failed\.)?jsonl\.(\d{16})-[0-9a-f]{8}$/s;
const DONE = '.done';
/** Of all file systems that matter. */
const MAX_NAME_BYTES = 255;

/** @throws QueueError when there is no such directory. */
export function queuePlace(directory: string): QueuePlace {
  let dir: string;
  try {
    dir = realpathSync(directory);
    // Also of a file, for which the system says that it is no directory.
    readdirSync(dir);
  } catch (error) {
    const isMissing = codeOf(error) === 'ENOENT';
    throw new QueueError(
      isMissing ? 'NOT_FOUND' : 'SPOOL_UNWRITABLE',
      isMissing
        ? `there is no queue directory ${directory}`
        : `the queue directory ${directory} can't be read: ${messageOf(error)}`,
      { hint: 'Make it, or name another with --queue-dir or MENACE_QUEUE_DIR.', cause: error },
    );
  }
  const taken = join(dir, '.taken');
  return {
    dir,
    taken,
    lock: join(dir, '.sync.lock'),
    holder: join(dir, '.sync.pid'),
    target: join(taken, 'database'),
    log: join(dir, 'queue.log.bak'),
    failed: join(dir, 'queue.failed.jsonl'),
  };
}

/** @throws QueueError when .taken/ can't be made, or is no directory of this user's alone. */
export function ensureTaken({ dir, taken }: QueuePlace): void {
  try {
    mkdirSync(taken, { mode: DIRECTORY_MODE });
    fsyncDirectory(dir);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw unwritable(dir, error);
  }
  const stat = lstatSync(taken);
  const isOthers = process.geteuid !== undefined && stat.uid !== process.geteuid();
  if (stat.isDirectory() && !isOthers && (process.geteuid === undefined || (stat.mode & 0o077) === 0)) return;
  throw new QueueError('SPOOL_UNSAFE', `${taken} is no directory of this user's alone`, {
    hint: `Look what it is. If it is yours: chmod 700 '${taken}'`,
  });
}

export function unwritable(path: string, error: unknown): QueueError {
  return new QueueError('SPOOL_UNWRITABLE', `${path} can't be written: ${messageOf(error)}`, {
    hint: 'Nothing is lost. Free space or make it writable; the next run goes on from there.',
    cause: error,
  });
}

/** @throws QueueError naming the path, for whatever `work` throws. */
export function writing<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** The tables of which there are files with this suffix, in the order of their names. */
export function tablesWith(place: QueuePlace, suffix: string): string[] {
  return readdirSync(place.dir)
    .filter((name) => name.endsWith(suffix) && name.length > suffix.length)
    .map((name) => name.slice(0, -suffix.length))
    .sort();
}

/** True of the names that programs give their files. */
export function isQueueFile(name: string): boolean {
  return name.endsWith(QUEUE_SUFFIX) && name.length > QUEUE_SUFFIX.length;
}

/** What is in .taken/, oldest first. */
export function takenFiles(place: QueuePlace): TakenFile[] {
  return listing(place.taken)
    .flatMap((name) => takenFile(place, name) ?? [])
    .sort((a, b) => a.takenAt - b.takenAt || (a.name < b.name ? -1 : 1));
}

function takenFile(place: QueuePlace, name: string): TakenFile | undefined {
  const [, table, failed, micros] = TAKEN.exec(name) ?? [];
  if (table === undefined) return undefined;
  const kind = failed === undefined ? 'queue' : 'failed';
  return { name, path: join(place.taken, name), table, kind, takenAt: Number(micros) };
}

/** Files whose lines are all settled, and which a crash has kept from going: their paths by the names they had. */
export function doneFiles(place: QueuePlace): Map<string, string> {
  const names = listing(place.taken).filter((name) => name.endsWith(DONE));
  return new Map(names.map((name) => [name.slice(0, -DONE.length), join(place.taken, name)]));
}

/** The name by which a file is known to be settled. */
export function donePath({ path }: TakenFile): string {
  return path + DONE;
}

/** Takes the queue files that are there; programs that open theirs from now on make new ones. */
export function takeAll(place: QueuePlace): Refusal[] {
  const refused: Refusal[] = [];
  let last = takenFiles(place).at(-1)?.takenAt ?? 0;
  let isAny = false;
  for (const table of tablesWith(place, QUEUE_SUFFIX)) {
    const path = join(place.dir, table + QUEUE_SUFFIX);
    const why = refusalOf(lstatSync(path, { throwIfNoEntry: false }));
    if (why !== undefined) {
      refused.push({ path, why });
      continue;
    }
    // Whatever the clock says, files are taken in the order of their names.
    last = Math.max(Date.now() * 1000, last + 1);
    const refusal = take(place, path, takenName(table, 'queue', last));
    if (refusal) refused.push(refusal);
    else isAny = true;
  }
  if (isAny) syncNames(place);
  return refused;
}

/** Takes a file of failures. */
export function takeFailed(place: QueuePlace, table: string): Refusal | undefined {
  const path = join(place.dir, table + FAILED_SUFFIX);
  const last = takenFiles(place).at(-1)?.takenAt ?? 0;
  const refusal = take(place, path, takenName(table, 'failed', Math.max(Date.now() * 1000, last + 1)));
  syncNames(place);
  return refusal;
}

function takenName(table: string, kind: Kind, micros: number): string {
  const suffix = kind === 'failed' ? FAILED_SUFFIX : QUEUE_SUFFIX;
  return `${table}${suffix}.${String(micros).padStart(16, '0')}-${randomBytes(4).toString('hex')}`;
}

function take(place: QueuePlace, path: string, name: string): Refusal | undefined {
  const to = join(place.taken, name);
  if (Buffer.byteLength(name + DONE) > MAX_NAME_BYTES)
    return { path, why: "can't be taken: its name is too long for the marks that queue-sync adds" };
  try {
    // One that can't be read would keep all others from their turn.
    accessSync(path, constants.R_OK);
    renameSync(path, to);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    return { path, why: `can't be taken: ${messageOf(error)}` };
  }
  // Something else has come to stand there since we looked.
  const why = refusalOf(lstatSync(to));
  if (why === undefined) return undefined;
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) renameSync(to, path);
  return { path, why };
}

/** Without this a power cut could bring a file back under its old name, which the database does not know. */
function syncNames({ dir, taken }: QueuePlace): void {
  fsyncDirectory(taken);
  fsyncDirectory(dir);
}

/** Why something is no queue file, undefined when it may be one. */
export function refusalOf(stat: Stats | undefined): string | undefined {
  if (stat === undefined || stat.isFile()) return undefined;
  if (stat.isSymbolicLink()) return 'is a symlink, not a file: it is left alone';
  const what = stat.isFIFO() ? 'a FIFO' : stat.isDirectory() ? 'a directory' : 'a special file';
  return `is ${what}, not a file: it is left alone`;
}
