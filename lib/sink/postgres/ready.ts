/** From the text of an entry to statements with their values. */
import { rowOf } from '../call.ts';
import { EntryFault } from '../outage.ts';
import { SAVEPOINT } from '../plan.ts';
import type { Row } from '../row.ts';
import type { Outcome } from '../sink.ts';
import type { Ledger } from './ledger.ts';
import type { Migrator } from './migrate.ts';
import type { Job } from './orders.ts';
import { APPLIED, DUPLICATE_ROW, failed } from './outcomes.ts';
import { type Step, type Value, valuesFor } from './params.ts';
import { type Plan, planSql } from './plan.ts';
import { type Rows, Stale } from './rows.ts';
import type { Statement } from './wire.ts';

const MAX_PLANS = 256;

export interface Ready {
  readonly plan: Plan;
  readonly values: readonly Value[];
  readonly key: string;
  /** It is a structured row; whether what is known of its table was looked up for this batch. */
  readonly row?: { readonly isFresh: boolean };
}

/** The plans of the SQL texts used last. */
export class Plans {
  readonly #plans = new Map<string, Plan | EntryFault>();
  readonly #rows: Rows;

  constructor(rows: Rows) {
    this.#rows = rows;
  }

  /** What `prepareNow` says, once what rows need is looked up. @throws Outage. */
  async prepare(jobs: readonly Job[], migrator: Migrator): Promise<(Ready | Outcome | 'solo')[]> {
    await this.#learn(jobs);
    try {
      return this.#prepareNow(jobs, migrator);
    } catch (error) {
      if (!(error instanceof Stale)) throw error;
      this.#rows.forget();
      await this.#learn(jobs);
      return this.#prepareNow(jobs, migrator);
    }
  }

  /** The entry, to be run by itself; its migrations are applied. @throws EntryFault, Outage. */
  async one(job: Job, migrator: Migrator): Promise<Ready> {
    const plan = this.of(job.sql);
    const values = plan.call ? [] : valuesFor(plan.binding, job.params);
    if (job.schema !== undefined && !migrator.isSettled(job.schema)) await migrator.apply(job.schema);
    if (!plan.call) return { plan, values, key: job.key };
    this.#rows.forget();
    await this.#learn([job]);
    return this.#row(plan, job);
  }

  async #learn(jobs: readonly Job[]): Promise<void> {
    const rows: Row[] = [];
    for (const { sql, params } of jobs) {
      try {
        const { call } = this.of(sql);
        if (call) rows.push(rowOf(call, params));
      } catch {
        // `prepare` says what is wrong with it.
      }
    }
    await this.#rows.learn(rows);
  }

  /**
   * What the texts say: entries that can run, outcomes of those that can't, up to the first that must be alone, or is a
   * row whose table an entry before it may change.
   * @throws Stale when a row does not fit what was known of its table before.
   */
  #prepareNow(jobs: readonly Job[], migrator: Migrator): (Ready | Outcome | 'solo')[] {
    const entries: (Ready | Outcome | 'solo')[] = [];
    for (const job of jobs) {
      const { sql, params, schema, key } = job;
      try {
        const plan = this.of(sql);
        const values = plan.call ? [] : valuesFor(plan.binding, params);
        if (plan.alone || (schema !== undefined && !migrator.isSettled(schema))) {
          entries.push('solo');
          break;
        }
        if (plan.call && entries.some((entry) => isReady(entry) && entry.plan.changesSchema)) break;
        entries.push(plan.call ? this.#row(plan, job) : { plan, values, key });
      } catch (error) {
        if (error instanceof Stale) throw error;
        // A function that one before it calls may yet make what this row lacks.
        if (error instanceof EntryFault && error.code === 'BAD_ROW' && entries.some(isReady)) break;
        entries.push(failed(error));
      }
    }
    return entries;
  }

  /** @throws EntryFault, Stale. */
  #row(plan: Plan, { params, key }: Job): Ready {
    const row = rowOf(plan.call ?? [], params);
    const isFresh = this.#rows.isFresh(row);
    try {
      const { body, values } = this.#rows.steps(row);
      return { plan: { ...plan, body }, values, key, row: { isFresh } };
    } catch (error) {
      if (error instanceof EntryFault && !isFresh) throw new Stale();
      throw error;
    }
  }

  /** @throws EntryFault when the text can't be an entry. */
  of(sql: string): Plan {
    let plan = this.#plans.get(sql);
    if (!plan) {
      try {
        plan = planSql(sql);
      } catch (error) {
        if (!(error instanceof EntryFault)) throw error;
        plan = error;
      }
      if (this.#plans.size >= MAX_PLANS) this.#plans.delete(this.#plans.keys().next().value as string);
      this.#plans.set(sql, plan);
    }
    if (plan instanceof EntryFault) throw plan;
    return plan;
  }
}

export function isReady(entry: Ready | Outcome | 'solo'): entry is Ready {
  return typeof entry === 'object' && 'plan' in entry;
}

export function statementsOf({ plan, values }: Ready): Statement[] {
  return bound(plan.body, values);
}

export function bound(steps: readonly Step[], values: readonly Value[]): Statement[] {
  return steps.map(({ sql, slots }) => ({ sql, values: slots.map((slot) => values[slot] as Value) }));
}

/** Of an entry whose last statement had this tag. A row that wrote nothing was there before. */
export function appliedBy({ row }: Ready, tag: string | undefined): Outcome {
  return row && / 0$/.test(tag ?? '') ? DUPLICATE_ROW : APPLIED;
}

/** @throws Stale when the schema may have changed since the row's table was looked up. */
export function checkFresh({ row }: Ready, error: { code: string }): void {
  if (row && !row.isFresh && error.code.startsWith('42')) throw new Stale();
}

/** The entry in a block of its own behind a savepoint, and what takes it back. */
export function carefully(ledger: Ledger, entry: Ready): Statement[][] {
  const again = [{ sql: `RELEASE ${SAVEPOINT}` }, { sql: `SAVEPOINT ${SAVEPOINT}` }];
  return [
    [...ledger.row(entry.key), ...statementsOf(entry), ...again],
    [{ sql: `ROLLBACK TO ${SAVEPOINT}` }],
  ];
}

/** Which entry the statement at an offset belongs to. */
export function entryAt(ready: readonly Ready[], offset: number): number {
  let left = offset;
  const at = ready.findIndex(({ plan }) => {
    left -= plan.body.length;
    return left < 0;
  });
  return at === -1 ? ready.length - 1 : at;
}
