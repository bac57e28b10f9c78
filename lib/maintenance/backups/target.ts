/** Which lines of the journal are about a database. */
import { type Config, databasePath } from '../../config.ts';
import { realPathOf } from '../../sink/driver.ts';
import type { Entry } from '../../spool/entry.ts';

/**
 * Tells of entries whether they are for this database. Paths are compared without symlinks, for people name one in
 * several ways; each is looked at once, since a journal has many lines and few databases.
 */
export function entriesFor(database: string, config: Config): (entry: Entry) => boolean {
  const own = realPathOf(database);
  const answers = new Map<string, boolean>();
  return ({ db }) => {
    const path = db === undefined ? config.database : databasePath(db, config.projectRoot);
    const known = answers.get(path);
    if (known !== undefined) return known;
    const answer = realPathOf(path) === own;
    answers.set(path, answer);
    return answer;
  };
}
