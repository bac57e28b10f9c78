/** The newest backup of a database that was not found to be bad. */
import { type Backup, backupDirectory, listBackups } from '../backups/shelf.ts';

export interface LastBackup {
  readonly path: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}

/**
 * Of those in its directory; one without a label is no backup that restore could go on from.
 * @returns undefined when there is none.
 * @throws system errors when the directory can't be read.
 */
export function lastGoodBackup(database: string): LastBackup | undefined {
  const isGood = ({ bytes, label }: Backup): boolean =>
    bytes > 0 && label !== undefined && label.verified?.ok !== false;
  const last = listBackups(backupDirectory(database)).find(isGood);
  return last && { path: last.path, createdAt: last.label?.createdAt ?? '' };
}
