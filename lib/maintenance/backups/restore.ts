/**
 * Restoring: a backup, and the journal since, in the place of the database.
 *
 * Everything that takes time is done to a copy beside the database: unpacking, replaying, checking. Only then are the two
 * exchanged, by one rename (swap.ts). A crash at any moment leaves the old database or the new one; the copy of a
 * killed restore is removed by the next. The queue is held from the first look at the journal to the exchange, so that
 * nothing is applied to a database that is about to go; hooks go on spooling, and the worker applies that afterwards.
 */
import { chmodSync, existsSync, realpathSync, renameSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Config } from '../../config.ts';
import { messageOf, QueueError } from '../../errors.ts';
import { isRunning } from '../../processes.ts';
import { spoolIdentity } from '../../spool/identity.ts';
import {
  comparePositions,
  formatPosition,
  journalEnd,
  journalStart,
  later,
  type PlacedLine,
  type Position,
  parsePosition,
  readJournal,
} from '../../spool/journal-read.ts';
import { checkSpool, type Spool } from '../../spool/layout.ts';
import { fsyncDirectory, removeLitter } from '../../spool/publish.ts';
import { listing } from '../depths.ts';
import { withQueueHeld } from '../hold.ts';
import { checkContent, verifyBackup } from './check.ts';
import { checkSpace, leaveWal, syncFile, UNPACKED_RATIO, unpack } from './files.ts';
import { addNote, cancelNote, type Note, readNotes } from './history.ts';
import { findPlace, type ReplayReport, replay, type Until } from './replay.ts';
import { type Label, readLabel, stampOf, writeLabel } from './shelf.ts';
import { swapIn } from './swap.ts';

export interface RestoreOptions {
  readonly config: Config;
  readonly spool: Spool;
  readonly database: string;
  /** The backup. */
  readonly file: string;
  /** Restores into this new file instead, and leaves queue and database alone. */
  readonly to?: string | undefined;
  /** Goes no further than this entry, or this time; default: the whole journal. */
  readonly until?: Until | undefined;
  /** Names of entries that are left out. */
  readonly except?: readonly string[];
  /** False: the backup as it is, nothing of the journal. */
  readonly withJournal?: boolean;
  readonly dryRun?: boolean;
  /** Told which step begins and how far it is. */
  readonly onProgress?: (step: RestoreStep, done: number, total: number) => void;
}

export type RestoreStep = 'verify' | 'copy' | 'replay' | 'check';

export interface RestoreReport {
  /** The database, or the file named in `to`. */
  readonly path: string;
  /** Where the database that was there is now; null when there was none. */
  readonly aside: string | null;
  readonly replay: ReplayReport;
  readonly warnings: readonly string[];
}

const TAKE_OLDER = 'Take an older one: queue-maint list shows them.';
const REMAINS = /\.restoring-(\d+)-\d+(-wal|-shm|-journal)?$/;

/**
 * @throws QueueError: NOT_FOUND (no such backup, no such entry, a gap in the journal), DATABASE (the backup is not
 *   sound, the database is in use, the disk too full), WORKER, USAGE. The database is then as it was.
 */
export async function restoreBackup(options: RestoreOptions): Promise<RestoreReport> {
  const { database, spool, onProgress = () => {} } = options;
  onProgress('verify', 0, 1);
  const { problems, warnings } = await verifyBackup(options.file);
  if (problems.length > 0) throw unsound(options.file, problems);
  const label = readLabel(options.file);
  const path = options.to === undefined ? real(database) : resolve(options.to);
  if (options.to !== undefined && existsSync(path))
    throw new QueueError('USAGE', `${path} is there already`, { hint: 'Name a new file with --to.' });
  const work = (): Promise<RestoreReport> => build({ ...options, onProgress }, path, label, warnings);
  return options.to === undefined && !options.dryRun ? withQueueHeld(spool, 'restore', work) : work();
}

type Building = RestoreOptions & { readonly onProgress: NonNullable<RestoreOptions['onProgress']> };

async function build(
  options: Building,
  path: string,
  label: Label | undefined,
  warnings: readonly string[],
): Promise<RestoreReport> {
  const { database, spool, config, file, onProgress } = options;
  const plan = planReplay(options, label);
  removeRemains(path, spool);
  const temporary = `${path}.restoring-${process.pid}-${Date.now()}`;
  try {
    const bytes = statSync(file).size;
    checkSpace(dirname(path), bytes * (file.endsWith('.gz') ? UNPACKED_RATIO : 2), 'the restored database');
    await unpack(file, temporary, (done) => onProgress('copy', done, bytes));
    const report = plan
      ? replay({
          ...plan,
          spool,
          config,
          database,
          file: temporary,
          except: options.except ?? [],
          dryRun: options.dryRun ?? false,
          onProgress: (done, total) => onProgress('replay', done, total),
        })
      : { applied: 0, duplicates: 0, skipped: 0, failed: [], planned: [] };
    if (options.dryRun) return { path, aside: null, replay: report, warnings };
    onProgress('check', 0, 1);
    leaveWal(temporary);
    const { problems } = await checkContent(temporary);
    if (problems.length > 0) throw unsound(file, problems);
    syncFile(temporary);
    const aside =
      options.to === undefined ? exchange(options, temporary, path, plan) : place(temporary, path);
    return { path, aside, replay: report, warnings };
  } finally {
    if (existsSync(temporary) && checkSpool(spool)) cancelNote(spool, temporary);
    for (const suffix of ['', '-wal', '-shm', '-journal']) removeLitter(temporary + suffix);
  }
}

interface Plan {
  readonly from: Position;
  readonly until: Position;
  readonly end: Position;
  readonly notes: readonly Note[];
  readonly seenByBackup: number;
}

/** What of the journal is to be applied. */
function planReplay(options: Building, label: Label | undefined): Plan | undefined {
  const { spool, database, until, withJournal = true, file } = options;
  if (!withJournal && (until || options.except?.length)) {
    throw new QueueError('USAGE', 'without the journal there is nothing to stop at and nothing to leave out');
  }
  if (!checkSpool(spool)) {
    if (until) throw new QueueError('NOT_FOUND', `there is no journal: ${spool.base} is no spool`);
    return undefined;
  }
  const from = (label?.position ? parsePosition(label.position) : undefined) ?? journalStart(spool);
  const end = journalEnd(spool);
  const notes = readNotes(spool, database);
  const seenByBackup = Math.min(label?.notes ?? 0, notes.length);
  if (!withJournal) return { from, until: from, end, notes: [], seenByBackup };
  checkReplayable(options, label, from, end);
  const place = findPlace(spool, from, until);
  if (!place) {
    throw new QueueError('NOT_FOUND', `the journal since ${file} has no entry ${nameIn(until)}`, {
      hint: `It may have been applied before the backup was made. ${TAKE_OLDER}`,
    });
  }
  if (label && until && 'time' in until && isBeyond(spool, from, until.time)) {
    throw new QueueError('NOT_FOUND', `${file} has entries that were applied after that time`, {
      hint: `${TAKE_OLDER} --no-journal restores this one as it is.`,
    });
  }
  return { from, until: place.stop, end, notes: place.seen(notes), seenByBackup };
}

/** True when something before this place in the journal was applied after `time`. */
function isBeyond(spool: Spool, place: Position, time: number): boolean {
  const file = place.offset > 0 ? place.file : place.file - 1;
  let last: PlacedLine | undefined;
  for (const line of readJournal(spool, later(journalStart(spool), { file, offset: 0 }), place)) last = line;
  return last !== undefined && Date.parse(last.appliedAt) > time;
}

function nameIn(until: RestoreOptions['until']): string {
  return until && 'name' in until ? until.name : '';
}

function checkReplayable(
  { spool, file }: Building,
  label: Label | undefined,
  from: Position,
  end: Position,
): void {
  if (label && !label.ledger) throw noReplay(`${file} was made before a worker had written to the database`);
  if (label && label.spool !== spoolIdentity(spool)) {
    throw noReplay(`${file} was made beside another spool, or before this one was reset`);
  }
  if (comparePositions(from, end) <= 0) return;
  const places = `the journal ends at ${formatPosition(end)}, and it was made at ${formatPosition(from)}`;
  throw noReplay(`${file} is newer than the journal: ${places}`);
}

function noReplay(why: string): QueueError {
  return new QueueError('NOT_FOUND', `the journal can't be replayed: ${why}`, {
    hint: '--no-journal restores the backup as it is.',
  });
}

/** Puts the finished copy in the database's place, and notes how far it goes. */
function exchange(options: Building, temporary: string, path: string, plan: Plan | undefined): string | null {
  const { spool, database, except = [] } = options;
  const aside = freeName(`${path}.before-restore-${stampOf(new Date())}`);
  if (existsSync(path)) chmodSync(temporary, statSync(path).mode & 0o777);
  if (!plan) return swapIn(temporary, path, aside) ? aside : null;
  const { from, until, end, notes: seen, seenByBackup } = plan;
  const notes = readNotes(spool, database).length;
  const at = new Date().toISOString();
  addNote(spool, {
    kind: 'restore',
    at,
    database,
    from,
    until,
    end,
    except,
    seen: seen.length,
    seenByBackup,
    temporary,
  });
  if (!swapIn(temporary, path, aside)) return null;
  labelAside(aside, database, spool, end, notes);
  return aside;
}

/** The database that went can be restored like a backup: so that a restore can be undone. */
function labelAside(aside: string, database: string, spool: Spool, end: Position, notes: number): void {
  try {
    const label: Label = {
      format: 1,
      database,
      name: basename(aside),
      createdAt: new Date().toISOString(),
      bytes: statSync(aside).size,
      crc32: null,
      spool: spoolIdentity(spool),
      position: formatPosition(end),
      notes,
      ledger: true,
      verified: null,
    };
    writeLabel(aside, label);
  } catch (error) {
    process.emitWarning(`${aside} has no label: ${messageOf(error)}`);
  }
}

function place(temporary: string, path: string): null {
  renameSync(temporary, path);
  fsyncDirectory(dirname(path));
  return null;
}

function real(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}

function freeName(path: string): string {
  for (let n = 1; ; n++) {
    const name = n === 1 ? path : `${path}.${n}`;
    if (!existsSync(name)) return name;
  }
}

/** What killed restores have left: their exchange has not happened. */
function removeRemains(path: string, spool: Spool): void {
  for (const name of listing(dirname(path))) {
    const pid = name.startsWith(basename(path)) ? REMAINS.exec(name)?.[1] : undefined;
    if (pid === undefined || isRunning(Number(pid))) continue;
    const remains = join(dirname(path), name);
    if (checkSpool(spool)) cancelNote(spool, remains);
    removeLitter(remains);
  }
}

function unsound(file: string, problems: readonly string[]): QueueError {
  return new QueueError('DATABASE', `${file} can't be restored: ${problems.slice(0, 3).join('; ')}`, {
    hint: 'queue-maint list shows other backups; the database is as it was.',
  });
}
