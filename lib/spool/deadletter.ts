/**
 * Dead letters: entries that can't be applied, kept in failed/ with the error.
 *
 * An entry that could be read stands there as `failed/NAME` with an `error` field. What was no entry (torn, not
 * JSON, a FIFO, 100 MB) is moved there as it is, with the error beside it in `failed/NAME.why`. Either way the
 * letter is complete before the name leaves pending/: a crash in between tries the entry once more, no more.
 */
import { lstatSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { type Entry, type EntryError, serializeEntry } from './entry.ts';
import type { Spool } from './layout.ts';
import { replaceFile, unlinkIfThere } from './publish.ts';

export const WHY_SUFFIX = '.why';
/** A name may have 255; a number and the suffix are to fit behind it. */
const MAX_NAME_BYTES = 240;

/** Writes `entry` with its error to failed/NAME and removes it from pending/. */
export function buryEntry(spool: Spool, name: string, entry: Entry, error: EntryError): void {
  const { not_before: _due, ...letter } = entry;
  replaceFile(spool, join(spool.failed, name), serializeEntry({ ...(letter as Entry), error }));
  unlinkIfThere(join(spool.pending, name));
}

/**
 * Moves whatever stands at `directory/NAME` to failed/ as it is, the error in NAME.why.
 * @throws system errors; it then stands where it stood, and NAME.why is gone again.
 */
export function buryFile(spool: Spool, name: string, error: EntryError, directory = spool.pending): void {
  const target = freeName(spool, name);
  const why = join(spool.failed, target + WHY_SUFFIX);
  replaceFile(spool, why, `${JSON.stringify({ error })}\n`);
  try {
    renameSync(pathOf(directory, name), join(spool.failed, target));
  } catch (failure) {
    unlinkIfThere(why);
    throw failure;
  }
}

/** The path in its own bytes: a name that is not UTF-8 has come to us with U+FFFD in their place. */
function pathOf(directory: string, name: string): string | Buffer {
  if (!name.includes('\ufffd')) return join(directory, name);
  const bytes = readdirSync(directory, { encoding: 'buffer' }).find((other) => other.toString() === name);
  return bytes ? Buffer.concat([Buffer.from(`${directory}/`), bytes]) : join(directory, name);
}

/** The letters among the names in failed/: all but the .why files that belong to one, or to none any more. */
export function letterNames(names: readonly string[]): string[] {
  const all = new Set(names);
  // A stranger's pending/x.why is a letter of its own, and has a reason x.why.why.
  return names.filter((name) => !name.endsWith(WHY_SUFFIX) || all.has(name + WHY_SUFFIX));
}

/** A name not taken in failed/, for strangers' files may repeat theirs; short enough for the suffix to fit. */
function freeName(spool: Spool, name: string): string {
  const taken = (candidate: string): boolean =>
    lstatSync(join(spool.failed, candidate), { throwIfNoEntry: false }) !== undefined;
  const stem = Buffer.byteLength(name) <= MAX_NAME_BYTES ? name : cut(name);
  let candidate = stem;
  for (let n = 1; taken(candidate); n++) candidate = `${stem}.${n}`;
  return candidate;
}

/** A character of the name that is cut in two becomes U+FFFD, of 3 bytes. */
function cut(name: string): string {
  return Buffer.from(name)
    .subarray(0, MAX_NAME_BYTES - 3)
    .toString();
}
