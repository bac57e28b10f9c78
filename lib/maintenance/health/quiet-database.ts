/**
 * Reading a database without leaving a trace. SQLite makes -wal and -shm when it opens one in WAL mode that nobody
 * has open, and leaves them when it opened it only for reading; see ../database-health.ts.
 *
 * Where both files are there, or the database is in another mode, SQLite opens it read-only. Where neither is, the file
 * is all there is and stands still: it is read into memory, and SQLite looks at that.
 */
import { closeSync, openSync, readFileSync, readSync, type Stats, statSync } from 'node:fs';
import { type Db, loadDriver } from '../../sink/driver.ts';
import { type DatabaseHealth, isWalIndexThere } from '../database-health.ts';

const TIMEOUT_MS = 50;
const LEGACY_FORMAT = 1;

/** How a database that is 'ok' can be looked at now. */
export type Access = 'sqlite' | 'file' | 'unrecovered';

/** 'unrecovered': a -wal that nobody has taken in yet, so that the file alone is not the database. */
export function accessTo({ path, journalMode }: DatabaseHealth): Access {
  if (journalMode !== 'wal') return 'sqlite';
  const wal = statSync(`${path}-wal`, { throwIfNoEntry: false });
  if (wal && isWalIndexThere(path)) return 'sqlite';
  return wal && wal.size > 0 ? 'unrecovered' : 'file';
}

/** Calls `look` with a connection that can only read. @throws whatever SQLite does. */
export function withQuiet<T>(database: DatabaseHealth, access: 'sqlite' | 'file', look: (db: Db) => T): T {
  const { path } = database;
  const options = { readonly: true, fileMustExist: true, timeout: TIMEOUT_MS };
  const Driver = loadDriver(path);
  const copy = access === 'file' ? readUnchanged(path) : undefined;
  const db = copy ? new Driver(copy, { readonly: true }) : new Driver(path, options);
  try {
    return look(db);
  } finally {
    db.close();
  }
}

export interface PageCounts {
  readonly pages: number;
  /** Of these, the ones that hold nothing. */
  readonly free: number;
  /** Bytes of one. */
  readonly pageSize: number;
}

/** As the header has them. */
export function countPages(path: string): PageCounts {
  const header = Buffer.alloc(100);
  const fd = openSync(path, 'r');
  try {
    readSync(fd, header, 0, header.length, 0);
  } finally {
    closeSync(fd);
  }
  const size = header.readUInt16BE(16);
  return {
    pages: header.readUInt32BE(28),
    free: header.readUInt32BE(36),
    pageSize: size === 1 ? 65_536 : size,
  };
}

/** The file's bytes; undefined when someone has opened it meanwhile, and may have been writing. */
function readUnchanged(path: string): Buffer | undefined {
  const before = statSync(path);
  const bytes = readFileSync(path);
  const after = statSync(path);
  if (!isSame(before, after) || statSync(`${path}-wal`, { throwIfNoEntry: false })?.size) return undefined;
  // A database in memory has no WAL: SQLite would refuse one that says it is in WAL mode.
  bytes[18] = LEGACY_FORMAT;
  bytes[19] = LEGACY_FORMAT;
  return bytes;
}

function isSame(a: Stats, b: Stats): boolean {
  return a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs;
}
