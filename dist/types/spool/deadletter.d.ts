import { type Entry, type EntryError } from './entry.js';
import type { Spool } from './layout.js';
export declare const WHY_SUFFIX = ".why";
/** Writes `entry` with its error to failed/NAME and removes it from pending/. */
export declare function buryEntry(spool: Spool, name: string, entry: Entry, error: EntryError): void;
/**
 * Moves whatever stands at `directory/NAME` to failed/ as it is, the error in NAME.why.
 * @throws system errors; it then stands where it stood, and NAME.why is gone again.
 */
export declare function buryFile(spool: Spool, name: string, error: EntryError, directory?: string): void;
