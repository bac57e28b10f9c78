/**
 * How long the oldest entry has been waiting that could be applied now.
 *
 * The names tell the age of all entries, but not which were told to wait (`not_before`): that is inside. So the oldest
 * are read, and only as many as it takes to find one that is due, or as reading in a fraction of a second allows.
 */
import { join } from 'node:path';
import { parseEntry } from './entry.ts';
import type { Spool } from './layout.ts';
import { forEachName } from './listing.ts';
import { readEntryFile } from './read.ts';
import { microsOf, nowMicros } from './sequence.ts';

/** Entries that are read at most: some tens of milliseconds. */
const MOST_READ = 1000;
const DELAYED = '"not_before"';

export interface OldestDue {
  readonly name: string;
  /** Since it was written, or since the time it was told to wait for. */
  readonly seconds: number;
}

/**
 * @param minAge seconds; younger entries are not looked at.
 * @returns the entry; undefined when none is that old; 'delayed' when all that were read are waiting for their time.
 */
export function oldestDue(spool: Spool, minAge: number): OldestDue | 'delayed' | undefined {
  const now = nowMicros();
  const names = oldestNames(spool, now - minAge * 1e6);
  if (names.length === 0) return undefined;
  let oldest: { name: string; since: number } | undefined;
  for (const name of names) {
    // In the order of age: nothing that follows can have been waiting for longer.
    if (oldest && microsOf(name) >= oldest.since) break;
    const since = dueSince(join(spool.pending, name), name);
    if (since === undefined || since > now) continue;
    if (!oldest || since < oldest.since) oldest = { name, since };
  }
  if (oldest) return { name: oldest.name, seconds: (now - oldest.since) / 1e6 };
  return names.length === MOST_READ ? 'delayed' : undefined;
}

/** The oldest names from before `limit`, oldest first. */
function oldestNames(spool: Spool, limit: number): string[] {
  let names: string[] = [];
  let latest = limit;
  const cut = (): void => {
    names = names.sort((a, b) => microsOf(a) - microsOf(b)).slice(0, MOST_READ);
  };
  forEachName(spool.pending, (name) => {
    const micros = microsOf(name);
    if (micros === 0 || micros > latest) return;
    if (names.push(name) < 10 * MOST_READ) return;
    // A million names are neither kept nor sorted: what is younger than these is of no use any more.
    cut();
    latest = microsOf(names.at(-1) as string);
  });
  cut();
  return names;
}

/** Microseconds since 1970 from when on it could be applied; undefined when it has left pending/. */
function dueSince(path: string, name: string): number | undefined {
  const read = readEntryFile(path);
  if (read.kind === 'gone') return undefined;
  const written = microsOf(name);
  // What is no entry is waiting to be set aside, and old all the same.
  if (read.kind !== 'bytes' || !read.bytes.includes(DELAYED)) return written;
  try {
    const { not_before } = parseEntry(read.bytes, name);
    return not_before === undefined ? written : Math.max(written, Date.parse(not_before) * 1000);
  } catch {
    return written;
  }
}
