/** Which lines of the journal are about a database. */
import { type Config } from '../../config.js';
import type { Entry } from '../../spool/entry.js';
/**
 * Tells of entries whether they are for this database. Paths are compared without symlinks, for people name one in
 * several ways; each is looked at once, since a journal has many lines and few databases.
 */
export declare function entriesFor(database: string, config: Config): (entry: Entry) => boolean;
