/**
 * `_queue_sync(file, done, lines, pending)` in the target database: how far each taken file is settled, written in the
 * transaction that writes the rows. `done` counts bytes, `lines` the lines in them.
 *
 * `pending` is the last batch, as long as what it adds to the output files may not be there: where it began, how long
 * the outputs were before it, and which lines failed and why. The rest follows from the lines. One batch at most is
 * pending in a directory: the next one's transaction, or the end of a pass, confirms it.
 */
import type { Db, Prepared } from '../sink/driver.ts';
import { SYNC } from '../sink/plan.ts';
import type { Sizes } from './outputs.ts';
import type { Failure } from './record.ts';

export interface Progress {
  readonly done: number;
  readonly lines: number;
}

export interface Pending {
  readonly from: Progress;
  readonly sizes: Sizes;
  /** ISO 8601: the time in its records. */
  readonly at: string;
  /** By the offset of the line. */
  readonly failures: readonly (readonly [offset: number, failure: Failure])[];
  /** The line without a newline at the end of the file is part of it. */
  readonly torn?: true;
}

export interface Found {
  readonly isKnown: boolean;
  readonly progress: Progress;
  readonly pending: Pending | undefined;
}

type Statements = Readonly<Record<'find' | 'note' | 'confirm' | 'remove', Prepared>>;

export class Bookkeeping {
  readonly #db: Db;
  #statements: Statements | undefined;

  constructor(db: Db) {
    this.#db = db;
  }

  find(file: string): Found {
    const row = this.#open()?.find.get(file) as [number, number, string | null] | undefined;
    if (row === undefined) return { isKnown: false, progress: { done: 0, lines: 0 }, pending: undefined };
    const [done, lines, pending] = row;
    const last = pending === null ? undefined : (JSON.parse(pending) as Pending);
    return { isKnown: true, progress: { done, lines }, pending: last };
  }

  /** Makes the table. Call it inside a transaction; when that is given up, forget(). */
  create(): void {
    if (this.#open()) return;
    const columns =
      'file TEXT PRIMARY KEY NOT NULL, done INTEGER NOT NULL, lines INTEGER NOT NULL, pending TEXT';
    this.#db.exec(`CREATE TABLE IF NOT EXISTS main.${SYNC}(${columns}) WITHOUT ROWID`);
  }

  /** Inside a transaction: a file is settled up to here. */
  note(file: string, { done, lines }: Progress, pending: Pending): void {
    this.#open()?.note.run(file, BigInt(done), BigInt(lines), JSON.stringify(pending));
  }

  /** The outputs have what the file's last batch adds. */
  confirm(file: string): void {
    this.#open()?.confirm.run(file);
  }

  /** The file is gone. */
  remove(file: string): void {
    this.#open()?.remove.run(file);
  }

  /** The transaction was given up in which the table may have been made. */
  forget(): void {
    this.#statements = undefined;
  }

  /** undefined while there is no table. */
  #open(): Statements | undefined {
    if (this.#statements) return this.#statements;
    const exists = this.#db.prepare('SELECT 1 FROM main.sqlite_schema WHERE name = ?').get(SYNC);
    if (exists === undefined) return undefined;
    this.#statements = {
      find: this.#db.prepare(`SELECT done, lines, pending FROM main.${SYNC} WHERE file = ?`).raw(),
      note: this.#db.prepare(`INSERT OR REPLACE INTO main.${SYNC} VALUES (?, ?, ?, ?)`),
      confirm: this.#db.prepare(`UPDATE main.${SYNC} SET pending = NULL WHERE file = ?`),
      remove: this.#db.prepare(`DELETE FROM main.${SYNC} WHERE file = ?`),
    };
    return this.#statements;
  }
}
