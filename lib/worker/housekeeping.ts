/** What a worker looks after from time to time, beside its work: orphans, litter, and whether the lock is still its own. */
import type { Config } from '../config.ts';
import { QueueError } from '../errors.ts';
import type { Spool } from '../spool/layout.ts';
import { removeLitter } from '../spool/publish.ts';
import { orphanValues } from '../spool/values.ts';
import type { WorkerLock } from './lock.ts';
import type { Log } from './log.ts';
import { recoverOrphans, staleTemporaries } from './recover.ts';

const INTERVAL_MS = 30_000;

export class Housekeeping {
  readonly #spool: Spool;
  readonly #config: Config;
  readonly #lock: WorkerLock;
  readonly #log: Log;
  #tidiedAt = Number.NEGATIVE_INFINITY;
  #sweptAt = Number.NEGATIVE_INFINITY;

  constructor(spool: Spool, config: Config, lock: WorkerLock, log: Log) {
    this.#spool = spool;
    this.#config = config;
    this.#lock = lock;
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

  /** Removes values without an entry, when that is due. It looks for the entry of each: only when nothing waits. */
  sweep(): void {
    const now = performance.now();
    if (now - this.#sweptAt < INTERVAL_MS) return;
    this.#sweptAt = now;
    for (const path of orphanValues(this.#spool)) removeLitter(path);
  }
}
