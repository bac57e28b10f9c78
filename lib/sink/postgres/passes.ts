/**
 * Applying entries on one connection, in few round trips.
 *
 * The optimistic pass sends a whole transaction at once: BEGIN, one INSERT of all ledger keys, the statements of all
 * entries, COMMIT. When something in it fails, the same entries go through the careful pass, again all at once, with a
 * savepoint each:
 *
 *     ledger row; statements; RELEASE; SAVEPOINT    one block: an error makes the server skip the rest of it
 *     ROLLBACK TO                                   takes back the entry that failed, and nothing after one that did not
 *
 * so that each entry has an outcome of its own. What can't be told apart that way (a COMMIT that fails, an entry that takes
 * the connection with it, a batch that takes too long) is tried with fewer entries, down to one.
 */
import { EntryFault } from '../outage.ts';
import { SAVEPOINT } from '../plan.ts';
import type { Outcome } from '../sink.ts';
import { isConflict, isOutage, Outage, ownFault } from './errors.ts';
import { Ledger } from './ledger.ts';
import { Migrator } from './migrate.ts';
import type { Job } from './orders.ts';
import { Conflict, conflictOr, DUPLICATE, Fewer, failed, poison, SOLO } from './outcomes.ts';
import {
  appliedBy,
  carefully,
  checkFresh,
  entryAt,
  isReady,
  Plans,
  type Ready,
  statementsOf,
} from './ready.ts';
import { Rows, Stale } from './rows.ts';
import type { Session } from './session.ts';
import { CONFLICT_TRIES, Single, type SingleOptions } from './single.ts';
import type { BlockResult, Statement } from './wire.ts';

export interface PassOptions extends SingleOptions {
  readonly warn: (message: string) => void;
}

const MAX_CHUNK = 4096;
/** A transaction of several entries takes no longer, or it is made smaller. */
const MANY_BUDGET_MS = 2000;
const FAST_MS = 100;
const SLOW_MS = 500;
/** An entry is given up when the connection has broken this often with it alone in hand. */
const MAX_DEATHS = 5;

const UNDO: readonly Statement[] = [{ sql: 'ROLLBACK' }];
const COMMIT: Statement = { sql: 'COMMIT' };

export class Passes {
  readonly #session: Session;
  readonly #options: PassOptions;
  readonly #migrator: Migrator;
  readonly #ledger: Ledger;
  readonly #rows: Rows;
  readonly #plans: Plans;
  readonly #single: Single;
  /** How many entries the next transaction may have. */
  #chunk = MAX_CHUNK;
  /** The entry after this transaction is the one that is doubted. */
  #thenOne = false;
  /** Of the entry in hand alone, how often the connection broke. */
  #deaths = { key: '', count: 0, last: '' };

  constructor(session: Session, options: PassOptions) {
    this.#session = session;
    this.#options = options;
    this.#rows = new Rows(session);
    this.#plans = new Plans(this.#rows);
    this.#migrator = new Migrator(session, options.warn);
    this.#ledger = new Ledger(session, options.exactlyOnce);
    this.#single = new Single(session, this.#ledger, options);
  }

  /** Applies as many of the jobs as one transaction takes, one at least, and commits. @returns their outcomes. */
  async many(jobs: readonly Job[]): Promise<Outcome[]> {
    for (let tries = 0; ; ) {
      const chunk = jobs.slice(0, this.#chunk);
      const entries = await this.#plans.prepare(chunk, this.#migrator);
      const [first] = entries;
      if (first === 'solo') return [SOLO];
      const began = performance.now();
      const ready = entries.filter((entry) => isReady(entry));
      try {
        const outcomes = ready.length === 0 ? [] : await this.#pass(ready);
        this.#learn(ready, performance.now() - began);
        if (ready.some(({ plan }) => plan.changesSchema)) this.#rows.forget();
        return entries
          .filter((entry) => entry !== 'solo')
          .map((entry) => (isReady(entry) ? (outcomes.shift() as Outcome) : entry));
      } catch (error) {
        const isUnclear = error instanceof Outage && error.duringEntry && entries.length > 1;
        if (error instanceof Fewer || isUnclear) {
          this.#chunk = isUnclear ? 1 : Math.min((error as Fewer).count, entries.length - 1);
          this.#thenOne = true;
          continue;
        }
        if (error instanceof Stale) {
          this.#rows.forget();
          continue;
        }
        if (!(error instanceof Conflict)) throw this.#judged(error, ready);
        tries += 1;
        if (ready.length === 1 && tries >= CONFLICT_TRIES) return [failed(error.error)];
        if (ready.length > 1 && tries >= 2) [this.#chunk, tries] = [1, 0];
        await new Promise((done) => setTimeout(done, 20 + Math.random() * 80 * tries));
      }
    }
  }

  /** The entry by itself, committed; see Sink.applyAlone(). */
  async alone(job: Job): Promise<Outcome> {
    try {
      return await this.#byItself(job);
    } catch (error) {
      if (!(error instanceof Stale)) throw error;
      this.#rows.forget();
      return this.#byItself(job);
    }
  }

  async #byItself(job: Job): Promise<Outcome> {
    let ready: Ready;
    try {
      ready = await this.#plans.one(job, this.#migrator);
    } catch (error) {
      if (error instanceof EntryFault) return failed(error);
      throw error;
    }
    const { plan, values } = ready;
    try {
      if (plan.before.length > 0 && (await this.applied([job.key])).length > 0) return DUPLICATE;
      const before = await this.#single.outside(plan.before, values);
      if (before) return failed(before);
      const outcome = await this.#alone(ready);
      if (outcome.kind !== 'applied') return outcome;
      return await this.#single.afterwards(plan.after, values, outcome);
    } catch (error) {
      throw this.#judged(error, [ready]);
    } finally {
      this.#rows.forget();
      if (plan.reset) await this.#session.reset();
    }
  }

  /** Of these keys, those that the ledger has. */
  applied(keys: readonly string[]): Promise<string[]> {
    return this.#ledger.find(keys);
  }

  /** Starts a transaction that may write. */
  async begin(): Promise<void> {
    await this.#session.mustBeWritable();
    const [result] = await this.#session.run([this.#session.begin]);
    if (result?.error) throw ownFault(result.error);
  }

  /** One entry in the open transaction. */
  async apply(job: Job): Promise<Outcome> {
    const [entry] = await this.#plans.prepare([job], this.#migrator);
    if (entry === 'solo') return SOLO;
    if (!entry || !isReady(entry)) return entry as Outcome;
    const blocks = [[{ sql: `SAVEPOINT ${SAVEPOINT}` }], ...carefully(this.#ledger, entry)];
    const results = await this.#session.run(blocks, { fresh: true });
    const error = results.find((result) => result.error)?.error;
    if (!error) return appliedBy(entry, results[1]?.tags.at(-3));
    if (this.#ledger.isDuplicate(results[1], 0)) return DUPLICATE;
    if (isOutage(error.code) || isConflict(error.code))
      throw new Outage(error.code, error.message, { duringEntry: true });
    return failed(error);
  }

  async commit(): Promise<void> {
    await this.#commit();
  }

  async rollback(): Promise<void> {
    await this.#session.run([UNDO]);
  }

  async #pass(ready: readonly Ready[]): Promise<Outcome[]> {
    const [first] = ready;
    if (ready.length === 1 && first) return [await this.#alone(first)];
    const ours = [...this.#session.begin, ...this.#ledger.rows(ready.map(({ key }) => key))];
    const own = ready.flatMap(statementsOf);
    const [result] = await this.#single.send([...ours, ...own, COMMIT], MANY_BUDGET_MS);
    const { error, tags } = result;
    if (!error) {
      let at = ours.length - 1;
      return ready.map((entry) => {
        at += entry.plan.body.length;
        return appliedBy(entry, tags[at]);
      });
    }
    if (tags.length < ours.length && !this.#ledger.isDuplicate(result, this.#session.begin.length))
      throw conflictOr(error);
    if (isConflict(error.code)) throw new Conflict(error);
    // It fails at COMMIT, is too slow or too large: one of them is to blame, and alone it will show.
    if (tags.length === ours.length + own.length) throw new Fewer(ready.length >> 3);
    const at = entryAt(ready, tags.length - ours.length);
    if (error.code === '57014') throw new Fewer(at >> 1);
    if (isOutage(error.code)) throw new Fewer(at);
    return this.#carefulPass(ready);
  }

  async #carefulPass(ready: readonly Ready[]): Promise<Outcome[]> {
    const start = [...this.#session.begin, { sql: `SAVEPOINT ${SAVEPOINT}` }];
    const blocks = [start, ...ready.flatMap((entry) => carefully(this.#ledger, entry))];
    const [began, ...results] = await this.#session.run(blocks, { fresh: true, budget: MANY_BUDGET_MS });
    try {
      if (began?.error) throw ownFault(began.error);
      const outcomes = ready.map((entry, index) =>
        this.#outcomeOf(entry, index, results[2 * index], results[2 * index + 1]),
      );
      await this.#commit();
      // Nothing was wrong with any: what was prepared before is out of date.
      if (outcomes.every(({ kind }) => kind === 'applied')) await this.#session.forget();
      return outcomes;
    } catch (error) {
      if (error instanceof Outage && error.inDoubt) throw error;
      await this.rollback();
      throw error;
    }
  }

  #outcomeOf(
    entry: Ready,
    index: number,
    result: BlockResult | undefined,
    undone: BlockResult | undefined,
  ): Outcome {
    if (undone?.error) throw conflictOr(undone.error);
    const error = result?.error;
    if (!error) return appliedBy(entry, result?.tags.at(-3));
    if (this.#ledger.isDuplicate(result, 0)) return DUPLICATE;
    if (isConflict(error.code)) throw new Conflict(error);
    if (isOutage(error.code) || error.code === '57014') throw new Fewer(index);
    // The ledger's row: an entry before it may have done away with the ledger.
    if (this.#options.exactlyOnce && result.tags.length === 0)
      throw index > 0 ? new Fewer(index) : ownFault(error);
    if (error.code === '25006') throw new Fewer(index);
    checkFresh(entry, error);
    return failed(error);
  }

  #alone(ready: Ready): Promise<Outcome> | Outcome {
    const isDeadly = this.#deaths.count >= MAX_DEATHS && this.#deaths.key === ready.key;
    return isDeadly ? failed(poison(MAX_DEATHS, this.#deaths.last)) : this.#single.run(ready);
  }

  async #commit(): Promise<void> {
    await this.#single.send([COMMIT], MANY_BUDGET_MS + this.#options.statementTimeout).then(([{ error }]) => {
      if (error)
        throw isOutage(error.code)
          ? ownFault(error)
          : isConflict(error.code)
            ? new Conflict(error)
            : new Fewer(1);
    });
  }

  #learn(ready: readonly Ready[], ms: number): void {
    if (this.#thenOne) this.#chunk = 1;
    else if (ms > SLOW_MS) this.#chunk = Math.max(1, ready.length >> 1);
    else if (ms < FAST_MS) this.#chunk = Math.min(MAX_CHUNK, this.#chunk * 4);
    this.#thenOne = false;
    if (ready.some(({ key }) => key === this.#deaths.key)) this.#deaths = { key: '', count: 0, last: '' };
    this.#session.isPatient = true;
  }

  /** After the connection broke: one of the entries in hand may be what breaks it. */
  #judged(error: unknown, ready: readonly Ready[]): unknown {
    if (error instanceof Conflict) return ownFault(error.error);
    if (!(error instanceof Outage) || !error.isBroken) return error;
    this.#chunk = 1;
    const [only] = ready;
    if (!only || ready.length > 1 || error.message.includes('answer')) return error;
    const count = this.#deaths.key === only.key ? this.#deaths.count + 1 : 1;
    this.#deaths = { key: only.key, count, last: `${error.message} (${error.reason})` };
    return error;
  }
}
