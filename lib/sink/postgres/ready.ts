/** From the text of an entry to statements with their values. */
import { EntryFault } from '../outage.ts';
import type { Outcome } from '../sink.ts';
import { ledgerId } from './ledger.ts';
import type { Migrator } from './migrate.ts';
import type { Job } from './orders.ts';
import { failed } from './outcomes.ts';
import { type Step, type Value, valuesFor } from './params.ts';
import { type Plan, planSql } from './plan.ts';
import type { Statement } from './wire.ts';

const MAX_PLANS = 256;

export interface Ready {
  readonly plan: Plan;
  readonly values: readonly Value[];
  readonly key: string;
}

/** The plans of the SQL texts used last. */
export class Plans {
  readonly #plans = new Map<string, Plan | EntryFault>();

  /** What the texts say: entries that can run, outcomes of those that can't, up to the first that must be alone. */
  prepare(jobs: readonly Job[], migrator: Migrator): (Ready | Outcome | 'solo')[] {
    const entries: (Ready | Outcome | 'solo')[] = [];
    for (const { sql, params, schema, key } of jobs) {
      try {
        const plan = this.of(sql);
        const values = valuesFor(plan.binding, params);
        if (plan.alone || (schema !== undefined && !migrator.isSettled(schema))) {
          entries.push('solo');
          break;
        }
        entries.push({ plan, values, key: ledgerId(key) });
      } catch (error) {
        if (!(error instanceof EntryFault)) throw error;
        entries.push(failed(error));
      }
    }
    return entries;
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

/** Which entry the statement at an offset belongs to. */
export function entryAt(ready: readonly Ready[], offset: number): number {
  let left = offset;
  const at = ready.findIndex(({ plan }) => {
    left -= plan.body.length;
    return left < 0;
  });
  return at === -1 ? ready.length - 1 : at;
}
