/**
 * Optimizing: what a database needs now and then. Plain it is quick at any size, and may run beside the worker; full it
 * takes the time of an analysis of all tables, and of a vacuum where much is free.
 */
import type { Spool } from '../../spool/layout.ts';
import { analyzeDatabase } from './analyze.ts';
import { checkpointDatabase } from './checkpoint.ts';
import { withDatabase } from './open.ts';
import { type DatabasePages, readPages } from './pages.ts';
import { planVacuum, vacuumDatabase } from './vacuum.ts';

/** A full one vacuums from this part of free pages on: below, a vacuum costs more than it gives back. */
export const VACUUM_FROM = 0.1;

/** PRAGMA optimize's own default, which bounds the rows that an analysis reads, and besides: tables not queried lately. */
const MASK = 0x1fffe;
/** Says what it would do, and does not. */
const DRY_RUN = 0x1;

export interface OptimizeOptions {
  /** Analyzes all tables to the last row, vacuums, and empties the WAL. */
  readonly full?: boolean;
  readonly busyTimeout?: number;
  /** Told what begins, and how far it is. */
  readonly onProgress?: (what: 'analyze' | 'vacuum', done: number, total: number) => void;
}

export interface OptimizeReport {
  readonly path: string;
  readonly full: boolean;
  readonly before: DatabasePages;
  readonly after: DatabasePages;
  /** Tables whose statistics were made anew. */
  readonly analyzed: readonly string[];
  readonly vacuumed: boolean;
  /** A reader was in the way of the checkpoint: the WAL is as large as before. */
  readonly busy: boolean;
  readonly seconds: number;
}

/** @throws QueueError as its parts do. */
export async function optimizeDatabase(
  spool: Spool,
  path: string,
  { full = false, busyTimeout = 5000, onProgress = () => {} }: OptimizeOptions = {},
): Promise<OptimizeReport> {
  const start = performance.now();
  const before = readPages(path, { busyTimeout });
  const vacuumed = full && before.fragmentation >= VACUUM_FROM;
  // If there is no room for the vacuum, that is said before the analysis takes its time.
  if (vacuumed) planVacuum(path, { busyTimeout });
  const analyzed = full
    ? (await analyzeDatabase(path, { busyTimeout, onProgress: (...far) => onProgress('analyze', ...far) }))
        .tables
    : analyzeWhatNeedsIt(path, busyTimeout);
  if (vacuumed) {
    await vacuumDatabase(spool, path, { busyTimeout, onProgress: (...far) => onProgress('vacuum', ...far) });
  }
  const busy = full && (await checkpointDatabase(path, { mode: 'truncate', busyTimeout })).busy;
  const seconds = (performance.now() - start) / 1000;
  return { path, full, before, after: readPages(path, { busyTimeout }), analyzed, vacuumed, busy, seconds };
}

function analyzeWhatNeedsIt(path: string, busyTimeout: number): string[] {
  return withDatabase(path, { busyTimeout }, (db) => {
    const plan = db
      .prepare(`PRAGMA main.optimize(${MASK | DRY_RUN})`)
      .pluck()
      .all() as string[];
    db.exec(`PRAGMA main.optimize(${MASK})`);
    return plan.flatMap((sql) => {
      const name = /^ANALYZE "main"\."(.*)"$/s.exec(sql)?.[1];
      return name === undefined ? [] : [name.replaceAll('""', '"')];
    });
  });
}
