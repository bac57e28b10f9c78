/**
 * Dead letters back into the queue, or away.
 *
 * Promises: a letter that is put back is in pending/ before its copy leaves failed/, so a crash in between leaves
 * both. That is harmless: the failed try was rolled back and has no row in the ledger, the copy in pending/ gets one
 * when it is applied, and putting the leftover back once more is then skipped as a duplicate. Nothing in pending/ is
 * overwritten: names are claimed with link(2).
 */
import { lstatSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { WHY_SUFFIX } from '../spool/deadletter.ts';
import { type Entry, isEntryName, serializeEntry } from '../spool/entry.ts';
import type { Spool } from '../spool/layout.ts';
import { entryNameOf, RETRY_SUFFIX, readLetter } from '../spool/letters.ts';
import { moveNew, publishAs, unlinkIfThere } from '../spool/publish.ts';
import { ensureWorker } from './start.ts';

export interface Refusal {
  readonly name: string;
  readonly why: string;
}

export interface RetryResult {
  readonly retried: readonly string[];
  /** Letters that stay in failed/, and why. */
  readonly refused: readonly Refusal[];
}

/**
 * Puts letters back into pending/ with no error and no spent retries, and sees to it that a worker is there. Raw
 * letters go back as they are. What their jobs are told is jobs/retry.ts's.
 * @param names from `findLetters` or `readLetters`.
 * @param isJobless of a job: its entries are to go on without it.
 * @throws system errors when the spool can't be written.
 */
export function putBackLetters(
  spool: Spool,
  names: readonly string[],
  isJobless: (job: string) => boolean = () => false,
): RetryResult {
  const retried: string[] = [];
  const refused: Refusal[] = [];
  for (const name of names) {
    const why = retryLetter(spool, name, isJobless);
    if (why === undefined) retried.push(name);
    else refused.push({ name, why });
  }
  if (retried.length > 0) ensureWorker(spool);
  return { retried, refused };
}

/** Removes letters for good. @returns how many were there. */
export function discardLetters(spool: Spool, names: readonly string[]): number {
  return names.filter((name) => discardLetter(spool, name)).length;
}

/** Removes one letter, its reason last: without the letter the reason is litter, without the reason it is lost. */
export function discardLetter(spool: Spool, name: string): boolean {
  const path = join(spool.failed, name);
  const isThere = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  // What a stranger put into pending/ may have been a directory; a symlink is removed, not followed.
  rmSync(path, { recursive: true, force: true });
  unlinkIfThere(join(spool.failed, name + WHY_SUFFIX));
  return isThere;
}

/** @returns why it can't be put back, or undefined when it has been. */
function retryLetter(spool: Spool, name: string, isJobless: (job: string) => boolean): string | undefined {
  const target = entryNameOf(name);
  const letter = readLetter(spool, name);
  if (!letter) return 'it is not there any more';
  if (!isEntryName(target)) return 'its name is not that of an entry: discard it';
  if (lstatSync(join(spool.pending, target), { throwIfNoEntry: false })) {
    if (name === target + RETRY_SUFFIX) return dropTwin(spool, target);
    // While the worker buries an entry it stands in both places, until it has left pending/.
    return 'an entry of this name is in pending/ already: try again when it is done';
  }
  if (!letter.entry) return retryRaw(spool, name, target);
  const { job, ...alone } = letter.entry;
  return retryEntry(spool, name, target, job !== undefined && isJobless(job) ? alone : letter.entry);
}

/** The entry is in pending/: removes what a retry that was killed between its last two steps has left of its letter. */
export function dropTwin(spool: Spool, target: string): undefined {
  unlinkIfThere(join(spool.failed, target + RETRY_SUFFIX));
}

/**
 * The copy is renamed first: a worker may fail the entry again, and write the new letter under the old name, before we
 * come to remove the old one. A letter with the new name is as good as the old one after a crash.
 */
function retryEntry(spool: Spool, name: string, target: string, letter: Entry): string | undefined {
  const aside = join(spool.failed, target + RETRY_SUFFIX);
  if (name !== target + RETRY_SUFFIX) renameSync(join(spool.failed, name), aside);
  const { error: _error, not_before: _due, ...entry } = letter;
  try {
    if (publishAs(spool, target, serializeEntry({ ...(entry as Entry), retries: 0 }), false)) {
      unlinkIfThere(aside);
      return undefined;
    }
  } catch (error) {
    renameSync(aside, join(spool.failed, name));
    throw error;
  }
  return 'an entry of this name has just come into pending/: try again when it is done';
}

/**
 * The reason leaves first: once the file is back in pending/, a new reason may be written under this name. A crash in
 * between costs the reason, not the letter.
 */
function retryRaw(spool: Spool, name: string, target: string): string | undefined {
  const path = join(spool.failed, name);
  if (!lstatSync(path).isFile()) return 'it is not a regular file: discard it';
  const why = join(spool.failed, name + WHY_SUFFIX);
  const kept = join(spool.tmp, `${process.pid}-${target}${WHY_SUFFIX}`);
  const hasWhy = lstatSync(why, { throwIfNoEntry: false }) !== undefined;
  if (hasWhy) renameSync(why, kept);
  try {
    if (moveNew(path, join(spool.pending, target))) {
      unlinkIfThere(kept);
      return undefined;
    }
  } catch (error) {
    if (hasWhy) renameSync(kept, why);
    throw error;
  }
  if (hasWhy) renameSync(kept, why);
  return 'an entry of this name has just come into pending/: try again when it is done';
}
