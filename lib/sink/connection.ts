/**
 * One open SQLite database, set up the same way every time.
 *
 * - journal_mode=WAL, so that readers and the worker don't wait for each other. A database in another mode is
 *   switched over; if that can't be (others have it open, a file system without shared memory) it is used as it is.
 * - synchronous=FULL: a commit is on the disk before the entries' files are removed. The driver is compiled to use
 *   NORMAL in WAL mode, which a power cut may undo.
 * - foreign_keys=OFF, as in SQLite itself and its shell (the driver turns it on): hook scripts come from the shell,
 *   entries may arrive child before parent, and a deferred violation would fail the COMMIT of a whole batch. An
 *   entry can begin with PRAGMA foreign_keys=ON; it then runs alone.
 *
 * A file that is created gets mode 0600, which SQLite gives to its -wal and -shm as well.
 */
import { type BigIntStats, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, messageOf } from '../errors.ts';
import { type Db, hasWaitingJournal, loadDriver, type Prepared } from './driver.ts';
import { Ledger } from './ledger.ts';
import { Migrator } from './migrate.ts';
import { asOutage, isOutage, reasonOf, SinkOutage } from './outage.ts';
import { pinTime } from './past.ts';
import { SAVEPOINT } from './plan.ts';
import { PlanCache } from './plan-cache.ts';
import { RowWriter } from './rows.ts';
import type { SinkOptions } from './sink.ts';

export class Connection {
  readonly db: Db;
  readonly ledger: Ledger | undefined;
  readonly migrator: Migrator;
  /** Prepared statements belong to the connection, and so do the plans that hold them. */
  readonly plans: PlanCache;
  readonly begin: Prepared;
  readonly commit: Prepared;
  readonly savepoint: Prepared;
  readonly release: Prepared;
  readonly rollbackTo: Prepared;
  #rows: RowWriter | undefined;
  readonly #path: string;
  readonly #identity: string;
  /** Of the WAL and its index. */
  #companions: string | undefined;

  /** @throws SinkOutage when the database can't be used now. */
  constructor(path: string, options: SinkOptions) {
    const Driver = loadDriver(path);
    const before = prepareFile(path, options);
    try {
      // ATTACH may create a file only if the main database was opened so; prepareFile has seen to that one.
      this.db = new Driver(path, { fileMustExist: !options.allowAttach, timeout: options.busyTimeout });
    } catch (error) {
      throw openingOutage(path, error);
    }
    try {
      setUp(this.db);
      if (options.clock) pinTime(this.db, options.clock);
      this.#path = path;
      this.#identity = identityOf(path);
      // Replaced while it was opened: which of the two we hold is anyone's guess.
      if (this.#identity !== before)
        throw new SinkOutage(path, 'SQLITE_CANTOPEN', 'the file was just replaced');
      this.#companions = this.#companionsNow();
      this.begin = this.db.prepare('BEGIN IMMEDIATE');
      this.commit = this.db.prepare('COMMIT');
      this.savepoint = this.db.prepare(`SAVEPOINT ${SAVEPOINT}`);
      this.release = this.db.prepare(`RELEASE ${SAVEPOINT}`);
      this.rollbackTo = this.db.prepare(`ROLLBACK TO ${SAVEPOINT}`);
      this.ledger = options.exactlyOnce ? new Ledger(this.db) : undefined;
      this.plans = new PlanCache(options.allowAttach);
      const { begin, commit } = this;
      this.migrator = new Migrator(this.db, {
        target: path,
        begin,
        commit,
        warn: options.warn ?? (() => {}),
      });
    } catch (error) {
      closeQuietly(this.db);
      throw asOutage(path, error, false);
    }
  }

  /** Writes structured rows; most connections have none to write. */
  get rows(): RowWriter {
    this.#rows ??= new RowWriter(this.db);
    return this.#rows;
  }

  /** Starts a write transaction in which the ledger's table exists. */
  start(): void {
    this.migrator.lookAgain();
    this.begin.run();
    this.ledger?.create();
  }

  /**
   * True when the path leads to another file than the one that is open, or to none; or when its WAL or the index of
   * that was removed or replaced: nobody else would see what we write, and closing brings ours into the file.
   */
  changed(): boolean {
    if (identityOf(this.#path) !== this.#identity) return true;
    const companions = this.#companionsNow();
    this.#companions ??= companions;
    return companions !== this.#companions;
  }

  /** undefined until both are there: SQLite makes them when it needs them. */
  #companionsNow(): string | undefined {
    const [wal, index] = [identityOf(`${this.#path}-wal`), identityOf(`${this.#path}-shm`)];
    return this.#companions === undefined && (wal === '' || index === '') ? undefined : `${wal} ${index}`;
  }

  close(): void {
    closeQuietly(this.db);
  }
}

function setUp(db: Db): void {
  // The first read of the file: anything that is no database is found out here.
  db.prepare('SELECT count(*) FROM sqlite_schema').get();
  useWal(db);
  db.pragma('synchronous = FULL');
  db.pragma('foreign_keys = OFF');
}

function useWal(db: Db): void {
  if (db.pragma('journal_mode', { simple: true }) === 'wal') return;
  try {
    db.pragma('journal_mode = WAL');
  } catch (error) {
    // Only because of others who have it open: carry on in its own mode, with the same guarantees.
    if (!/^SQLITE_(BUSY|LOCKED)(_|$)/.test(reasonOf(error))) throw error;
  }
}

/** Makes sure that there is a file, and returns its identity. */
function prepareFile(path: string, options: SinkOptions): string {
  if (hasWaitingJournal(path))
    throw new SinkOutage(path, 'SQLITE_CANTOPEN', `${path}-journal is a FIFO`, { hint: 'Remove it.' });
  const identity = identityOf(path);
  if (identity !== '') return identity;
  if (options.mustExist) {
    throw new SinkOutage(path, 'SQLITE_CANTOPEN', 'it is missing', {
      hint: 'Put it back, or run queue-init to start a new one, with HIVE_DB as its path.',
    });
  }
  try {
    if (options.createDirectory) mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    // Someone else has just created it, which is as good.
    if (codeOf(error) !== 'EEXIST') throw openingOutage(path, error);
  }
  return identityOf(path);
}

/** Device and inode; '' when nothing is there, or nothing that can be looked at. */
function identityOf(path: string): string {
  let stats: BigIntStats | undefined;
  try {
    stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    // A directory on the way that may not be searched or is none: opening the file gives the error.
  }
  return stats ? `${stats.dev}:${stats.ino}` : '';
}

/** File system errors under the SQLite code that says the same. */
function openingOutage(path: string, error: unknown): SinkOutage {
  const code = codeOf(error) ?? '';
  const reason = isOutage(code)
    ? code
    : code === 'ENOSPC' || code === 'EDQUOT'
      ? 'SQLITE_FULL'
      : code === 'EROFS'
        ? 'SQLITE_READONLY'
        : 'SQLITE_CANTOPEN';
  return new SinkOutage(path, reason, messageOf(error), { cause: error });
}

function closeQuietly(db: Db): void {
  try {
    db.close();
  } catch {
    // Nothing is lost by it: what was committed is on the disk, and the process lets go of the file at its end.
  }
}
