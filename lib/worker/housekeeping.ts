/**
 * What a worker looks after from time to time, beside its work: orphans, litter, old jobs, and whether the lock is still
 * its own.
 */
import type { Config } from '../config.ts';
import { QueueError } from '../errors.ts';
import type { Spool } from '../spool/layout.ts';
import { removeLitter } from '../spool/publish.ts';
import { orphanValues } from '../spool/values.ts';
import type { Accounts } from './accounts.ts';
import type { WorkerLock } from './lock.ts';
import type { Log } from './log.ts';
import { recoverOrphans, staleTemporaries } from './recover.ts';

const INTERVAL_MS = 30_000;
const JOBS_INTERVAL_MS = 300_000;

export class Housekeeping {
  readonly #spool: Spool;
  readonly #config: Config;
  readonly #lock: WorkerLock;
  readonly #log: Log;
  readonly #accounts: Accounts;
  #tidiedAt = Number.NEGATIVE_INFINITY;
  #sweptAt = Number.NEGATIVE_INFINITY;
  #jobsAt = Number.NEGATIVE_INFINITY;
  readonly #startedAt = performance.now();

  constructor(spool: Spool, config: Config, lock: WorkerLock, accounts: Accounts, log: Log) {
    this.#spool = spool;
    this.#config = config;
    this.#lock = lock;
    this.#accounts = accounts;
    this.#log = log;
  }

  /**
   * Puts orphans back and removes stale temporaries, when that is due.
   * @throws QueueError WORKER when the lock is another's now; system errors of the spool.
   */
  tidy(): void {
    const now = performance.now();
    if (now - this.#tidiedAt < INTERVAL_MS) return;
    this.#tidiedAt = now;
    if (!this.#lock.isOurs()) throw new QueueError('WORKER', `${this.#spool.lock} was removed or replaced`);
    recoverOrphans(this.#spool, this.#config.processingTimeout * 1000, this.#log);
    for (const path of staleTemporaries(this.#spool)) removeLitter(path);
  }

  /**
   * Looks after the jobs, when that is due: at once in a worker that has nothing to do, later in a busy one. Old ones go
   * a part a call.
   * @throws as Accounts does.
   */
  retireJobs(isIdle: boolean): void {
    const now = performance.now();
    if (now - (isIdle ? this.#jobsAt : Math.max(this.#jobsAt, this.#startedAt)) < JOBS_INTERVAL_MS) return;
    // It looks for the entries of many.
    if (isIdle) this.#accounts.dropUnpublished();
    const { jobRetention } = this.#config;
    if (jobRetention > 0 && this.#accounts.removeOld(jobRetention * 1000)) return;
    this.#jobsAt = now;
  }

  /** Removes values without an entry, when that is due. It looks for the entry of each: only when nothing waits. */
  sweep(): void {
    const now = performance.now();
    if (now - this.#sweptAt < INTERVAL_MS) return;
    this.#sweptAt = now;
    for (const path of orphanValues(this.#spool)) removeLitter(path);
  }
}
