/**
 * Opening a database that is to be looked after: it must be there, nothing is created, and what is wrong with it is
 * said as one of our errors.
 */
import { statSync } from 'node:fs';
import { messageOf, QueueError } from '../../errors.ts';
import { type Db, loadDriver } from '../../sink/driver.ts';
import { reasonOf, SinkOutage } from '../../sink/outage.ts';

export interface OpenOptions {
  /** Opens the database only for reading. */
  readonly readonly?: boolean;
  /** Milliseconds to wait for another connection's lock; default 5000. */
  readonly busyTimeout?: number;
}

/**
 * Opens the database for `work` and closes it.
 * @throws SinkOutage when it can't be used.
 */
export function withDatabase<T>(path: string, options: OpenOptions, work: (db: Db) => T): T {
  requireDatabase(path);
  try {
    const db = connect(path, options);
    try {
      return work(db);
    } finally {
      db.close();
    }
  } catch (error) {
    throw error instanceof QueueError ? error : failureOf(path, error);
  }
}

/** @throws the driver's errors as they are; SinkOutage when there is no driver. */
export function connect(path: string, { readonly = false, busyTimeout = 5000 }: OpenOptions): Db {
  return new (loadDriver(path))(path, { fileMustExist: true, readonly, timeout: busyTimeout });
}

/** @throws SinkOutage when there is no file; when it is a FIFO, opening it would wait for ever. */
export function requireDatabase(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) {
    throw new SinkOutage(path, 'SQLITE_CANTOPEN', 'it is missing', {
      hint: 'Name another in HIVE_DB or with --db; the first entry makes it, or queue-init.',
    });
  }
  if (!stat.isFile()) {
    throw new SinkOutage(path, 'SQLITE_CANTOPEN', 'it is not a regular file', {
      hint: 'Name another in HIVE_DB or with --db.',
    });
  }
}

/** What the driver threw, with what to do about it. */
export function failureOf(path: string, error: unknown): SinkOutage {
  if (error instanceof SinkOutage) return error;
  const reason = reasonOf(error);
  const hint = HINTS.find(([pattern]) => pattern.test(reason))?.[1];
  return new SinkOutage(path, reason, messageOf(error), { hint, cause: error });
}

const HINTS: readonly (readonly [RegExp, string])[] = [
  [/^SQLITE_(BUSY|LOCKED)/, 'Another process has locked it; try again when that is done.'],
  [
    /^SQLITE_READONLY_(DIRECTORY|CANTINIT)/,
    'Even to read a database in WAL mode, its directory must be writable: give this user permission, or copy it elsewhere.',
  ],
];
