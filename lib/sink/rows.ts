/**
 * Writing structured rows (row.ts) into one SQLite database, on a connection that has a transaction open.
 *
 * Names are looked up in the real schema and quoted; values are bound. What was read of the schema is read again when
 * its version changes, and once more before a row is refused for it: a rollback gives a version back, so the next
 * change may have the same number.
 *
 * With the row goes its hash (hashes.ts). What is written into a row, or into the place of one that was deleted, takes
 * the place of older hashes. A row that `ignore` left out gets no hash, for it is in no row.
 */
import type { Db, Prepared } from './driver.ts';
import { Hashes } from './hashes.ts';
import { EntryFault, reasonOf } from './outage.ts';
import { checkHash, fieldValue, hashOf, insertText, type OnConflict, quoteName, type Row } from './row.ts';
import { type Column, type Insert, noKey, readTable, type Shape, shapeOf, type Table } from './row-table.ts';

/**
 * `written`: inserted, or in the place of another row (`replace`, `update`). `duplicate`: nothing was written, because
 * its hash is known, `ignore` met a conflict, or a trigger said RAISE(IGNORE).
 */
export type RowResult = 'inserted' | 'written' | 'duplicate';

const CREATE_FIRST = 'Create the table first: in an entry with a smaller priority number, or with sqlite3.';

export class RowWriter {
  readonly #db: Db;
  readonly #missingTable: string;
  readonly #version: Prepared;
  readonly #tables = new Map<string, Table>();
  /** null: the database has none. */
  #hashes: Hashes | null | undefined;
  /** The version of the schema that all of this is of. */
  #seen: unknown;
  /** The row in hand is in its table. */
  #isWritten = false;

  /** @param missingTable the hint when a row's table is not there. */
  constructor(db: Db, missingTable = CREATE_FIRST) {
    this.#db = db;
    this.#missingTable = missingTable;
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
    this.#hashes = undefined;
  }

  #attempt(row: Row): RowResult {
    const table = this.#table(row.table);
    const fields = Object.keys(row.data);
    const shape = shapeOf(table, fields);
    const values = fields.map((field) => fieldValue(row.data[field], field));
    const hash = hashOf(row);
    if (hash !== undefined && table.key.length === 0) throw noKey(table);
    if (this.#hashes === undefined || (this.#hashes === null && hash !== undefined))
      this.#hashes = Hashes.open(this.#db, hash !== undefined);
    // Of no hash, too: a table that a rollback took away is missed before the row is written.
    if (this.#hashes?.has(table, hash ?? '')) return 'duplicate';
    if (hash !== undefined && table.isRenumbered) this.#hashes?.keepRowids(table);
    const insert = this.#insert(table, shape, row.onConflict);
    const key = insert(values);
    if (key === undefined) return 'duplicate';
    this.#isWritten = true;
    this.#hashes?.claim(table, key, hash, row.source);
    return row.onConflict === 'replace' || row.onConflict === 'update' ? 'written' : 'inserted';
  }

  #insert(table: Table, shape: Shape, onConflict: OnConflict | undefined): Insert {
    // Without hashes there are no claims to look after.
    const isKeyWanted = this.#hashes !== null;
    const id = `${onConflict ?? ''} ${isKeyWanted}`;
    let insert = shape.inserts.get(id);
    if (insert === undefined) {
      insert = prepareInsert(this.#db, table, shape.columns, onConflict, isKeyWanted);
      shape.inserts.set(id, insert);
    }
    return insert;
  }

  #table(name: string): Table {
    const known = this.#tables.get(name);
    if (known) return known;
    const table = readTable(this.#db, name, this.#missingTable);
    this.#tables.set(name, table);
    return table;
  }
}

/** The last rowid tells the key at less than half the cost of RETURNING; but an update leaves it as it was. */
function prepareInsert(
  db: Db,
  table: Table,
  columns: readonly Column[],
  onConflict: OnConflict | undefined,
  isKeyWanted: boolean,
): Insert {
  const isByRowid = !isKeyWanted || (table.hasRowid && onConflict !== 'update');
  const text = insertText({
    into: `main.${quoteName(table.name)}`,
    columns: columns.map(({ name }) => quoteName(name)),
    onConflict,
    returning: isByRowid ? [] : table.key,
    place: () => '?',
  });
  const insert = db.prepare(text).safeIntegers();
  if (insert.reader) return (values) => insert.raw().get(values) as unknown[] | undefined;
  return (values) => {
    const { changes, lastInsertRowid } = insert.run(values);
    return changes === 0 ? undefined : [lastInsertRowid];
  };
}

/** What a look at the schema as it is now may mend. */
function isOfSchema(error: unknown): boolean {
  return error instanceof EntryFault || /^SQLITE_(ERROR|SCHEMA)/.test(reasonOf(error));
}
