/** How large a database is, and how much of that is free: what SQLite's header tells, so it costs nothing. */
import { statSync } from 'node:fs';
import type { Db } from '../../sink/driver.ts';
import { type OpenOptions, withDatabase } from './open.ts';

export interface DatabasePages {
  /** Bytes of the file. */
  readonly size: number;
  /** Bytes of its -wal; 0 without one. */
  readonly walSize: number;
  readonly pageSize: number;
  readonly pages: number;
  /** Pages that hold nothing: new rows go there, or a vacuum gives them back. */
  readonly freePages: number;
  /** freePages / pages, from 0 to 1. */
  readonly fragmentation: number;
  /** wal, delete, truncate, persist, ... */
  readonly journalMode: string;
  readonly autoVacuum: 'none' | 'full' | 'incremental';
}

/**
 * @param options not `readonly`: whoever closes a database last tidies its -wal and -shm away, if it may write.
 * @throws SinkOutage when it can't be read.
 */
export function readPages(path: string, options: OpenOptions = {}): DatabasePages {
  const sizes = { size: sizeOf(path), walSize: sizeOf(`${path}-wal`) };
  return withDatabase(path, options, (db) => {
    const pages = numberOf(db, 'page_count');
    const freePages = numberOf(db, 'freelist_count');
    return {
      ...sizes,
      pageSize: numberOf(db, 'page_size'),
      pages,
      freePages,
      fragmentation: pages === 0 ? 0 : freePages / pages,
      journalMode: db.pragma('journal_mode', { simple: true }) as string,
      autoVacuum: (['none', 'full', 'incremental'] as const)[numberOf(db, 'auto_vacuum')] ?? 'none',
    };
  });
}

export function numberOf(db: Db, pragma: string): number {
  return db.pragma(pragma, { simple: true }) as number;
}

/** Bytes of a file; 0 when it is not there. */
export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
