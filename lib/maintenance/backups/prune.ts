/** Removing old backups, but never the newest one that is known to be good. */
import { dirname } from 'node:path';
import { fsyncDirectory, removeLitter, unlinkIfThere } from '../../spool/publish.ts';
import { type Backup, labelPath, listBackups } from './shelf.ts';

export interface PruneOptions {
  /** Only the backups of this name; default: each name for itself. */
  readonly name?: string | undefined;
  /** So many stay of each name. */
  readonly keep?: number | undefined;
  /** Those older than so many days go. */
  readonly days?: number | undefined;
  /** This path stays: it is the one just made, whatever the clock said when the others were. */
  readonly spare?: string | undefined;
}

const DAY_MS = 86_400_000;

/** @returns the paths that were removed, newest first. */
export function pruneBackups(directory: string, options: PruneOptions): string[] {
  const byName = Map.groupBy(listBackups(directory), (backup) => backup.name);
  const surplus = [...byName]
    .filter(([name]) => options.name === undefined || name === options.name)
    .flatMap(([, backups]) => surplusOf(backups, options));
  for (const { path } of surplus) {
    unlinkIfThere(path);
    removeLitter(labelPath(path));
  }
  if (surplus.length > 0) fsyncDirectory(dirname((surplus[0] as Backup).path));
  return surplus.map(({ path }) => path);
}

/** @param backups of one name, newest first. */
function surplusOf(backups: readonly Backup[], { keep, days, spare }: PruneOptions): Backup[] {
  const lastGood = backups.find(({ label }) => label?.verified?.ok === true);
  const limit = days === undefined ? Number.NEGATIVE_INFINITY : Date.now() - days * DAY_MS;
  return backups.filter(
    (backup, index) =>
      backup !== lastGood &&
      backup.path !== spare &&
      (index >= (keep ?? Number.POSITIVE_INFINITY) || backup.time < limit),
  );
}
