/**
 * The plans of the SQL texts used last, each with its prepared statements. Hooks send the same few texts again
 * and again; texts that hold their values as literals pass through without being prepared at all.
 */
import { EntryFault } from './outage.ts';
import { type Plan, planSql } from './plan.ts';

const MAX_TEXTS = 256;
/** Characters; a longer text is planned each time. */
const MAX_LENGTH = 8192;

export class PlanCache {
  /** In order of last use, oldest first: a Map keeps the order of insertion. */
  readonly #plans = new Map<string, Plan | EntryFault>();
  readonly #allowAttach: boolean;
  #lastText = '';
  #lastPlan: Plan | undefined;

  constructor(allowAttach: boolean) {
    this.#allowAttach = allowAttach;
  }

  /** @throws EntryFault when the text can't be an entry. */
  get(sql: string): Plan {
    if (this.#lastPlan && sql === this.#lastText) return this.#lastPlan;
    const known = this.#plans.get(sql);
    if (known) this.#plans.delete(sql);
    const plan = known ?? this.#make(sql);
    if (sql.length <= MAX_LENGTH) this.#keep(sql, plan);
    if (plan instanceof EntryFault) throw plan;
    return plan;
  }

  #make(sql: string): Plan | EntryFault {
    try {
      return planSql(sql, this.#allowAttach);
    } catch (error) {
      if (error instanceof EntryFault) return error;
      throw error;
    }
  }

  #keep(sql: string, plan: Plan | EntryFault): void {
    this.#plans.set(sql, plan);
    if (this.#plans.size > MAX_TEXTS) this.#plans.delete(this.#plans.keys().next().value as string);
    if (plan instanceof EntryFault) return;
    this.#lastText = sql;
    this.#lastPlan = plan;
  }
}
