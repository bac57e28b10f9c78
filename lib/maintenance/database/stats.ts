/**
 * Figures about a database. The sizes, pages and counts of tables cost nothing; rows and bytes of each table need all of
 * it read once: rows are counted in the smallest index, bytes summed up over the pages (SQLite's dbstat). It only reads.
 */
import { join } from 'node:path';
import type { Db } from '../../sink/driver.ts';
import { LEDGER, OWN_TABLES } from '../../sink/plan.ts';
import { checkSpool, type Spool } from '../../spool/layout.ts';
import { listing } from '../../spool/listing.ts';
import { quoted, tablesOf } from './analyze.ts';
import { withDatabase } from './open.ts';
import { type DatabasePages, readPages, sizeOf } from './pages.ts';
import { runSql } from './sql-thread.ts';

export interface DatabaseStats extends DatabasePages {
  readonly path: string;
  /** Tables and indexes, without SQLite's and the queue's own. */
  readonly userTables: number;
  readonly userIndexes: number;
  /** Null with `quick`. */
  readonly tables: readonly TableStats[] | null;
  /** Null with `quick`, and before the first entry. */
  readonly ledger: { readonly rows: number; readonly oldest: string | null } | null;
  /** The spool's journal of applied entries. */
  readonly journal: { readonly path: string; readonly files: number; readonly bytes: number };
}

export interface TableStats {
  readonly name: string;
  readonly rows: number;
  /** Pages of the table and of its indexes, in bytes; null if SQLite was compiled without dbstat. */
  readonly bytes: number | null;
  readonly indexBytes: number | null;
}

interface Schema {
  readonly tables: readonly string[];
  readonly userIndexes: number;
  readonly hasLedger: boolean;
  readonly hasDbstat: boolean;
}

/**
 * @param options.quick leaves out what needs the database read.
 * @throws SinkOutage when it can't be read; QueueError SPOOL_UNSAFE.
 */
export async function readDatabaseStats(
  spool: Spool,
  path: string,
  { quick = false, busyTimeout = 5000 }: { quick?: boolean; busyTimeout?: number } = {},
): Promise<DatabaseStats> {
  const pages = readPages(path, { readonly: true, busyTimeout });
  const schema = withDatabase(path, { readonly: true, busyTimeout }, schemaOf);
  return {
    path,
    ...pages,
    userTables: schema.tables.filter((name) => !isQueues(name)).length,
    userIndexes: schema.userIndexes,
    ...(quick ? { tables: null, ledger: null } : await readTables(path, schema, busyTimeout)),
    journal: journalOf(spool),
  };
}

function schemaOf(db: Db): Schema {
  const indexes = db
    .prepare(`SELECT tbl_name FROM main.sqlite_schema WHERE type = 'index' AND sql IS NOT NULL`)
    .pluck()
    .all() as string[];
  const tables = tablesOf(db);
  return {
    tables,
    userIndexes: indexes.filter((table) => !isQueues(table)).length,
    hasLedger: tables.includes(LEDGER),
    hasDbstat: db.prepare(`SELECT 1 FROM pragma_module_list WHERE name = 'dbstat'`).get() !== undefined,
  };
}

function isQueues(table: string): boolean {
  return OWN_TABLES.includes(table);
}

/** Bytes by table, those of the table itself and of its indexes. */
const BYTES = `SELECT s.tbl_name AS name, sum(d.pgsize * (d.name = s.tbl_name)) AS own, sum(d.pgsize) AS together
  FROM dbstat('main', 1) AS d JOIN main.sqlite_schema AS s ON s.name = d.name GROUP BY s.tbl_name`;

async function readTables(
  path: string,
  { tables, hasLedger, hasDbstat }: Schema,
  busyTimeout: number,
): Promise<Pick<DatabaseStats, 'tables' | 'ledger'>> {
  const counts = tables.map((name) => `SELECT count(*) AS rows FROM main.${quoted(name)}`);
  const oldest = hasLedger ? `SELECT min(applied_at) AS oldest FROM main.${LEDGER}` : 'SELECT NULL AS oldest';
  const statements = [...counts, oldest, ...(hasDbstat ? [BYTES] : [])];
  const results = await runSql(path, statements, { readonly: true, busyTimeout });
  const bytes = new Map((hasDbstat ? results.at(-1) : [])?.map((row) => [row.name, row]));
  const found = tables.map((name, index): TableStats => {
    const own = bytes.get(name) as { own: number; together: number } | undefined;
    return {
      name,
      rows: results[index]?.[0]?.rows as number,
      bytes: own?.own ?? null,
      indexBytes: own ? own.together - own.own : null,
    };
  });
  const since = results[tables.length]?.[0]?.oldest as number | null;
  const rows = found.find(({ name }) => name === LEDGER)?.rows;
  const ledger =
    rows === undefined ? null : { rows, oldest: since === null ? null : new Date(since).toISOString() };
  return { tables: found, ledger };
}

function journalOf(spool: Spool): DatabaseStats['journal'] {
  checkSpool(spool);
  const names = listing(spool.completed);
  const sizes = names.map((name) => sizeOf(join(spool.completed, name)));
  return { path: spool.completed, files: names.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}
