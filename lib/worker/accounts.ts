/**
 * The worker's side of jobs.db: where the jobs of entries stand, and what became of their entries.
 *
 * jobs.db is opened when an entry with a job turns up, or to remove old jobs; without it there are no jobs, and none is
 * made here. Job accounts never stop the queue for good:
 * - what passes by itself (a lock, a full disk, an I/O error) is thrown, and is to the worker a fault of the spool: it
 *   pauses and does the same again, as recording twice changes nothing. Other errors than a lock and a full disk may
 *   last for PATIENCE_MS.
 * - a file that is no jobs.db any more is moved aside, with an error in the log, and the jobs in it are gone.
 * - what only a person can mend (a later version, a directory in its place, no permission) is logged, and entries are
 *   applied without an account. `dropUnpublished` settles them later.
 */
import { renameSync, statSync } from 'node:fs';
import { codeOf, messageOf, QueueError } from '../errors.ts';
import { jobsFile, jobsPath, openJobs } from '../jobs/database.ts';
import { dropUnpublished, type Fate, prepared, recordFates } from '../jobs/items.ts';
import { removeSomeOld } from '../jobs/retention.ts';
import type { Db } from '../sink/driver.ts';
import type { Spool } from '../spool/layout.ts';
import type { Log } from './log.ts';

/** waiting: for the job it comes after. gone: no job of this name is known. */
export type Standing = 'open' | 'waiting' | 'cancelled' | 'gone';

/** The worker tries again anyway; a longer block would only make it deaf to signals. */
const MAX_BUSY_WAIT_MS = 1000;
const PATIENCE_MS = 60_000;
const PATIENT = /^(SQLITE_(BUSY|LOCKED|FULL)|ENOSPC|EDQUOT)/;
const PASSING = /^(SQLITE_(IOERR|NOMEM|CANTOPEN|PROTOCOL|INTERRUPT)|EIO|EMFILE|ENFILE|ENOMEM)/;
const FOR_A_PERSON = /^(SQLITE_(READONLY|PERM|AUTH|NOLFS|TOOBIG)|EACCES|EPERM|EROFS|ELOOP|ENOTDIR|ENOENT)/;

export class Accounts {
  readonly #spool: Spool;
  readonly #log: Log;
  readonly #busyTimeout: number;
  #db: Db | undefined;
  /** Which file is open: it may be replaced. */
  #file: string | undefined;
  #version: unknown;
  #changes = 0;
  readonly #standings = new Map<string, Standing>();
  readonly #said = new Set<string>();
  /** performance.now() of the first of the errors in a row. */
  #failingSince: number | undefined;

  constructor(spool: Spool, busyTimeout: number, log: Log) {
    this.#spool = spool;
    this.#busyTimeout = Math.min(busyTimeout, MAX_BUSY_WAIT_MS);
    this.#log = log;
  }

  /**
   * Makes sure that what `standing` tells is not older than this call.
   * @returns a number that is another one whenever something has changed.
   */
  refresh(): number {
    const version = this.#attempt((db) => prepared(db, 'PRAGMA data_version').pluck().get());
    const current = `${this.#file} ${version}`;
    if (current === this.#version) return this.#changes;
    this.#version = current;
    this.#standings.clear();
    this.#changes += 1;
    return this.#changes;
  }

  /** Where a job stood at the last `refresh`, or later. */
  standing(job: string): Standing {
    let standing = this.#standings.get(job);
    if (standing === undefined) {
      standing = this.#attempt((db) => standingOf(db, job)) ?? 'gone';
      this.#standings.set(job, standing);
    }
    return standing;
  }

  /**
   * In one transaction, on disk when this returns.
   * @throws QueueError DATABASE, system errors: nothing is recorded, and may be later.
   */
  record(fates: readonly Fate[]): void {
    if (fates.length === 0) return;
    this.#attempt((db) => recordFates(db, fates));
    // One of the jobs may have been completed, and another may start.
    this.#version = undefined;
  }

  /** Removes some of what ended long ago. @returns true when there is more. */
  removeOld(olderThanMs: number): boolean {
    return this.#attempt((db) => removeSomeOld(db, this.#spool, olderThanMs)) ?? false;
  }

  /** Settles items whose producers died before they published them, of jobs that nothing else keeps from ending. */
  dropUnpublished(): void {
    this.#attempt((db) => {
      const open = prepared(db, "SELECT id FROM jobs WHERE is_sealed = 1 AND state IN ('queued', 'running')");
      for (const id of open.pluck().all() as string[]) {
        const count = dropUnpublished(db, this.#spool, id);
        if (count > 0) this.#log('warn', `${count} items of the job '${id}' have no entry in pending/`);
      }
    });
    this.#version = undefined;
  }

  close(): void {
    try {
      this.#db?.close();
    } catch (error) {
      this.#log('warn', `${jobsPath(this.#spool)}: ${messageOf(error)}`);
    }
    this.#db = undefined;
    this.#file = undefined;
  }

  /** @returns undefined when there is no jobs.db, or none that can be used. */
  #attempt<T>(work: (db: Db) => T): T | undefined {
    const path = jobsPath(this.#spool);
    try {
      const db = this.#open();
      const answer = db && work(db);
      this.#failingSince = undefined;
      return answer;
    } catch (error) {
      // What openJobs throws has SQLite's error behind it.
      const code = codeOf(error instanceof QueueError && error.cause ? error.cause : error) ?? '';
      this.#failingSince ??= performance.now();
      const isLasting = performance.now() - this.#failingSince > PATIENCE_MS;
      if (PATIENT.test(code) || (PASSING.test(code) && !isLasting)) {
        throw new QueueError('DATABASE', `the jobs in ${path} can't be recorded: ${messageOf(error)}`, {
          cause: error,
        });
      }
      if (PASSING.test(code) || FOR_A_PERSON.test(code)) this.#sayOnce(messageOf(error));
      else if (code.startsWith('SQLITE_')) this.#setAside(path, error);
      else if (error instanceof QueueError) this.#sayOnce(messageOf(error));
      else throw error;
      return undefined;
    }
  }

  #open(): Db | undefined {
    const file = jobsFile(this.#spool);
    if (this.#db && file === this.#file) return this.#db;
    this.close();
    if (file === undefined) return undefined;
    this.#db = openJobs(this.#spool, { busyTimeout: this.#busyTimeout });
    this.#file = file;
    return this.#db;
  }

  /** The journal first: beside a new file of the old name it would be taken for that one's. */
  #setAside(path: string, error: unknown): void {
    this.close();
    const aside = `${path}.broken-${new Date().toISOString().replace(/[:.]/g, '-')}`;
    for (const suffix of ['-shm', '-wal', '']) {
      if (statSync(path + suffix, { throwIfNoEntry: false })) renameSync(path + suffix, aside + suffix);
    }
    this.#log('error', `the jobs in ${path} are lost: ${messageOf(error)}; the file is now ${aside}`);
  }

  #sayOnce(message: string): void {
    if (this.#said.has(message)) return;
    this.#said.add(message);
    this.#log('error', `entries are applied without an account of their jobs: ${message}`);
  }
}

function standingOf(db: Db, job: string): Standing {
  const row = prepared(db, 'SELECT state, after FROM jobs WHERE id = ?').get(job) as
    | { state: string; after: string | null }
    | undefined;
  if (!row) return 'gone';
  if (row.state === 'cancelled') return 'cancelled';
  return row.after === null ? 'open' : 'waiting';
}
