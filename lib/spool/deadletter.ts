/**
 * Dead letters: entries that can't be applied, kept in failed/ with the error.
 *
 * An entry that could be read stands there as `failed/NAME` with an `error` field. What was no entry (torn, not
 * JSON, a FIFO, 100 MB) is moved there as it is, with the error beside it in `failed/NAME.why`. Either way the
 * letter is complete before the name leaves pending/: a crash in between tries the entry once more, no more.
 */
import { lstatSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { type Entry, type EntryError, serializeEntry } from './entry.ts';
import type { Spool } from './layout.ts';
import { replaceFile, unlinkIfThere } from './publish.ts';

export const WHY_SUFFIX = '.why';

/** Writes `entry` with its error to failed/NAME and removes it from pending/. */
export function buryEntry(spool: Spool, name: string, entry: Entry, error: EntryError): void {
  const { not_before: _due, ...letter } = entry;
  replaceFile(spool, join(spool.failed, name), serializeEntry({ ...(letter as Entry), error }));
  unlinkIfThere(join(spool.pending, name));
}

/** Moves whatever stands at `directory/NAME` to failed/ as it is, the error in NAME.why. */
export function buryFile(spool: Spool, name: string, error: EntryError, directory = spool.pending): void {
  const target = freeName(spool, name);
  replaceFile(spool, join(spool.failed, target + WHY_SUFFIX), `${JSON.stringify({ error })}\n`);
  renameSync(join(directory, name), join(spool.failed, target));
}

/** A name not taken in failed/: strangers' files may repeat theirs. */
function freeName(spool: Spool, name: string): string {
  const taken = (candidate: string): boolean =>
    lstatSync(join(spool.failed, candidate), { throwIfNoEntry: false }) !== undefined;
  let candidate = name;
  for (let n = 1; taken(candidate); n++) candidate = `${name}.${n}`;
  return candidate;
}
