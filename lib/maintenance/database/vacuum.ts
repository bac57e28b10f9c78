/**
 * VACUUM: the database is written anew, without free pages and with the rows of a table side by side.
 *
 * The queue is held meanwhile, hooks go on spooling, and readers go on reading. Killed at any moment, the database is the
 * old one or the new one, with the same rows; the temporary file has no name and goes with the process. Rows of a
 * table without an INTEGER PRIMARY KEY may get other rowids.
 */
import { fstatSync, readdirSync, readlinkSync } from 'node:fs';
import type { Spool } from '../../spool/layout.ts';
import { withQueueHeld } from '../hold.ts';
import { checkpointResult, checkpointSql } from './checkpoint.ts';
import { type DatabasePages, readPages, sizeOf } from './pages.ts';
import { requireSpace } from './space.ts';
import { runSql } from './sql-thread.ts';

/** Of what is kept, in a second. An idle SSD was seen to do 80 to 130 MB; a busy one, with others at work, a third. */
const BYTES_PER_SECOND = 40e6;
const LOOK_MS = 100;

export interface VacuumOptions {
  readonly busyTimeout?: number;
  /** Changes the database to auto_vacuum=INCREMENTAL, which `vacuumIncrementally` needs. */
  readonly enableIncremental?: boolean;
  /** Told how far it is, of `total`. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface VacuumReport {
  readonly path: string;
  readonly before: DatabasePages;
  readonly after: DatabasePages;
  /** A reader was in the way: the WAL could not be emptied, and the file is cut by a later checkpoint. */
  readonly busy: boolean;
  readonly seconds: number;
}

/**
 * How many seconds a vacuum may take.
 * @throws QueueError DATABASE when there is too little space for one, or the database can't be read.
 */
export function planVacuum(
  path: string,
  { busyTimeout = 5000 }: Pick<VacuumOptions, 'busyTimeout'> = {},
): { seconds: number } {
  const pages = readPages(path, { busyTimeout });
  requireSpace(path, pages);
  return { seconds: Math.max(1, bytesKept(pages) / BYTES_PER_SECOND) };
}

/**
 * @throws QueueError DATABASE as above, or when a lock is not given up in time; WORKER when the worker does not
 *   leave.
 */
export async function vacuumDatabase(
  spool: Spool,
  path: string,
  options: VacuumOptions = {},
): Promise<VacuumReport> {
  const { busyTimeout = 5000, onProgress } = options;
  planVacuum(path, { busyTimeout });
  return withQueueHeld(spool, 'vacuum', async () => {
    const before = readPages(path, { busyTimeout });
    const start = performance.now();
    const stopWatching = onProgress ? watch(path, bytesKept(before), onProgress) : () => {};
    const mode = options.enableIncremental ? ['PRAGMA main.auto_vacuum = INCREMENTAL'] : [];
    try {
      const rows = await runSql(path, [...mode, 'VACUUM main', checkpointSql('truncate')], { busyTimeout });
      const { busy } = checkpointResult(rows.at(-1));
      const seconds = (performance.now() - start) / 1000;
      return { path, before, after: readPages(path, { busyTimeout }), busy, seconds };
    } finally {
      stopWatching();
    }
  });
}

function bytesKept({ pages, freePages, pageSize }: DatabasePages): number {
  return (pages - freePages) * pageSize;
}

/** SQLite tells nothing, but its files grow: first the temporary one, then the -wal, each to what is kept. */
function watch(path: string, kept: number, onProgress: (done: number, total: number) => void): () => void {
  const walAtStart = sizeOf(`${path}-wal`);
  // A little is left for the end, when the WAL is copied into the database.
  const total = kept * 2.2;
  const timer = setInterval(() => {
    const wal = Math.max(0, sizeOf(`${path}-wal`) - walAtStart);
    // The temporary file stops short of it by what SQLite's cache holds.
    const copied = wal > 0 ? kept : largestUnnamed();
    onProgress(Math.min(kept, copied) + Math.min(kept, wal), total);
  }, LOOK_MS);
  return () => clearInterval(timer);
}

/** Bytes of the largest file that this process has open and that has no name; 0 where the system does not tell. */
function largestUnnamed(): number {
  let largest = 0;
  try {
    for (const fd of readdirSync('/proc/self/fd')) {
      if (!isUnnamed(fd)) continue;
      largest = Math.max(largest, fstatSync(Number(fd)).size);
    }
  } catch {
    // No /proc, or the file was closed at this moment.
  }
  return largest;
}

function isUnnamed(fd: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).endsWith(' (deleted)');
  } catch {
    return false;
  }
}
