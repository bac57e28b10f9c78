/**
 * The target database: one batch of lines, one transaction.
 *
 * A line's own fault fails that line and no other. Batches run without savepoints; only one in which something fails is
 * given up and run again with a savepoint around every line. A line that ends the transaction itself (RAISE(ROLLBACK),
 * ON CONFLICT ROLLBACK) is run alone, after a batch that ends before it. The database's own faults are thrown, and
 * nothing of the batch is done.
 */
import { messageOf } from '../errors.ts';
import { Connection } from '../sink/connection.ts';
import { asOutage, EntryFault, isOutage, reasonOf } from '../sink/outage.ts';
import { RowWriter } from '../sink/rows.ts';
import { Bookkeeping, type Found, type Pending, type Progress } from './bookkeeping.ts';
import type { Failure, Item } from './record.ts';

export interface Applied {
  /** Lines of the batch that were dealt with; the others come with the next one. */
  readonly count: number;
  readonly inserted: number;
  readonly duplicates: number;
  /** By the offset of the line. */
  readonly failures: ReadonlyMap<number, Failure>;
}

interface Open {
  readonly connection: Connection;
  readonly writer: RowWriter;
  readonly books: Bookkeeping;
}

/** Longer than this no batch keeps the lock, if its lines let it. */
const LOCK_MS = 50;
/** Lines between two looks at the clock. */
const STRIDE = 16;
const MISSING_TABLE = 'Create the table, then: queue-sync --replay-failed';

export class Database {
  readonly path: string;
  readonly #busyTimeout: number;
  #open: Open | undefined;
  /** The file whose last batch is pending. */
  #unconfirmed: string | undefined;

  constructor(path: string, busyTimeout: number) {
    this.path = path;
    this.#busyTimeout = busyTimeout;
  }

  /** How far a file is settled. @throws SinkOutage. */
  find(file: string): Found {
    return this.#guard(({ books }) => books.find(file));
  }

  /** @throws SinkOutage when nothing could be written now. */
  check(): void {
    this.#guard(({ connection }) => {
      connection.begin.run();
      connection.db.exec('ROLLBACK');
    });
  }

  /**
   * Writes the rows of a batch, as many as the time for the lock allows.
   * @param describe gives what the batch is to leave in the books; its outputs are opened there, so that one that
   *   can't be written stops it before anything is done.
   * @returns undefined, and nothing is done, when the file is settled to elsewhere than `from`: the database was
   *   replaced, or another sync is at work.
   * @throws SinkOutage, and what `describe` throws; nothing is done then.
   */
  apply(
    file: string,
    items: readonly Item[],
    from: Progress,
    describe: (applied: Applied) => { progress: Progress; pending: Pending },
  ): Applied | undefined {
    return this.#guard((open) => {
      let applied = this.#attempt(open, items, false);
      for (let limit = items.length; typeof applied === 'number'; ) {
        // It ended the transaction: those before it first, then it alone.
        limit = applied === limit ? limit : Math.max(1, applied);
        applied = this.#attempt(open, items.slice(0, limit), true);
      }
      if (open.books.find(file).progress.done !== from.done) {
        open.connection.db.exec('ROLLBACK');
        open.books.forget();
        return undefined;
      }
      const { progress, pending } = describe(applied);
      if (this.#unconfirmed !== undefined && this.#unconfirmed !== file)
        open.books.confirm(this.#unconfirmed);
      open.books.note(file, progress, pending);
      open.connection.commit.run();
      this.#unconfirmed = file;
      return applied;
    });
  }

  /** What the last batch of a file adds is in the outputs. @throws SinkOutage. */
  confirm(file = this.#unconfirmed): void {
    if (file === undefined) return;
    this.#guard(({ books }) => books.confirm(file));
    this.#unconfirmed = undefined;
  }

  /** A file is gone, or going. @throws SinkOutage. */
  remove(file: string): void {
    this.#guard(({ books }) => books.remove(file));
    if (this.#unconfirmed === file) this.#unconfirmed = undefined;
  }

  close(): void {
    this.#open?.connection.close();
    this.#open = undefined;
    this.#unconfirmed = undefined;
  }

  /**
   * Begins the transaction and writes. @returns where a line ended the transaction (`items.length` the first time
   * that something failed without savepoints), else what was done, the transaction still open.
   */
  #attempt({ connection, writer, books }: Open, items: readonly Item[], careful: boolean): Applied | number {
    if (connection.db.inTransaction) connection.db.exec('ROLLBACK');
    books.forget();
    const failures = new Map<number, Failure>();
    connection.begin.run();
    books.create();
    const start = performance.now();
    let inserted = 0;
    let duplicates = 0;
    let count = 0;
    for (const item of items) {
      if (count > 0 && count % STRIDE === 0 && performance.now() - start > LOCK_MS) break;
      count += 1;
      const { parsed } = item;
      if (parsed.kind !== 'row') continue;
      try {
        if (careful) connection.savepoint.run();
        if (writer.write(parsed.row) === 'duplicate') duplicates += 1;
        else inserted += 1;
        if (careful) connection.release.run();
      } catch (error) {
        if (isOutage(reasonOf(error))) throw error;
        if (!careful) return items.length;
        failures.set(item.start, failureOf(error));
        if (connection.db.inTransaction) {
          connection.rollbackTo.run();
          connection.release.run();
        } else if (count > 1) {
          return count - 1;
        } else {
          books.forget();
          connection.begin.run();
          books.create();
          break;
        }
      }
    }
    return { count, inserted, duplicates, failures };
  }

  #guard<T>(work: (open: Open) => T): T {
    try {
      return work(this.#connect());
    } catch (error) {
      this.#giveUp();
      if (isOutage(reasonOf(error))) throw asOutage(this.path, error, false);
      throw error;
    }
  }

  #connect(): Open {
    if (this.#open && !this.#open.connection.changed()) return this.#open;
    this.close();
    const connection = new Connection(this.path, {
      busyTimeout: this.#busyTimeout,
      exactlyOnce: false,
      allowAttach: false,
      mustExist: true,
      createDirectory: false,
    });
    const writer = new RowWriter(connection.db, MISSING_TABLE);
    this.#open = { connection, writer, books: new Bookkeeping(connection.db) };
    return this.#open;
  }

  #giveUp(): void {
    const open = this.#open;
    if (open === undefined) return;
    open.books.forget();
    try {
      if (open.connection.db.inTransaction) open.connection.db.exec('ROLLBACK');
    } catch {
      this.close();
    }
  }
}

function failureOf(error: unknown): Failure {
  // Hints for SQL are for whoever wrote some.
  const hint = error instanceof EntryFault ? error.hint : undefined;
  return { code: reasonOf(error), message: messageOf(error), ...(hint === undefined ? {} : { hint }) };
}
