/**
 * What gathers in a queue directory and nobody needs once it is old: lines that failed or were none, lines that are in
 * the database, and half-written files of programs that died. Queue files and what is in .taken/ are lines that wait:
 * they are never touched.
 */
import { lstatSync, readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../errors.ts';
import { queuePlace } from './place.ts';

export interface QueueCleanupOptions {
  /** Age by the time of the last change. */
  readonly days: number;
  readonly dryRun?: boolean;
}

export interface RemovedFile {
  readonly path: string;
  readonly bytes: number;
  /** ISO 8601: when it was last written to. */
  readonly changed: string;
}

const DAY_MS = 86_400_000;
const OURS = [
  /^(.+_)?queue\.failed\.jsonl(\.bak(\.\d+)?)?$/s,
  /^.+_queue\.error\.jsonl$/s,
  /^queue\.log\.bak(\.\d+)?$/,
  // A line that was too long.
  /^.+_queue\.(failed\.)?jsonl\.\d{16}-[0-9a-f]{8}-\d+\.line$/s,
  // What programs write beside a queue file before they rename it.
  /^.*_queue\.jsonl\..*tmp.*$/s,
  /^\..*_queue\.jsonl.*\.(tmp|swp)$/s,
];

/**
 * Removes what is older, or with `dryRun` tells what that would be.
 * @returns the files, oldest first. @throws QueueError NOT_FOUND, system errors.
 */
export function cleanQueues(directory: string, { days, dryRun = false }: QueueCleanupOptions): RemovedFile[] {
  const { dir } = queuePlace(directory);
  const limit = Date.now() - days * DAY_MS;
  const found = readdirSync(dir)
    .filter((name) => OURS.some((pattern) => pattern.test(name)))
    .flatMap((name) => removeIfOld(join(dir, name), limit, dryRun) ?? []);
  return found.sort((a, b) => (a.changed < b.changed ? -1 : 1));
}

function removeIfOld(path: string, limit: number, dryRun: boolean): RemovedFile | undefined {
  // Looked at directly before it goes: a sync may be writing to it again.
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile() || stat.mtimeMs > limit) return undefined;
  try {
    if (!dryRun) unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  return { path, bytes: stat.size, changed: stat.mtime.toISOString() };
}
