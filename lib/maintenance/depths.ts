/**
 * How much lies in the spool, from one listing of each directory.
 *
 * A spool may hold a million entries: nothing is looked at but the names (no stat, no sort), and the age of the
 * oldest entry comes from the sequence in its name.
 */
import { readdirSync } from 'node:fs';
import { codeOf } from '../errors.ts';
import { letterNames } from '../spool/deadletter.ts';
import { isEntryName } from '../spool/entry.ts';
import type { Spool } from '../spool/layout.ts';
import { forEachName } from '../spool/listing.ts';
import { MANIFEST_FILE, readManifest } from '../spool/manifest.ts';
import { priorityOf } from '../spool/order.ts';
import { microsOf } from '../spool/sequence.ts';

export interface Depths {
  /** Entries waiting, those in hand not counted. */
  readonly pending: number;
  /** Entries of the batch in hand that still stand in pending/, and orphans in processing/. */
  readonly processing: number;
  readonly failed: number;
  /** Files in processing/ that are no manifest. */
  readonly orphans: number;
  /** The oldest name in pending/ over all priorities, and the microseconds since 1970 in it. */
  readonly oldest: { readonly name: string; readonly micros: number } | undefined;
}

export function readDepths(spool: Spool): Depths {
  // The manifest first: a name that is in hand now is still in pending/, or counted as done a moment later.
  const inHand = new Set(readManifest(spool)?.names);
  /** The first name of each priority: within one, the order of names is the order of their sequences. */
  const first: (string | undefined)[] = [];
  let count = 0;
  let taken = 0;
  forEachNameIfThere(spool.pending, (name) => {
    count += 1;
    if (inHand.size > 0 && inHand.has(name)) taken += 1;
    const lane = priorityOf(name);
    const known = first[lane];
    if ((known === undefined || name < known) && isEntryName(name) && microsOf(name) > 0) first[lane] = name;
  });
  const orphans = listing(spool.processing).filter((name) => name !== MANIFEST_FILE).length;
  return {
    pending: count - taken,
    processing: taken + orphans,
    failed: letterNames(listing(spool.failed)).length,
    orphans,
    oldest: oldestOf(first),
  };
}

function oldestOf(names: readonly (string | undefined)[]): Depths['oldest'] {
  let oldest: Depths['oldest'];
  for (const name of names) {
    if (name === undefined) continue;
    const micros = microsOf(name);
    if (!oldest || micros < oldest.micros) oldest = { name, micros };
  }
  return oldest;
}

/** A spool that is not there yet has no names. */
function forEachNameIfThere(directory: string, visit: (name: string) => void): void {
  try {
    forEachName(directory, visit);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/** The names in a directory; none when it is not there (yet). */
export function listing(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}
