/** Which database a line of the journal is about. */
import { type Config, databasePath } from '../../config.ts';
import type { Entry } from '../../spool/entry.ts';
import { realPathOf } from '../database/open.ts';

/** The database an entry is for, without symlinks on the way: people name one in several ways. */
export function targetOf(entry: Entry, { database, projectRoot }: Config): string {
  return realPathOf(entry.db === undefined ? database : databasePath(entry.db, projectRoot));
}
