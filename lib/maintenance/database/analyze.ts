/**
 * ANALYZE: statistics of tables and indexes, by which SQLite chooses how to run a query. A table at a time, each in a
 * transaction of its own: the worker waits while one is read, not for all. Interrupted, what was done is done.
 */
import { QueueError } from '../../errors.ts';
import type { Db } from '../../sink/driver.ts';
import { printable } from '../../terminal/text.ts';
import { withDatabase } from './open.ts';
import { runSql } from './sql-thread.ts';

/** So many names are told to who names a table that there is not. */
const SHOWN = 20;

export interface AnalyzeOptions {
  /** Only this table, in any case of letters; default all. */
  readonly table?: string | undefined;
  readonly busyTimeout?: number;
  /** Told how many tables are done. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface AnalyzeReport {
  readonly path: string;
  /** Those that were analyzed. */
  readonly tables: readonly string[];
  readonly seconds: number;
}

/** @throws QueueError NOT_FOUND naming the tables there are; SinkOutage when the database can't be used. */
export async function analyzeDatabase(path: string, options: AnalyzeOptions = {}): Promise<AnalyzeReport> {
  const { table, busyTimeout = 5000, onProgress = () => {} } = options;
  const all = withDatabase(path, { readonly: true, busyTimeout }, tablesOf);
  const tables = table === undefined ? all : [chosen(path, table, all)];
  const start = performance.now();
  const statements = tables.map((name) => `ANALYZE main.${quoted(name)}`);
  await runSql(path, statements, { busyTimeout }, (done) => onProgress(done, tables.length));
  return { path, tables, seconds: (performance.now() - start) / 1000 };
}

/** The tables with rows of their own: no views, no virtual tables, none of SQLite's. */
export function tablesOf(db: Db): string[] {
  return db
    .prepare(
      `SELECT name FROM main.sqlite_schema
       WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name`,
    )
    .pluck()
    .all() as string[];
}

/** A name as an identifier of SQL. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** SQLite's names are the same in capitals, the letters of ASCII only. */
function chosen(path: string, table: string, all: readonly string[]): string {
  const found = all.find((name) => folded(name) === folded(table));
  if (found !== undefined) return found;
  const shown = all.slice(0, SHOWN).map(printable).join(', ');
  const more = all.length > SHOWN ? ` and ${all.length - SHOWN} more` : '';
  throw new QueueError('NOT_FOUND', `there is no table '${printable(table)}' in ${path}`, {
    hint: all.length === 0 ? 'It has none yet.' : `It has ${shown}${more}.`,
  });
}

function folded(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
