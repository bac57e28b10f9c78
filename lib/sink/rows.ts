/**
 * Writing structured rows (row.ts) into one SQLite database, on a connection that has a transaction open.
 *
 * Names are looked up in the real schema and quoted; values are bound. What was read of the schema is read again when
 * its version changes, and once more before a row is refused for it: a rollback gives a version back, so the next
 * change may have the same number.
 *
 * `_queue_hashes(tbl, hash, row_key, source, at)` says which content is in which row: `row_key` is the rowid, or the
 * JSON array of the primary key where there is none, `at` the time in milliseconds since 1970 (UTC). It is written
 * together with the row. A hash counts only while its row is there, and a row has one hash at most: what is written
 * into a row, or into the place of one that was deleted, takes the place of older claims. A row that `ignore` left out
 * gets no hash, for it is in no row.
 */
import { exactJson, parseExactJson } from '../exact-json.ts';
import type { Db, Prepared } from './driver.ts';
import { EntryFault, reasonOf } from './outage.ts';
import type { Value } from './params.ts';
import { HASHES, OWN_TABLES } from './plan.ts';
import {
  badRow,
  checkHash,
  closeTo,
  fieldValue,
  hashOf,
  insertText,
  type OnConflict,
  quoteName,
  type Row,
  shown,
} from './row.ts';

export { type OnConflict, parseRow, type Row } from './row.ts';

/**
 * `written`: inserted, or in the place of another row (`replace`, `update`). `duplicate`: nothing was written, because
 * its hash is known, `ignore` met a conflict, or a trigger said RAISE(IGNORE).
 */
export type RowResult = 'inserted' | 'written' | 'duplicate';

interface Table {
  /** As the schema spells it. */
  readonly name: string;
  /** By name, and by the name in lower case. */
  readonly columns: ReadonlyMap<string, Column>;
  /** What tells its rows apart, quoted; none where nothing does. */
  readonly key: readonly string[];
  readonly hasRowid: boolean;
  readonly exists: Prepared | undefined;
}

interface Column {
  readonly at: number;
  readonly name: string;
  readonly isGenerated: boolean;
}

const MAX_STATEMENTS = 256;

export class RowWriter {
  readonly #db: Db;
  readonly #version: Prepared;
  readonly #tables = new Map<string, Table>();
  readonly #inserts = new Map<string, Prepared>();
  /** null: the database has none. */
  #hashes: Hashes | null | undefined;
  /** The version of the schema that all of this is of. */
  #seen: unknown;
  /** The row in hand is in its table. */
  #isWritten = false;

  constructor(db: Db) {
    this.#db = db;
    this.#version = db.prepare('PRAGMA main.schema_version').pluck();
  }

  /**
   * Writes one row. Call it inside a transaction; when it throws, take back what it did (a savepoint), unless the row
   * was refused before anything was written.
   * @throws EntryFault BAD_ROW, and the driver's errors.
   */
  write(row: Row): RowResult {
    checkHash(row);
    const version = this.#version.get();
    const isOld = version === this.#seen;
    if (!isOld) this.#forget();
    this.#seen = version;
    this.#isWritten = false;
    try {
      return this.#attempt(row);
    } catch (error) {
      if (!isOld || this.#isWritten || !isOfSchema(error)) throw error;
      this.#forget();
      return this.#attempt(row);
    }
  }

  #forget(): void {
    this.#tables.clear();
    this.#inserts.clear();
    this.#hashes = undefined;
  }

  #attempt(row: Row): RowResult {
    const table = this.#table(row.table);
    const columns: Column[] = [];
    const values: Value[] = [];
    for (const field of Object.keys(row.data)) {
      columns.push(columnOf(table, field));
      values.push(fieldValue(row.data[field], field));
    }
    if (columns.length === 0) throw badRow('data holds no field: there is nothing to insert');
    if (new Set(columns).size < columns.length) throw twice(table, Object.keys(row.data));
    const hash = hashOf(row);
    if (hash !== undefined && table.key.length === 0) throw noKey(table);
    if (this.#hashes === undefined || (this.#hashes === null && hash !== undefined))
      this.#hashes = Hashes.open(this.#db, hash !== undefined);
    // Of no hash, too: a table that a rollback took away is missed before the row is written.
    const known = this.#hashes?.find(table.name, hash ?? '');
    if (known !== undefined && isThere(table, known)) return 'duplicate';
    const insert = this.#insert(table, columns, row.onConflict);
    if (!insert.reader) {
      if (insert.run(values).changes === 0) return 'duplicate';
    } else {
      const key = insert.get(values) as unknown[] | undefined;
      if (key === undefined) return 'duplicate';
      this.#isWritten = true;
      const rowKey = table.hasRowid ? (key[0] as bigint) : exactJson(key.map(plainKey));
      this.#hashes?.claim(table.name, rowKey, hash, row.source);
    }
    return row.onConflict === 'replace' || row.onConflict === 'update' ? 'written' : 'inserted';
  }

  #insert(table: Table, columns: readonly Column[], onConflict: OnConflict | undefined): Prepared {
    // Without hashes there are no claims to look after.
    const returning = this.#hashes === null ? [] : table.key;
    const id = `${columns.map(({ at }) => at).join()} ${onConflict ?? ''} ${returning.length} ${table.name}`;
    const known = this.#inserts.get(id);
    if (known) return known;
    const insert = this.#db.prepare(
      insertText({
        into: `main.${quoteName(table.name)}`,
        columns: columns.map(({ name }) => quoteName(name)),
        onConflict,
        returning,
        place: () => '?',
      }),
    );
    if (this.#inserts.size >= MAX_STATEMENTS) this.#inserts.clear();
    this.#inserts.set(id, insert);
    return insert.reader ? insert.raw().safeIntegers() : insert;
  }

  #table(name: string): Table {
    const known = this.#tables.get(name);
    if (known) return known;
    const table = readTable(this.#db, name);
    this.#tables.set(name, table);
    return table;
  }
}

/** The table of hashes. */
class Hashes {
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

  find(table: string, hash: string): RowKey | undefined {
    return this.#find.get(table, hash) as RowKey | undefined;
  }

  /** The row is this content's alone from now on; without a hash, nobody's. */
  claim(table: string, key: RowKey, hash: string | undefined, source: string | undefined): void {
    this.#release.run(table, key);
    if (hash !== undefined) this.#note.run(table, hash, key, source ?? null, BigInt(Date.now()));
  }
}

/** A rowid, or the JSON of a primary key. */
type RowKey = bigint | string;

const CREATE = [
  `CREATE TABLE IF NOT EXISTS main.${HASHES}(tbl TEXT NOT NULL, hash TEXT NOT NULL, row_key NOT NULL, source TEXT, ` +
    'at INTEGER NOT NULL, PRIMARY KEY(tbl, hash)) WITHOUT ROWID',
  `CREATE INDEX IF NOT EXISTS main.${HASHES}_rows ON ${HASHES}(tbl, row_key)`,
];

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

function readTable(db: Db, wanted: string): Table {
  const list = db.prepare("SELECT name, type FROM pragma_table_list WHERE schema = 'main'");
  const tables = list.all() as { name: string; type: string }[];
  const found = tables.find(({ name }) => lower(name) === lower(wanted));
  const isOurs = (name: string): boolean => OWN_TABLES.includes(lower(name)) || /^sqlite_/i.test(name);
  if (isOurs(wanted))
    throw badRow(`the table ${shown(wanted)} is not for rows: it is the queue's or SQLite's own`);
  if (found === undefined) {
    const others = tables
      .filter(({ name, type }) => type === 'table' && !isOurs(name))
      .map(({ name }) => name);
    throw badRow(
      `there is no table ${shown(wanted)}; the database has ${closeTo(wanted, others)}`,
      'Create the table first: in an entry with a smaller priority number, or with sqlite3.',
    );
  }
  const { name, type } = found;
  if (type !== 'table') throw badRow(`${shown(wanted)} is no ordinary table but a ${KINDS[type] ?? type}`);
  const info = db
    .prepare("SELECT name, pk, hidden FROM pragma_table_xinfo(?, 'main') ORDER BY cid")
    .all(name) as { name: string; pk: number; hidden: number }[];
  const columns = new Map<string, Column>();
  info.forEach((column, at) => {
    const own = { at, name: column.name, isGenerated: column.hidden !== 0 };
    columns.set(lower(column.name), own).set(column.name, own);
  });
  const rowid = ['rowid', '_rowid_', 'oid'].find((alias) => !columns.has(alias));
  const hasRowid =
    rowid !== undefined && isAnswered(db, `SELECT ${rowid} FROM main.${quoteName(name)} LIMIT 0`);
  const primary = info.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk);
  const key = hasRowid ? [rowid] : primary.map((column) => quoteName(column.name));
  const condition = key.map((column) => `${column} = ?`).join(' AND ');
  const exists =
    key.length === 0 ? undefined : db.prepare(`SELECT 1 FROM main.${quoteName(name)} WHERE ${condition}`);
  return { name, columns, key, hasRowid, exists };
}

const KINDS: Readonly<Record<string, string>> = {
  view: 'view',
  virtual: 'virtual table',
  shadow: 'part of a virtual table',
};

/** WITHOUT ROWID: SQLite does not know the column. */
function isAnswered(db: Db, sql: string): boolean {
  try {
    db.prepare(sql);
    return true;
  } catch (error) {
    if (reasonOf(error) === 'SQLITE_ERROR') return false;
    throw error;
  }
}

function columnOf({ name, columns }: Table, field: string): Column {
  const column = columns.get(field) ?? columns.get(lower(field));
  if (column === undefined) {
    const others = [...new Set([...columns.values()].filter((other) => !other.isGenerated))];
    const close = closeTo(
      field,
      others.map((other) => other.name),
    );
    throw badRow(`the table ${shown(name)} has no column ${shown(field)}; it has ${close}`);
  }
  if (!column.isGenerated) return column;
  throw badRow(`the column ${shown(column.name)} of ${shown(name)} is generated: it takes no value`);
}

function twice(table: Table, fields: readonly string[]): EntryFault {
  const [field] = fields.filter((one, at) => fields.findIndex((other) => lower(other) === lower(one)) < at);
  return badRow(`data has two fields for the column ${shown(field as string)} of ${shown(table.name)}`);
}

function noKey({ name }: Table): EntryFault {
  return badRow(
    `the rows of ${shown(name)} can't be told apart for their hashes: its columns hide the rowid`,
    'Give it a PRIMARY KEY, or leave out the hash.',
  );
}

/** What a look at the schema as it is now may mend. */
function isOfSchema(error: unknown): boolean {
  return error instanceof EntryFault || /^SQLITE_(ERROR|SCHEMA)/.test(reasonOf(error));
}

/** As SQLite compares names: ASCII alone. */
function lower(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
