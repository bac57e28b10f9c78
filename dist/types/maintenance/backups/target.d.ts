/** Which database a line of the journal is about. */
import { type Config } from '../../config.js';
import type { Entry } from '../../spool/entry.js';
/** The database an entry is for, without symlinks on the way: people name one in several ways. */
export declare function targetOf(entry: Entry, { database, projectRoot }: Config): string;
