/**
 * The directory of backups: what files are called, what stands beside each, which are there.
 *
 * A backup is `queue_backup_NAME_YYYYMMDD_HHMMSS.db` (UTC), with .gz when compressed. Beside it stands its label,
 * the same name and .json: when and of what it was made, its checksum, where the journal stood, when it was verified.
 * The label is made first, O_EXCL, and is the claim to the name; one whose backup never came is litter.
 */
import { closeSync, lstatSync, openSync, readFileSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { codeOf, QueueError } from '../../errors.ts';
import { FILE_MODE } from '../../spool/layout.ts';
import { listing } from '../../spool/listing.ts';
import { fsyncDirectory, removeLitter } from '../../spool/publish.ts';
import { writeSynced } from './files.ts';

export interface Label {
  readonly format: 1;
  /** The absolute path of the database it was made of. */
  readonly database: string;
  readonly name: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** Of the file as it stands there, compressed or not. */
  readonly bytes: number;
  /** CRC-32 of the file, eight hex digits: against decay, for who can change the file can change this. null: not taken. */
  readonly crc32: string | null;
  /** The random name of the spool whose journal `position` is about; null: there was no spool. */
  readonly spool: string | null;
  /** Everything in the journal before this position is in the backup; the ledger in it knows the rest. */
  readonly position: string | null;
  /** How many notes of restores and replays there were; see history.ts. */
  readonly notes: number;
  /** False: no worker had written to the database yet, so that nothing can be replayed onto it. */
  readonly ledger: boolean;
  readonly verified: Verified | null;
}

export interface Verified {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly ok: boolean;
  readonly problems: readonly string[];
}

export interface Backup {
  /** The absolute path. */
  readonly path: string;
  readonly name: string;
  /** From the file's name: epoch milliseconds. */
  readonly time: number;
  readonly bytes: number;
  /** Undefined when it is missing or unreadable. */
  readonly label: Label | undefined;
}

const FILE = /^queue_backup_(.+)_(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)\.db(\.gz)?$/s;
const NAME = /^[\w.-]{1,100}$/;
const LABEL_SUFFIX = '.json';
/** A label is made seconds before its backup, or minutes for a large one. */
const STALE_LABEL_MS = 24 * 3_600_000;

/** The directory for the backups of a database, unless another is named. */
export function backupDirectory(database: string): string {
  return join(dirname(database), 'backups');
}

/** The name of a database's backups, unless another is given. */
export function backupName(database: string): string {
  const name = basename(database).replace(/\.(db|sqlite3?)$/i, '');
  return NAME.test(name) ? name : 'database';
}

/** @throws QueueError USAGE when it can't be part of a file's name. */
export function checkName(name: string): void {
  if (NAME.test(name)) return;
  throw new QueueError('USAGE', `'${name}' can't be the name of a backup`, {
    hint: 'Use letters, digits, dots, dashes and underscores, at most 100.',
  });
}

export function labelPath(backup: string): string {
  return backup + LABEL_SUFFIX;
}

/** The time in a file's name, UTC: 20260131_180000. */
export function stampOf(time: Date): string {
  return time
    .toISOString()
    .replace(/[-:]|\..*/g, '')
    .replace('T', '_');
}

/**
 * Claims a free name in a directory that is there: `time`, or a second or more later when that one is taken.
 * @returns the path of the backup to come; its label is there, and empty.
 */
export function claimPath(directory: string, name: string, time: Date, suffix: '.db' | '.db.gz'): string {
  for (let at = time.getTime(); ; at += 1000) {
    const path = join(directory, `queue_backup_${name}_${stampOf(new Date(at))}${suffix}`);
    try {
      closeSync(openSync(labelPath(path), 'wx', FILE_MODE));
      return path;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
  }
}

/** Replaces a backup's label, on disk when it returns. */
export function writeLabel(backup: string, label: Label): void {
  const temporary = `${labelPath(backup)}.${process.pid}.tmp`;
  try {
    writeSynced(temporary, `${JSON.stringify(label, undefined, 2)}\n`);
    renameSync(temporary, labelPath(backup));
    fsyncDirectory(dirname(backup));
  } finally {
    removeLitter(temporary);
  }
}

/** Undefined when it is missing, empty or no label. */
export function readLabel(backup: string): Label | undefined {
  try {
    const label = JSON.parse(readFileSync(labelPath(backup), 'utf8')) as Label;
    return label.format === 1 ? label : undefined;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || error instanceof SyntaxError || error instanceof TypeError)
      return undefined;
    throw error;
  }
}

/** The backups in a directory, newest first; none when it is not there. */
export function listBackups(directory: string): Backup[] {
  return listing(directory)
    .map((file) => lookAt(join(directory, file)))
    .filter((backup) => backup !== undefined)
    .sort((a, b) => b.time - a.time || (a.path < b.path ? 1 : -1));
}

/** Undefined when there is no such file, or its name is not a backup's. */
function lookAt(path: string): Backup | undefined {
  const match = FILE.exec(basename(path));
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!match || !stat?.isFile()) return undefined;
  const [, name, ...parts] = match as unknown as [string, string, ...string[]];
  const [year, month, day, hour, minute, second] = parts.map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const time = Date.UTC(year, month - 1, day, hour, minute, second);
  return { path, name, time, bytes: stat.size, label: readLabel(path) };
}

/** Labels without a backup, old enough to be nobody's claim. */
export function staleLabels(directory: string): string[] {
  const files = new Set(listing(directory));
  return [...files]
    .filter((file) => file.endsWith(LABEL_SUFFIX) && FILE.test(file.slice(0, -LABEL_SUFFIX.length)))
    .filter((file) => !files.has(file.slice(0, -LABEL_SUFFIX.length)))
    .map((file) => join(directory, file))
    .filter(
      (path) =>
        Date.now() - (lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > STALE_LABEL_MS,
    );
}
