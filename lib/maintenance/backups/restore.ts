/**
 * Restoring: a backup, and the journal since, in the place of the database.
 *
 * Everything that takes time is done to a copy beside the database: unpacking, replaying, checking. Only then are the two
 * exchanged, by one rename (swap.ts). A crash at any moment leaves the old database or the new one; the copy of a
 * killed restore is removed by the next. The queue is held from the first look at the journal to the exchange, so that
 * nothing is applied to a database that is about to go; hooks go on spooling, and the worker applies that afterwards.
 */
import { chmodSync, existsSync, renameSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Config } from '../../config.ts';
import { messageOf, QueueError } from '../../errors.ts';
import { isRunning } from '../../processes.ts';
import { realPathOf } from '../../sink/driver.ts';
import { spoolIdentity } from '../../spool/identity.ts';
import { comparePositions, formatPosition, journalEnd, type Position } from '../../spool/journal-read.ts';
import { checkSpool, type Spool } from '../../spool/layout.ts';
import { listing } from '../../spool/listing.ts';
import { fsyncDirectory, removeLitter } from '../../spool/publish.ts';
import { withQueueHeld } from '../hold.ts';
import { checkContent, verifyBackup } from './check.ts';
import { checkSpace, enterWal, leaveWal, syncFile, UNPACKED_RATIO, unpack } from './files.ts';
import { addNote, cancelNote, confirmNote, readNotes } from './history.ts';
import type { Until } from './place.ts';
import { appliedAhead, type ReplayReport, replay } from './replay.ts';
import { type Plan, planReplay } from './restore-plan.ts';
import { type Label, readLabel, stampOf, writeLabel } from './shelf.ts';
import { removeTwin, swapIn } from './swap.ts';

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
  const path = options.to === undefined ? realPathOf(database) : resolve(options.to);
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
  const plan = planReplay({ ...options, exactlyOnce: config.exactlyOnce }, label);
  removeRemains(path, spool);
  const temporary = `${path}.restoring-${process.pid}-${Date.now()}`;
  try {
    const bytes = statSync(file).size;
    checkSpace(dirname(path), bytes * (file.endsWith('.gz') ? UNPACKED_RATIO : 2), 'the restored database');
    await unpack(file, temporary, (done) => onProgress('copy', done, bytes));
    if (plan) checkCopy(options, temporary, plan);
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
    enterWal(temporary);
    syncFile(temporary);
    const aside =
      options.to === undefined ? exchange(options, temporary, path, plan) : place(temporary, path);
    return { path, aside, replay: report, warnings };
  } finally {
    if (existsSync(temporary) && checkSpool(spool)) cancelNote(spool, temporary);
    for (const suffix of ['', '-wal', '-shm', '-journal']) removeLitter(temporary + suffix);
  }
}

/** What was applied while the backup was made is in it, although the journal has it after the backup's place. */
function checkCopy(options: Building, copy: string, { from, until, end }: Plan): void {
  const { spool, file, except = [], withJournal = true } = options;
  if (!withJournal) return;
  const tooMuch = appliedAhead(copy, spool, from, end).find(
    ({ name, start }) => except.includes(name) || comparePositions(start, until) >= 0,
  );
  if (!tooMuch) return;
  throw new QueueError('NOT_FOUND', `${file} has ${tooMuch.name} already`, {
    hint: 'Take an older one: queue-maint list shows them.',
  });
}

/** Puts the finished copy in the database's place, and notes how far it goes. */
function exchange(options: Building, temporary: string, path: string, plan: Plan | undefined): string | null {
  const { spool, database, except = [] } = options;
  const aside = freeName(`${path}.before-restore-${stampOf(new Date())}`);
  if (existsSync(path)) chmodSync(temporary, statSync(path).mode & 0o777);
  if (!plan) return swapIn(temporary, path, aside, () => {}) ? aside : null;
  let end = plan.end;
  const notes = readNotes(spool, database).length;
  const wasThere = swapIn(temporary, path, aside, () => {
    end = journalEnd(spool);
    const until = takeIn(options, temporary, plan, end);
    const { from, notes: seen, seenByBackup } = plan;
    const at = new Date().toISOString();
    const kind = 'restore';
    addNote(spool, database, {
      kind,
      at,
      from,
      until,
      end,
      except,
      seen: seen.length,
      seenByBackup,
      temporary,
    });
  });
  confirmNote(spool, temporary);
  if (!wasThere) return null;
  labelAside(aside, database, spool, end, notes);
  return aside;
}

/** What direct writes have put into database and journal since the replay. @returns where the copy ends now. */
function takeIn(options: Building, temporary: string, plan: Plan, end: Position): Position {
  const { spool, config, database, until, withJournal = true } = options;
  if (until || !withJournal || comparePositions(end, plan.end) === 0) return plan.until;
  const { failed } = replay({
    spool,
    config,
    database,
    file: temporary,
    from: plan.end,
    until: end,
    notes: [],
    except: options.except ?? [],
  });
  const [first] = failed;
  if (first)
    throw new QueueError(
      'DATABASE',
      `${first.name} was written meanwhile, and fails now: ${first.error.message}`,
    );
  // The worker's code has left it in WAL mode.
  return end;
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

function freeName(path: string): string {
  for (let n = 1; ; n++) {
    const name = n === 1 ? path : `${path}.${n}`;
    if (!existsSync(name)) return name;
  }
}

/** What killed restores have left: their exchange has not happened. */
function removeRemains(path: string, spool: Spool): void {
  for (const name of listing(dirname(path))) {
    if (name.startsWith(`${basename(path)}.before-restore-`)) removeTwin(path, join(dirname(path), name));
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
