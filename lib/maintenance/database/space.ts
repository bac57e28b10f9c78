/**
 * Whether a vacuum has room. SQLite builds the new database as a file in its temporary directory, then writes all of it
 * into the -wal (without WAL: the old pages into a rollback journal), and last over the database itself, which does
 * not grow. Until then nothing is changed, so a full disk costs the attempt only; but others need that disk too.
 */
import { accessSync, constants, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { QueueError } from '../../errors.ts';
import { formatBytes } from '../../terminal/text.ts';
import type { DatabasePages } from './pages.ts';

/** A frame of the WAL is a page and its header. */
const FRAME_HEADER = 24;
/** For pages that are laid out anew, and the map of pages that auto_vacuum adds. */
const SLACK = 1.01;

/** @throws QueueError DATABASE naming the directory that has too little. */
export function requireSpace(
  path: string,
  { pages, freePages, pageSize, journalMode, size }: DatabasePages,
): void {
  const used = (pages - freePages) * pageSize * SLACK;
  const log = (journalMode === 'wal' ? used : size) * (1 + FRAME_HEADER / pageSize);
  const temporary = { directory: temporaryDirectory(), bytes: used };
  const beside = { directory: dirname(path), bytes: log };
  const oneDisk = deviceOf(temporary.directory) === deviceOf(beside.directory);
  const needs = oneDisk ? [{ ...beside, bytes: used + log }] : [temporary, beside];
  for (const { directory, bytes } of needs) {
    const free = freeBytes(directory);
    if (free >= bytes) continue;
    throw new QueueError(
      'DATABASE',
      `there is too little space in ${directory} for a vacuum: ${formatBytes(free)} of ${formatBytes(bytes)}`,
      {
        hint: `Free some${oneDisk || directory === temporary.directory ? ', or name a directory on another disk in SQLITE_TMPDIR' : ''}.`,
      },
    );
  }
}

/** Where SQLite puts temporary files: the first that is a directory it may write to. */
function temporaryDirectory(): string {
  const candidates = [process.env.SQLITE_TMPDIR, process.env.TMPDIR, '/var/tmp', '/usr/tmp', '/tmp'];
  return candidates.find((name) => name !== undefined && name !== '' && isWritable(name)) ?? '.';
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    return statSync(directory).isDirectory();
  } catch {
    return false;
  }
}

function deviceOf(directory: string): number {
  return statSync(directory).dev;
}

/** What a user without privileges may still write there. */
export function freeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}
