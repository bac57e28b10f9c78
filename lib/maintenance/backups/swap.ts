/**
 * Putting a finished database in the place of another: the one rename by which a restore takes effect.
 *
 * The database that goes must be nobody's at that moment. SQLite itself says so: it leaves WAL mode, which takes all
 * of -wal into the file and works only for the last connection, and then locks the file exclusively until the
 * rename is done. It stays under another name, a hard link made before, so at no time is there no database. Whoever waited
 * for the lock meanwhile is told by SQLite that the file was moved, and has written nothing.
 */
import { constants, copyFileSync, existsSync, linkSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, messageOf, QueueError } from '../../errors.ts';
import { openFiles, pids } from '../../processes.ts';
import { type Db, loadDriver } from '../../sink/driver.ts';
import { fsyncDirectory, unlinkIfThere } from '../../spool/publish.ts';
import { syncFile } from './files.ts';

const COMPANIONS = ['-wal', '-shm', '-journal'] as const;
const BUSY_TIMEOUT_MS = 5000;

/**
 * Renames `temporary` over `database`; what was there stays as `aside`, with its companions when it is too damaged to
 * be closed properly.
 * @param atLast called when nobody writes to the database any more, before anything is changed.
 * @returns whether there was anything to set aside.
 * @throws QueueError DATABASE when another process has the database open; nothing is changed then.
 */
export function swapIn(temporary: string, database: string, aside: string, atLast: () => void): boolean {
  const wasThere = existsSync(database);
  const holder = wasThere ? holdAlone(database) : undefined;
  try {
    atLast();
    if (wasThere) keepAs(database, aside);
    for (const suffix of COMPANIONS) {
      if (!existsSync(database + suffix)) continue;
      keepAs(database + suffix, aside + suffix);
      // Before the rename: SQLite would take an old -wal for one of the new database.
      unlinkIfThere(database + suffix);
    }
    syncFile(temporary);
    try {
      renameSync(temporary, database);
    } catch (error) {
      removeTwin(database, aside);
      throw error;
    }
    fsyncDirectory(dirname(database));
  } finally {
    holder?.close();
  }
  return wasThere;
}

/**
 * Removes a second name of the database, which a restore that ended before its rename has left: who opened it would
 * not see the -wal, nor be seen.
 */
export function removeTwin(database: string, aside: string): void {
  const [own, other] = [database, aside].map((path) => statSync(path, { throwIfNoEntry: false }));
  if (own && own.ino === other?.ino && own.dev === other.dev) unlinkIfThere(aside);
}

/** @returns an exclusive lock, or undefined for a file that SQLite can't read and nobody has open. */
function holdAlone(database: string): Db | undefined {
  const users = usersOf(database);
  if (users.length > 0) throw inUse(database, `pid ${users.join(', ')}`);
  let db: Db | undefined;
  try {
    db = new (loadDriver(database))(database, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
    for (;;) {
      db.pragma('journal_mode = DELETE');
      db.exec('BEGIN EXCLUSIVE');
      if (db.pragma('journal_mode', { simple: true }) === 'delete') return db;
      // Someone has opened it in between and turned WAL mode on again.
      db.exec('ROLLBACK');
    }
  } catch (error) {
    db?.close();
    const code = codeOf(error) ?? '';
    if (/^SQLITE_(BUSY|LOCKED)/.test(code)) throw inUse(database, 'SQLite says it is locked');
    if (/^SQLITE_(NOTADB|CORRUPT)/.test(code)) return undefined;
    throw new QueueError('DATABASE', `${database} can't be taken out of use: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function inUse(database: string, who: string): QueueError {
  return new QueueError('DATABASE', `${database} is in use by another process (${who})`, {
    hint: 'Close it there and try again; nothing was changed.',
  });
}

/** Other processes that have the file open, where the system tells (Linux, and only one's own processes). */
function usersOf(database: string): number[] {
  return pids().filter((pid) => pid !== process.pid && openFiles(pid)?.has(database));
}

/** A second name for the file; a copy where the file system knows none. */
function keepAs(path: string, name: string): void {
  try {
    linkSync(path, name);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw error;
    copyFileSync(path, name, constants.COPYFILE_EXCL);
    syncFile(name);
  }
}
