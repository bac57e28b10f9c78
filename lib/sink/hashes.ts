/**
 * `_queue_hashes(tbl, hash, row_key, source, at)`: which content is in which row. `row_key` is the rowid, or the JSON
 * array of the primary key where there is none, `at` the time in milliseconds since 1970 (UTC). It is written together
 * with the row. A hash counts only while its row is there, and a row has one hash at most.
 */
import { exactJson, parseExactJson } from '../exact-json.ts';
import type { Db, Prepared } from './driver.ts';
import { HASHES } from './plan.ts';
import { quoteName } from './row.ts';
import type { Table } from './row-table.ts';

/** A rowid, or the JSON of a primary key. */
type RowKey = bigint | string;

// UNIQUE: what a row is claimed for takes the place of older claims to it.
const CREATE = [
  `CREATE TABLE IF NOT EXISTS main.${HASHES}(tbl TEXT NOT NULL, hash TEXT NOT NULL, row_key NOT NULL, source TEXT, ` +
    'at INTEGER NOT NULL, PRIMARY KEY(tbl, hash)) WITHOUT ROWID',
  `CREATE UNIQUE INDEX IF NOT EXISTS main.${HASHES}_rows ON ${HASHES}(tbl, row_key)`,
];

export class Hashes {
  readonly #db: Db;
  readonly #find: Prepared;
  readonly #release: Prepared;
  readonly #note: Prepared;

  /** @returns null when there is none and none is to be made. */
  static open(db: Db, create: boolean): Hashes | null {
    if (create) for (const sql of CREATE) db.exec(sql);
    else if (!db.prepare('SELECT 1 FROM main.sqlite_schema WHERE name = ?').get(HASHES)) return null;
    return new Hashes(db);
  }

  private constructor(db: Db) {
    this.#db = db;
    this.#find = db
      .prepare(`SELECT row_key FROM main.${HASHES} WHERE tbl = ? AND hash = ?`)
      .pluck()
      .safeIntegers();
    // Left to itself SQLite takes the primary key, which is to read all hashes of the table.
    this.#release = db.prepare(
      `DELETE FROM main.${HASHES} INDEXED BY ${HASHES}_rows WHERE tbl = ? AND row_key = ?`,
    );
    this.#note = db.prepare(`INSERT OR REPLACE INTO main.${HASHES} VALUES (?, ?, ?, ?, ?)`);
  }

  /** True when the row with this content is in the table. */
  has(table: Table, hash: string): boolean {
    const known = this.#find.get(table.name, hash) as RowKey | undefined;
    return known !== undefined && isThere(table, known);
  }

  /** The row is this content's alone from now on; without a hash, nobody's. */
  claim(table: Table, key: readonly unknown[], hash: string | undefined, source: string | undefined): void {
    const rowKey = table.hasRowid ? (key[0] as bigint) : exactJson(key.map(plainKey));
    if (hash === undefined) this.#release.run(table.name, rowKey);
    else this.#note.run(table.name, hash, rowKey, source ?? null, Date.now());
  }

  /**
   * VACUUM numbers the rows of a table anew that has neither an INTEGER PRIMARY KEY nor any index, so such a table
   * gets one: over no row, and of no column, so that it costs nothing and is in nobody's way.
   */
  keepRowids({ name }: Table): void {
    const isTaken = this.#db.prepare('SELECT 1 FROM main.sqlite_schema WHERE name = ? COLLATE NOCASE');
    const wanted = `_queue_rowids_${name}`;
    let free = wanted;
    for (let number = 2; isTaken.get(free); number++) free = `${wanted}_${number}`;
    this.#db.exec(`CREATE INDEX main.${quoteName(free)} ON ${quoteName(name)}(0) WHERE 0`);
  }
}

function isThere(table: Table, key: RowKey): boolean {
  // A key of the other kind is of a table that was made anew.
  if (table.hasRowid !== (typeof key === 'bigint')) return false;
  const values = typeof key === 'bigint' ? [key] : (parseExactJson(key) as unknown[]).map(boundKey);
  return values.length === table.key.length && table.exists?.get(values) !== undefined;
}

/** JSON has no BLOB. */
function plainKey(value: unknown): unknown {
  return Buffer.isBuffer(value) ? { hex: value.toString('hex') } : value;
}

function boundKey(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Buffer.from((value as { hex: string }).hex, 'hex');
}
