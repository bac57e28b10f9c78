/**
 * How far the rows of a file are enqueued: one bookmark a job, written in the transaction that registers a block of
 * items. It holds the line of each row of that block, so the line to go on from is known whatever ended the process:
 * what of the block was published are its first rows.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { QueueError } from '../errors.ts';
import { isRunning } from '../processes.ts';
import type { Db } from '../sink/driver.ts';
import { entryName } from '../spool/entry.ts';
import type { Spool } from '../spool/layout.ts';
import { formatSequence } from '../spool/sequence.ts';
import { unregisterItems } from './items.ts';

export interface Bookmark {
  /** The absolute path of the file; '-' for standard input. */
  readonly path: string;
  /** The line of the first row that is not enqueued. */
  readonly line: number;
}

interface BookmarkRow {
  readonly path: string;
  readonly pid: number | null;
  readonly priority: number;
  readonly first: number;
  readonly lines: string;
  readonly next: number;
}

/** Notes the block that is about to be published. Call it in the transaction that registers its items. */
export function noteBlock(
  db: Db,
  id: string,
  block: { path: string; priority: number; first: number; lines: readonly number[] },
): void {
  const { path, priority, first, lines } = block;
  const next = (lines.at(-1) as number) + 1;
  db.prepare('INSERT OR REPLACE INTO job_rows VALUES (?, ?, ?, ?, ?, ?, ?)').run(
    id,
    path,
    process.pid,
    priority,
    first,
    JSON.stringify(lines),
    next,
  );
}

/** The rows stop before `line`, and this process has nothing more to do with them. */
export function leaveBookmark(db: Db, id: string, line: number): void {
  db.prepare("UPDATE job_rows SET pid = NULL, lines = '[]', next = ? WHERE job_id = ?").run(line, id);
}

/** The whole file is enqueued. */
export function removeBookmark(db: Db, id: string): void {
  db.prepare('DELETE FROM job_rows WHERE job_id = ?').run(id);
}

/**
 * Where to go on. What a process that has died had registered and not published is unregistered.
 * @param force go on beside a process that seems to be at it.
 * @returns undefined when no file is left half enqueued.
 * @throws QueueError USAGE when a process still is at it.
 */
export function openBookmark(db: Db, spool: Spool, id: string, force = false): Bookmark | undefined {
  const row = db.prepare('SELECT * FROM job_rows WHERE job_id = ?').get(id) as BookmarkRow | undefined;
  if (!row) return undefined;
  const { path, pid, next } = row;
  if (pid === null) return { path, line: next };
  if (pid !== process.pid && isRunning(pid)) {
    if (force) return { path, line: next };
    throw new QueueError('USAGE', `process ${pid} is enqueueing rows into the job '${id}'`, {
      hint: 'Wait for it or stop it. If it is something else that was given that number: --from-line.',
    });
  }
  const lines = JSON.parse(row.lines) as number[];
  const names = lines.map((_, index) => entryName(row.priority, formatSequence(row.first + index, pid)));
  const published = names.findLastIndex((name) => wasPublished(db, spool, id, name)) + 1;
  unregisterItems(db, id, names.slice(published));
  const line = lines[published] ?? next;
  leaveBookmark(db, id, line);
  return { path, line };
}

/** The file is looked for first: the result of an entry is recorded before the entry leaves. */
function wasPublished(db: Db, spool: Spool, id: string, name: string): boolean {
  if (existsSync(join(spool.pending, name))) return true;
  const state = db
    .prepare('SELECT state FROM job_results WHERE job_id = ? AND name = ?')
    .pluck()
    .get(id, name) as string | undefined;
  // withdrawn: dropUnpublished has been here, for a cancelled job takes no more rows.
  return state === 'done' || state === 'failed';
}
