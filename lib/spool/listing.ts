/** Looking through a directory that may hold a million names. */
import { lstatSync, opendirSync, readdirSync, statSync } from 'node:fs';
import { codeOf } from '../errors.ts';

/** Names read from a directory at a time. */
const PORTION = 4096;
/** At least one tick of any file system's clock but FAT's: what changes within it may leave an mtime as it is. */
export const TICK_MS = 20;

/**
 * Calls `visit` with each name, in no order. In portions: half the time of readdirSync, which sorts, and memory for
 * one portion.
 * @throws system errors; ENOENT when there is no such directory.
 */
export function forEachName(directory: string, visit: (name: string) => void): void {
  const handle = opendirSync(directory, { bufferSize: PORTION });
  try {
    for (let entry = handle.readSync(); entry !== null; entry = handle.readSync()) visit(entry.name);
  } finally {
    handle.closeSync();
  }
}

/** One name read, whatever their number. @throws system errors. */
export function isEmpty(directory: string): boolean {
  const handle = opendirSync(directory);
  try {
    return handle.readSync() === null;
  } finally {
    handle.closeSync();
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

/** True when something is there, whatever it is. */
export function isNamed(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** When it was last changed, in milliseconds; 0 when it is not there. */
export function mtimeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
