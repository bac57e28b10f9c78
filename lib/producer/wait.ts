/** Waiting for an entry's fate: it leaves pending/ when it is applied, and stands in failed/ before it leaves. */
import { existsSync, type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../errors.ts';
import type { EntryError } from '../spool/entry.ts';
import type { Spool } from '../spool/layout.ts';
import { readOwnFile } from '../spool/read.ts';
import { wasDuplicateRow } from './load-direct.ts';

export type Fate =
  /** `isDuplicateRow`: nothing was written, for the row was there already. */
  { kind: 'applied'; isDuplicateRow?: true } | { kind: 'failed'; error: EntryError } | { kind: 'pending' };

const POLL_MS = 20;

/**
 * @param seconds how long to wait; Infinity for ever.
 * @param isRow the entry is a structured row: it is told whether that was a duplicate.
 */
export async function waitForEntry(
  spool: Spool,
  name: string,
  seconds: number,
  isRow = false,
): Promise<Fate> {
  const path = join(spool.pending, name);
  const deadline = performance.now() + seconds * 1000;
  const changes = watchIfPossible(spool.pending);
  try {
    while (existsSync(path)) {
      if (performance.now() >= deadline) return { kind: 'pending' };
      await change(changes);
    }
  } finally {
    changes?.close();
  }
  const fate = fateOf(spool, name);
  return isRow && fate.kind === 'applied' && wasDuplicateRow(spool, name)
    ? { ...fate, isDuplicateRow: true }
    : fate;
}

/** No inotify instance may be left, or none be had on this file system: polling goes on without events. */
function watchIfPossible(directory: string): FSWatcher | undefined {
  try {
    return watch(directory, { persistent: false }).on('error', () => {});
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return undefined;
  }
}

/** Resolves at the next event in the directory, or at the next poll. */
function change(changes: FSWatcher | undefined): Promise<void> {
  return new Promise((done) => {
    const settle = (): void => {
      clearTimeout(timer);
      changes?.off('change', settle);
      done();
    };
    const timer = setTimeout(settle, POLL_MS);
    changes?.on('change', settle);
  });
}

function fateOf(spool: Spool, name: string): Fate {
  try {
    const { error } = JSON.parse(readOwnFile(join(spool.failed, name))?.toString() ?? '') as {
      error: EntryError;
    };
    return { kind: 'failed', error };
  } catch {
    return { kind: 'applied' };
  }
}
