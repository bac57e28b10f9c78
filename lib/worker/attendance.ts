/**
 * Coming and going: a worker that is announced in worker.pid, with its watchdog, is one that producers count on. So it
 * takes its name away first and looks once more afterwards.
 */
import type { Config } from '../config.ts';
import { messageOf } from '../errors.ts';
import { announce, withdraw } from './presence.ts';
import { clearStartNotes } from './start.ts';
import { Watch } from './watchdog.ts';
import type { Work } from './work.ts';

export class Attendance {
  readonly #work: Work;
  readonly #options: { readonly statementTimeout: Config['statementTimeout']; readonly supervised: boolean };

  constructor(work: Work, supervised: boolean) {
    this.#work = work;
    this.#options = { statementTimeout: work.config.statementTimeout, supervised };
  }

  arrive(): void {
    const { spool, log } = this.#work;
    try {
      announce(spool);
    } catch (error) {
      log('warn', `worker.pid can't be written: ${messageOf(error)}`);
    }
    this.#work.watch = new Watch(spool, this.#options);
  }

  /** Says goodbye, then looks once more. @returns false when there is work after all. */
  async leave(): Promise<boolean> {
    await this.goodbye();
    const { backlog, holds } = this.#work;
    let isOver = false;
    try {
      backlog.putBack(holds.look());
      isOver = holds.isPaused || (backlog.list() === 0 && backlog.ready === 0);
    } finally {
      if (!isOver) this.arrive();
    }
    return isOver;
  }

  /** The watchdog first: it would write worker.pid again. */
  async goodbye(): Promise<void> {
    await this.#work.watch?.end();
    this.#work.watch = undefined;
    withdraw(this.#work.spool);
    clearStartNotes(this.#work.spool);
  }
}
