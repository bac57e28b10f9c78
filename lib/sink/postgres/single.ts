/** One entry by itself: in a transaction of its own, or outside of any. */
import type { Outcome } from '../sink.ts';
import { isConflict, isOutage, Outage, ServerError } from './errors.ts';
import type { Ledger } from './ledger.ts';
import { conflictOr, DUPLICATE, failed, failedAfterwards, inDoubt } from './outcomes.ts';
import type { Step, Value } from './params.ts';
import { appliedBy, bound, checkFresh, type Ready } from './ready.ts';
import type { Session } from './session.ts';
import type { BlockResult, Statement } from './wire.ts';

export interface SingleOptions {
  readonly exactlyOnce: boolean;
  readonly statementTimeout: number;
}

export const CONFLICT_TRIES = 3;
const COMMIT: Statement = { sql: 'COMMIT' };

export class Single {
  readonly #session: Session;
  readonly #ledger: Ledger;
  readonly #options: SingleOptions;

  constructor(session: Session, ledger: Ledger, options: SingleOptions) {
    this.#session = session;
    this.#ledger = ledger;
    this.#options = options;
  }

  /** One entry, in a transaction of its own. @throws Stale for a row, Outage. */
  async run(ready: Ready): Promise<Outcome> {
    const { plan, values, key } = ready;
    const { begin } = this.#session;
    const lead = bound(plan.lead, values);
    const ledger = this.#ledger.row(key);
    const body = bound(plan.body, values);
    const began = performance.now();
    const statements = [...begin, ...lead, ...ledger, ...body, COMMIT];
    let fresh = false;
    for (let tries = 1; ; tries++) {
      const [result] = await this.send(statements, this.#options.statementTimeout, fresh);
      const { error, tags } = result;
      if (!error && fresh) await this.#session.forget();
      if (!error) return appliedBy(ready, tags.at(-2));
      const at = tags.length - begin.length;
      if (this.#ledger.isDuplicate(result, begin.length + lead.length)) return DUPLICATE;
      if (isConflict(error.code) && tries < CONFLICT_TRIES) {
        await new Promise((done) => setTimeout(done, 20 + Math.random() * 80));
        continue;
      }
      const isOurs = at < 0 || (at >= lead.length && at < lead.length + ledger.length && lead.length === 0);
      if (isOurs) throw conflictOr(error);
      if (error.code === '55P03') this.#session.isPatient = false;
      if (isOutage(error.code))
        throw new Outage(error.code, error.message, { duringEntry: error.code !== '55P03' });
      // A standby refuses more than writes.
      if (error.code === '25006' || at < lead.length) await this.#session.mustBeWritable();
      if (error.code === '57014') return failed(this.#isLate(began) ? await this.#tooLong() : error);
      checkFresh(ready, error);
      if (fresh) return failed(error);
      // What was prepared before may be out of date: no entry fails for that.
      fresh = true;
    }
  }

  /** Statements outside a transaction. @returns the error of the first that fails. */
  async outside(steps: readonly Step[], values: readonly Value[]): Promise<Error | undefined> {
    for (const statement of bound(steps, values)) {
      const began = performance.now();
      const budget = this.#options.statementTimeout;
      const [result] = await this.#session.run([[statement]], { fresh: true, budget });
      const error = result?.error;
      if (!error) continue;
      if (isOutage(error.code)) throw new Outage(error.code, error.message, { duringEntry: true });
      await this.#session.mustBeWritable();
      return error.code === '57014' && this.#isLate(began) ? this.#tooLong() : error;
    }
    return undefined;
  }

  /** What comes after the entry's transaction, which is committed whatever becomes of this. */
  async afterwards(steps: readonly Step[], values: readonly Value[], outcome: Outcome): Promise<Outcome> {
    try {
      const error = await this.outside(steps, values);
      return error ? failedAfterwards(error) : outcome;
    } catch (error) {
      throw inDoubt(error);
    }
  }

  /** A transaction whose last statement is COMMIT; rolled back when a statement failed. */
  async send(statements: readonly Statement[], budget: number, fresh = false): Promise<[BlockResult]> {
    let result: BlockResult;
    try {
      [result] = (await this.#session.run([statements], { budget, fresh })) as [BlockResult];
    } catch (error) {
      throw inDoubt(error);
    }
    if (result.error) await this.#session.run([[{ sql: 'ROLLBACK' }]]);
    else if (result.tags.at(-1) !== 'COMMIT') throw new Outage('25P02', 'the transaction was rolled back');
    return [result];
  }

  #isLate(began: number): boolean {
    return this.#session.cancelled || performance.now() - began >= this.#options.statementTimeout * 0.9;
  }

  /** @throws Outage when it is not the entry that is slow. */
  async #tooLong(): Promise<ServerError> {
    await this.#session.mustBeQuick();
    return new ServerError({
      code: '57014',
      message: `it ran longer than ${this.#options.statementTimeout} ms and was stopped`,
      hint: 'Raise SQLITE_TIMEOUT (milliseconds) if it needs longer, then queue-failed retry.',
    });
  }
}
