/**
 * The worker: applies a spool's entries to their databases, in order, exactly once.
 *
 * States
 *   starting   take the lock (or leave: another worker has it), announce in worker.pid, recover what was left.
 *   working    take a batch in order, write the manifest, apply, COMMIT, settle, remove the manifest; again.
 *   waiting    nothing is ready: wait for an event, a due time or a poll.
 *   paused     the queue as a whole is: no batch is taken until it is resumed. Leaving as ever.
 *   outage     a database can't be used: its entries are parked and tried with backoff; others go on.
 *   leaving    idle for QUEUE_IDLE_EXIT: take worker.pid and the start notes away, list pending/ once more; go on
 *              if there is work, else free the lock. Producers publish before they look, so none is stranded.
 *   stopped    SIGTERM, SIGINT or the watchdog: the batch in hand is finished, processing/ is empty.
 *
 * A SIGKILL in any state costs nothing: see recover.ts.
 */
import { existsSync } from 'node:fs';
import type { Config } from '../config.ts';
import { messageOf, QueueError } from '../errors.ts';
import { spoolIdentity } from '../spool/identity.ts';
import { Journal } from '../spool/journal.ts';
import { ensureSpool, type Spool } from '../spool/layout.ts';
import { removeManifest } from '../spool/manifest.ts';
import { readStats } from '../spool/stats.ts';
import { Accounts } from './accounts.ts';
import type { Alerts } from './alert-thread.ts';
import { Attendance } from './attendance.ts';
import { Backlog } from './backlog.ts';
import { backoff } from './backoff.ts';
import { applyBatch } from './batch.ts';
import { isDrained } from './drained.ts';
import { FilesThread } from './files-thread.ts';
import { gatheringOf, NO_GATHERING } from './gather.ts';
import { Holds } from './holds.ts';
import { Housekeeping } from './housekeeping.ts';
import type { WorkerLock } from './lock.ts';
import type { Log } from './log.ts';
import { Notebook } from './notebook.ts';
import { NO_SUSPICION, recoverBatch } from './recover.ts';
import { buryOddNames, takeBatch } from './take.ts';
import { Targets } from './targets.ts';
import { gone, settledOf, type Work, type WorkerSummary } from './work.ts';

/** How often the counters are written when there is no work. */
const NOTE_WHEN_IDLE_MS = 100;
/** With fewer entries ready the thread would start after they are done. */
const FILES_THREAD_FROM = 5000;

export interface WorkerOptions {
  readonly spool: Spool;
  readonly config: Config;
  readonly log: Log;
  /** Held by the caller until `run` has returned. */
  readonly lock: WorkerLock;
  /** Drain what is due now, then return. */
  readonly once?: boolean;
  /** A parent process starts the successor after a SIGKILL by the watchdog. */
  readonly supervised?: boolean;
  /** Is told of outages and failures. */
  readonly alerts?: Alerts | undefined;
  /** How many names of one priority are held; see order.ts. */
  readonly laneLimit?: number;
}

export class Worker {
  readonly #options: WorkerOptions;
  readonly #work: Work;
  readonly #housekeeping: Housekeeping;
  readonly #notebook: Notebook;
  readonly #attendance: Attendance;
  #recovered = false;
  /** Once, in this process. */
  #hasRecovered = false;
  /** There has been nothing to apply since the last recovery: what waits waits for a database, a time or a word. */
  #hasTriedAll = false;
  #stopping = false;
  /** How long the next batch waits for more entries. */
  #gathering = NO_GATHERING;
  /** Faults of the spool in a row. */
  #faults = 0;
  #faultySince = 0;

  /** @throws QueueError SPOOL_UNSAFE or SPOOL_UNWRITABLE. */
  constructor(options: WorkerOptions) {
    const { spool, config, log } = options;
    ensureSpool(spool);
    const stats = { ...readStats(spool), outages: {} };
    this.#options = options;
    const accounts = new Accounts(spool, config.busyTimeout, log);
    this.#housekeeping = new Housekeeping(spool, config, options.lock, accounts, log);
    this.#work = {
      spool,
      config,
      log,
      stats,
      identity: '',
      journal: new Journal(spool),
      targets: new Targets(config, stats, log),
      backlog: new Backlog(spool, config, options.laneLimit),
      accounts,
      holds: new Holds(spool, accounts),
      summary: { applied: 0, duplicates: 0, failed: 0, held: 0, paused: false },
      unfinished: new Set(),
      values: new Map(),
      committed: new Set(),
      tooLarge: new Map(),
      suspicion: NO_SUSPICION,
      watch: undefined,
      files: undefined,
    };
    this.#notebook = new Notebook(spool, stats, this.#work.backlog);
    this.#attendance = new Attendance(this.#work, options.supervised ?? false);
  }

  /** Finishes the batch in hand and lets `run` return. */
  stop(): void {
    this.#stopping = true;
    this.#work.backlog.interrupt();
  }

  /** Works until stopped, idle for QUEUE_IDLE_EXIT, or, with `once`, done. */
  async run(): Promise<WorkerSummary> {
    this.#attendance.arrive();
    this.#tell();
    try {
      await this.#loop();
    } finally {
      await this.#depart();
    }
    return this.#work.summary;
  }

  async #loop(): Promise<void> {
    const { backlog, holds, targets } = this.#work;
    let busyAt = performance.now();
    while (!this.#stopping && !this.#work.watch?.stopRequested) {
      try {
        const isBusy = this.#step();
        this.#tell();
        if (isBusy) {
          busyAt = performance.now();
          // Lets signals, file events and the other thread's reports in. Twice: after a step that an event woke, the
          // first is still in the same turn of the event loop, which has looked for events already.
          await new Promise((done) => setImmediate(() => setImmediate(done)));
          continue;
        }
        await this.#dismiss();
        this.#notebook.tryToNote(NOTE_WHEN_IDLE_MS);
        if (backlog.putOff + targets.parked === 0) this.#housekeeping.sweep();
        this.#housekeeping.retireJobs(true);
        if (this.#options.once && isDrained(this.#work) && (await this.#attendance.leave())) return;
        if (this.#isIdleSince(busyAt) && (await this.#attendance.leave())) return;
      } catch (error) {
        await this.#pauseAfter(error);
        continue;
      }
      if (holds.isPaused) await backlog.rest();
      else {
        const { ms, isExpected } = this.#gathering;
        await backlog.wait(Math.min(targets.untilNextTry(), ms || Number.POSITIVE_INFINITY), isExpected);
      }
    }
  }

  /** One step of work. @returns false when there is nothing to do now. */
  #step(): boolean {
    const { backlog, holds, targets, config } = this.#work;
    if (!this.#recovered) this.#recover();
    this.#housekeeping.tidy();
    this.#housekeeping.retireJobs(false);
    backlog.putBack(holds.look());
    this.#work.stats.held = holds.size;
    this.#gathering = NO_GATHERING;
    if (holds.isPaused) {
      this.#faults = 0;
      delete this.#work.stats.outages.spool;
      return false;
    }
    backlog.putBack(targets.unparkDue(config.batchSize));
    backlog.refill();
    this.#hireFor(backlog.ready);
    buryOddNames(this.#work);
    if (!this.#options.once) this.#gathering = gatheringOf(this.#work.spool, backlog);
    if (this.#gathering.ms > 0) return false;
    const before = settledOf(this.#work);
    const items = takeBatch(this.#work);
    if (items.length > 0) applyBatch(this.#work, items);
    if (items.length > 0) this.#notebook.tryToNote();
    const isBusy = items.length > 0 || backlog.hasMore;
    this.#hasTriedAll ||= !isBusy;
    // A step that has only parked entries has not tried again what failed: the fault may well last.
    if (settledOf(this.#work) > before || (!isBusy && targets.parked === 0)) this.#faults = 0;
    if (this.#faults === 0) delete this.#work.stats.outages.spool;
    return isBusy;
  }

  /** A second thread pays only for a large backlog. */
  #hireFor(ready: number): void {
    this.#work.files?.check();
    if (this.#work.files || ready < FILES_THREAD_FROM) return;
    this.#work.files = new FilesThread(this.#work.spool, (name) => gone(this.#work, name));
  }

  /** Everything is in hand of no one: the last manifest may go. */
  async #dismiss(): Promise<void> {
    const { files, spool, suspicion } = this.#work;
    if (!files) return;
    // Before the wait, too: a thread that has died reports no more.
    for (files.check(); files.leaving.size > 0; files.check()) await files.report();
    await files.end();
    this.#work.files = undefined;
    if (suspicion.undecided.size === 0) removeManifest(spool);
  }

  #tell(): void {
    this.#options.alerts?.see(this.#work.stats, this.#work.targets.working, this.#hasTriedAll);
  }

  #recover(): void {
    const { spool, journal, targets } = this.#work;
    // Here and not at the start: on a full disk either may fail, and is then tried again.
    this.#work.identity = spoolIdentity(spool);
    journal.open();
    this.#work.suspicion = recoverBatch({
      ...this.#work,
      isRestart: !this.#hasRecovered,
      sinkFor: (target) => targets.sink(target),
    });
    this.#recovered = true;
    this.#hasRecovered = true;
  }

  #isIdleSince(busyAt: number): boolean {
    const { backlog, targets, config } = this.#work;
    if (this.#options.once || backlog.putOff > 0 || targets.parked > 0 || this.#gathering.ms > 0)
      return false;
    return performance.now() - busyAt >= config.idleExit * 1000;
  }

  async #depart(): Promise<void> {
    const { accounts, backlog, targets, journal, log } = this.#work;
    backlog.close();
    targets.close();
    journal.close();
    accounts.close();
    try {
      await this.#dismiss();
      this.#notebook.tryToNote(0);
    } catch (error) {
      log('warn', `leaving: ${messageOf(error)}`);
      // It would keep this process alive, and so would its heartbeat seem to.
      await this.#work.files?.end();
    }
    try {
      await this.#attendance.goodbye();
    } catch (error) {
      // The spool may have been removed under us, which is a reason to leave, not to crash.
      log('warn', `leaving: ${messageOf(error)}`);
    }
  }

  /** The spool, or a database during recovery, failed: what is in hand is in doubt, so recover it after a pause. */
  async #pauseAfter(error: unknown): Promise<void> {
    const { spool, config, backlog, holds, targets, stats, summary, log } = this.#work;
    const isLockLost = error instanceof QueueError && error.code === 'WORKER';
    this.#stopping ||= isLockLost || !existsSync(spool.pending);
    this.#recovered = false;
    this.#hasTriedAll = false;
    await this.#work.files?.end();
    this.#work.files = undefined;
    backlog.reset();
    holds.clear();
    this.#work.values.clear();
    targets.forgetParked();
    if (this.#faults === 0) log('error', messageOf(error));
    if (this.#faults === 0) this.#faultySince = performance.now();
    stats.outages.spool ??= { message: messageOf(error), since: new Date().toISOString() };
    if (this.#options.once && performance.now() - this.#faultySince >= config.busyTimeout) {
      summary.outage = stats.outages.spool.message;
      this.#stopping = true;
    }
    this.#notebook.tryToNote();
    this.#tell();
    await new Promise((done) => setTimeout(done, backoff(this.#faults)));
    this.#faults += 1;
  }
}
