/**
 * Which database the files in .taken/ go to. How far they are is written there, so another one must not go on with them:
 * it would get rows that the first one has.
 */
import { closeSync, constants, fsyncSync } from 'node:fs';
import { QueueError } from '../errors.ts';
import { realPathOf } from '../sink/driver.ts';
import { fsyncDirectory, openOwnFile, unlinkIfThere, writeAll } from '../spool/publish.ts';
import { readOwnFile } from '../spool/read.ts';
import { type QueuePlace, unwritable } from './place.ts';

/** @throws QueueError when files that were taken go to another database. */
export function aimAt(place: QueuePlace, database: string): void {
  const own = realPathOf(database);
  const noted = readOwnFile(place.target)?.toString('utf8') ?? '';
  // Without its newline it was cut off while it was written: nothing was settled yet.
  if (noted.endsWith('\n')) {
    if (noted.slice(0, -1) === own) return;
    throw new QueueError(
      'DATABASE',
      `files in ${place.taken} were begun with ${noted.slice(0, -1)}, not with ${own}`,
      {
        hint: `Finish them: queue-sync --once --db '${noted.slice(0, -1)}'. If that database was moved: rm '${place.target}'`,
      },
    );
  }
  try {
    const fd = openOwnFile(place.target, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC);
    try {
      writeAll(fd, Buffer.from(`${own}\n`));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    fsyncDirectory(place.taken);
  } catch (error) {
    throw unwritable(place.target, error);
  }
}

/** Nothing is left to be settled. */
export function forgetTarget(place: QueuePlace): void {
  unlinkIfThere(place.target);
}
