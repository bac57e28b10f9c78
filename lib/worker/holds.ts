/**
 * Entries that wait for a word, not for a time: while their operation is paused, or until the job that theirs comes
 * after is completed. They are read once; their names are kept here until the word comes. And whether the queue as a
 * whole is paused.
 *
 * Whoever resumes an operation or completes a job sees to a worker afterwards, and a worker that leaves looks once more
 * after its goodbye: what is held needs no worker that stays.
 */
import type { Entry } from '../spool/entry.ts';
import type { Spool } from '../spool/layout.ts';
import { TICK_MS } from '../spool/listing.ts';
import { type Pauses, pausesChanged, readPauses } from '../spool/pause.ts';
import type { Accounts } from './accounts.ts';

export class Holds {
  readonly #spool: Spool;
  readonly #accounts: Accounts;
  readonly #byOperation = new Map<string, string[]>();
  readonly #byJob = new Map<string, string[]>();
  #pauses: Pauses = { all: false, operations: [] };
  #pausesAt = 0;
  /** What `refresh` said when the jobs were last looked at. */
  #jobsAt = 0;

  constructor(spool: Spool, accounts: Accounts) {
    this.#spool = spool;
    this.#accounts = accounts;
  }

  /** No batch is to be taken. */
  get isPaused(): boolean {
    return this.#pauses.all;
  }

  /** How many entries wait. */
  get size(): number {
    let count = 0;
    for (const names of [...this.#byOperation.values(), ...this.#byJob.values()]) count += names.length;
    return count;
  }

  /**
   * Looks for words: one stat(2), and a look at jobs.db while something waits for a job.
   * @returns the names that wait no more.
   * @throws as Accounts does; system errors of the spool.
   */
  look(): string[] {
    const at = pausesChanged(this.#spool);
    if (at !== this.#pausesAt) {
      // What changes within the same tick of the file system's clock leaves the time as it is.
      this.#pausesAt = Math.abs(Date.now() - at) < TICK_MS ? Number.NaN : at;
      this.#pauses = readPauses(this.#spool);
    }
    const released = release(this.#byOperation, (operation) => this.#pauses.operations.includes(operation));
    if (this.#byJob.size === 0) return released;
    const jobsAt = this.#accounts.refresh();
    if (jobsAt === this.#jobsAt) return released;
    this.#jobsAt = jobsAt;
    return [...released, ...release(this.#byJob, (job) => this.#accounts.standing(job) === 'waiting')];
  }

  /** Keeps the name when its entry has to wait. */
  keeps(name: string, { operation, job }: Entry): boolean {
    if (this.#pauses.operations.includes(operation)) return keep(this.#byOperation, operation, name);
    if (job === undefined || this.#accounts.standing(job) !== 'waiting') return false;
    return keep(this.#byJob, job, name);
  }

  /** pending/ is about to be listed anew. */
  clear(): void {
    this.#byOperation.clear();
    this.#byJob.clear();
  }
}

function keep(held: Map<string, string[]>, reason: string, name: string): true {
  const names = held.get(reason);
  if (names) names.push(name);
  else held.set(reason, [name]);
  return true;
}

function release(held: Map<string, string[]>, isToWait: (reason: string) => boolean): string[] {
  const released: string[] = [];
  for (const [reason, names] of held) {
    if (isToWait(reason)) continue;
    for (const name of names) released.push(name);
    held.delete(reason);
  }
  return released;
}
