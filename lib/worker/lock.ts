/**
 * The worker's lock: an exclusive transaction on the SQLite file `.lock`. The kernel frees it when the process
 * dies, however it dies; a pid file or a mkdir lock would stay behind.
 */
import { closeSync, constants, openSync, statSync } from 'node:fs';
import { codeOf, messageOf, QueueError } from '../errors.ts';
import { type Db, loadDriver } from '../sink/driver.ts';
import { FILE_MODE } from '../spool/layout.ts';
import { unlinkIfThere } from '../spool/publish.ts';

/** A spool, or another directory in which only one process may work at a time. */
export interface Place {
  /** The lock's path. */
  readonly lock: string;
}

/** Inodes of the locks that this process holds. */
const held = new Set<bigint>();

export class WorkerLock {
  readonly #place: Place;
  readonly #database: Db;
  readonly #inode: bigint;

  private constructor(place: Place, database: Db, inode: bigint) {
    this.#place = place;
    this.#database = database;
    this.#inode = inode;
  }

  /** @returns the lock, or undefined when another worker holds it. */
  static tryAcquire(place: Place): WorkerLock | undefined {
    // Closing any descriptor of the file would free the lock of this very process (POSIX locks are per process).
    if (held.has(inodeOf(place.lock))) return undefined;
    for (;;) {
      createFile(place.lock);
      const Driver = loadDriver(place.lock);
      let database: Db | undefined;
      try {
        database = new Driver(place.lock, { timeout: 0 });
        // Nothing is ever written to it, but SQLite would begin a journal file, and on a full disk it could not.
        database.pragma('journal_mode = MEMORY');
        database.exec('BEGIN EXCLUSIVE');
        const inode = inodeOf(place.lock);
        held.add(inode);
        return new WorkerLock(place, database, inode);
      } catch (error) {
        database?.close();
        const code = codeOf(error) ?? '';
        if (code.startsWith('SQLITE_BUSY')) return undefined;
        // Overwritten with something else: nobody can hold it, so a new file is as good.
        if (code !== 'SQLITE_NOTADB' && code !== 'SQLITE_CORRUPT') throw cannotLock(place, error);
        unlinkIfThere(place.lock);
      }
    }
  }

  /** False when the file was removed or replaced: another worker could then lock the new one. */
  isOurs(): boolean {
    return inodeOf(this.#place.lock) === this.#inode;
  }

  release(): void {
    held.delete(this.#inode);
    this.#database.close();
  }
}

function cannotLock(place: Place, error: unknown): QueueError {
  return new QueueError('SPOOL_UNWRITABLE', `the lock ${place.lock} can't be taken: ${messageOf(error)}`, {
    hint: 'Nothing is lost. Move it away, and what stands beside it, or try again later.',
    cause: error,
  });
}

/** O_NOFOLLOW: SQLite itself would follow a planted symlink and write there. */
function createFile(path: string): void {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  closeSync(openSync(path, flags, FILE_MODE));
}

function inodeOf(path: string): bigint {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino ?? BigInt(0);
}
