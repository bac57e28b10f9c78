/**
 * The ledger: which entries a database already holds.
 *
 * `_queue_ledger(id, applied_at)`: `id` is the entry's key, `applied_at` the time of its batch in milliseconds since
 * 1970 (UTC). A row is written in the transaction that applies the entry, so the two are never apart. The table
 * is always named with its schema: a TEMP table of the same name can't stand in for it.
 */
import type { Db, Prepared } from './driver.ts';
import { LEDGER } from './plan.ts';

export class Ledger {
  readonly #db: Db;
  readonly #create: Prepared;
  #insert: Prepared | undefined;
  #find: Prepared | undefined;
  #now = 0n;

  constructor(db: Db) {
    this.#db = db;
    // WITHOUT ROWID: as quick to fill as a table with an index and half as large, and last_insert_rowid() stays
    // the entries' own.
    const columns = 'id TEXT PRIMARY KEY NOT NULL, applied_at INTEGER NOT NULL';
    this.#create = db.prepare(`CREATE TABLE IF NOT EXISTS main.${LEDGER}(${columns}) WITHOUT ROWID`);
  }

  /** Creates the table if need be and takes the time for the rows to come. Call it inside a transaction. */
  create(): void {
    this.#create.run();
    this.#insert ??= this.#db.prepare(`INSERT OR IGNORE INTO main.${LEDGER} VALUES (?, ?)`);
    this.#now = BigInt(Date.now());
  }

  /** Notes a key; false when it is there already. Call it inside a transaction, after create(). */
  note(key: string): boolean {
    return (this.#insert as Prepared).run(key, this.#now).changes === 1;
  }

  /** Those of the keys that are noted. */
  find(keys: readonly string[]): Set<string> {
    if (!this.#exists()) return new Set();
    this.#find ??= this.#db
      .prepare(`SELECT id FROM main.${LEDGER} WHERE id IN (SELECT value FROM json_each(?))`)
      .pluck();
    return new Set(this.#find.all(JSON.stringify(keys)) as string[]);
  }

  #exists(): boolean {
    return this.#db.prepare('SELECT 1 FROM main.sqlite_schema WHERE name = ?').get(LEDGER) !== undefined;
  }
}
