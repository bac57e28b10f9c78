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
import { readJob } from './job.ts';
import { inJobs } from './publish-items.ts';

interface Bookmark {
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

export interface RowBlock {
  readonly path: string;
  readonly priority: number;
  readonly first: number;
  readonly lines: readonly number[];
}

/** Notes the block that is about to be published. Call it in the transaction that registers its items. */
export function noteBlock(db: Db, id: string, block: RowBlock): void {
  note(db, id, block, (block.lines.at(-1) as number) + 1);
}

function note(db: Db, id: string, { path, priority, first, lines }: RowBlock, next: number): void {
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

/** The whole file is enqueued, and the job stays open; `sealJob` does it for one that does not. */
export function removeBookmark(db: Db, id: string): void {
  db.prepare('DELETE FROM job_rows WHERE job_id = ?').run(id);
}

/**
 * Where this process is to go on with the rows of `path`; they are its own from then on. What a process that has died
 * had registered and not published is unregistered.
 * @param from go on there, whatever the bookmark says, and beside a process that seems to be at it.
 * @returns the line.
 * @throws QueueError USAGE when another process still is at it, or another file is half enqueued.
 */
export function openBookmark(db: Db, spool: Spool, id: string, path: string, from?: number): number {
  return inJobs(db, () => {
    const mark = settle(db, spool, id, from !== undefined);
    const isOther = mark !== undefined && mark.path !== path && mark.line > 1;
    if (isOther && from === undefined) {
      throw new QueueError(
        'USAGE',
        `the job '${id}' has rows of ${mark.path} up to line ${mark.line}, and this is ${path}`,
        { hint: 'Give that file, or say where to begin in this one with --from-line.' },
      );
    }
    const line = from ?? (mark?.path === path ? mark.line : 1);
    // Into one that is sealed none will come.
    if (!readJob(db, id).isSealed) note(db, id, { path, priority: 1, first: 0, lines: [] }, line);
    return line;
  });
}

function settle(db: Db, spool: Spool, id: string, force: boolean): Bookmark | undefined {
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
