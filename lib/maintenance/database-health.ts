/**
 * A look at a database that changes nothing: no file is created, no lock is waited for.
 *
 * Without a -wal or a -shm file nobody has the database open in WAL mode, and its header is read as a plain file:
 * SQLite would create -wal and -shm just to look. With both, SQLite opens it read-only: readers never wait in WAL mode,
 * and a descriptor of our own, once closed, would free the locks of a connection that this process may have.
 */
import { closeSync, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { isUrl, shownTarget } from '../config.ts';
import { codeOf, messageOf } from '../errors.ts';
import { hasWaitingJournal, loadDriver } from '../sink/driver.ts';

export interface DatabaseHealth {
  readonly path: string;
  /** ok; empty: a file of 0 bytes; missing; busy: locked at the moment; faulty: see `message`; remote: a URL. */
  readonly state: 'ok' | 'empty' | 'missing' | 'busy' | 'faulty' | 'remote';
  /** What is wrong, or null. */
  readonly message: string | null;
  /** Bytes, or null when there is no file. */
  readonly size: number | null;
  /** Bytes of the -wal file; 0 without one. */
  readonly walSize: number;
  /** 'wal', 'rollback' (delete, truncate or persist), or null when it can't be told. */
  readonly journalMode: string | null;
}

const MAGIC = 'SQLite format 3\0';
/** Only a database in another mode than WAL can make a reader wait at all. */
const TIMEOUT_MS = 50;

/** Never throws: whatever is wrong is in the result. */
export function lookAtDatabase(path: string): DatabaseHealth {
  const nothing = { path, message: null, size: null, walSize: 0, journalMode: null };
  if (isUrl(path)) return { ...nothing, path: shownTarget(path), state: 'remote' };
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) return { ...nothing, state: 'missing' };
    if (hasWaitingJournal(path)) return { ...nothing, state: 'faulty', message: `${path}-journal is a FIFO` };
    const wal = statSync(`${path}-wal`, { throwIfNoEntry: false });
    const sizes = { ...nothing, size: stat.size, walSize: wal?.size ?? 0 };
    return { ...sizes, ...(wal && isWalIndexThere(path) ? askSqlite(path) : readHeader(path, stat)) };
  } catch (error) {
    return { ...nothing, state: 'faulty', message: messageOf(error) };
  }
}

/** A -wal without its -shm was copied here, or is left from before a reboot: the next writer takes it in. */
export function isWalIndexThere(path: string): boolean {
  return statSync(`${path}-shm`, { throwIfNoEntry: false }) !== undefined;
}

type Finding = Pick<DatabaseHealth, 'state'> & Partial<DatabaseHealth>;

function readHeader(path: string, stat: Stats): Finding {
  if (!stat.isFile()) return { state: 'faulty', message: 'it is not a regular file' };
  if (stat.size === 0) return { state: 'empty' };
  const header = Buffer.alloc(100);
  const fd = openSync(path, 'r');
  let size: number;
  try {
    readSync(fd, header, 0, header.length, 0);
    size = fstatSync(fd).size;
  } finally {
    closeSync(fd);
  }
  if (header.toString('latin1', 0, MAGIC.length) !== MAGIC)
    return { state: 'faulty', message: 'it is not a SQLite database' };
  const journalMode = header[18] === 2 ? 'wal' : 'rollback';
  const pageSize = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16);
  const expected = pageSize * header.readUInt32BE(28);
  // The page count is only valid when the two change counters agree (file format, section 1.3.10).
  const isCounted = header.readUInt32BE(24) === header.readUInt32BE(92);
  if (isCounted && size < expected) {
    return { state: 'faulty', journalMode, message: `it is truncated: ${size} of ${expected} bytes` };
  }
  return { state: 'ok', journalMode };
}

function askSqlite(path: string): Finding {
  try {
    const db = new (loadDriver(path))(path, { readonly: true, fileMustExist: true, timeout: TIMEOUT_MS });
    try {
      db.prepare('SELECT count(*) FROM sqlite_schema').get();
      const mode = db.pragma('journal_mode', { simple: true });
      return { state: 'ok', journalMode: mode === 'wal' ? 'wal' : 'rollback' };
    } finally {
      db.close();
    }
  } catch (error) {
    const isBusy = /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error) ?? '');
    return { state: isBusy ? 'busy' : 'faulty', message: messageOf(error) };
  }
}
