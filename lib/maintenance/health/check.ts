/** What a health check is: a question to one part of a queue, and an answer that thresholds judge. */
import type { Config } from '../../config.ts';
import type { Spool } from '../../spool/layout.ts';
import type { DatabaseHealth } from '../database-health.ts';
import type { StatusReport } from '../status.ts';
import type { CheckName, Limits, Unit } from './thresholds.ts';

export type HealthState = 'ok' | 'warning' | 'critical';

export interface HealthCheck {
  readonly name: CheckName;
  /** skipped: switched off, or there is nothing to look at; `detail` says which. */
  readonly state: HealthState | 'skipped';
  /** What was measured, in `unit`; null where there is no number. */
  readonly value: number | null;
  readonly unit: Unit | null;
  readonly warning: number | null;
  readonly critical: number | null;
  readonly detail: string;
  /** What to do, mostly a command to run; null when nothing needs to be done. */
  readonly advice: string | null;
}

/** What the checks look at. */
export interface Context {
  readonly config: Config;
  readonly spool: Spool;
  /** undefined when the spool is refused or can't be read; `fault` then says why. */
  readonly status: StatusReport | undefined;
  readonly fault: { readonly message: string; readonly advice: string } | undefined;
  readonly database: DatabaseHealth;
  /** Every page of the database is to be checked, whatever its size. */
  readonly full: boolean;
  readonly limits: Limits | null;
}

/** An answer before it is judged: a number, or a state where a number would not tell. */
export type Answer =
  | { readonly value: number; readonly detail: string; readonly advice: string }
  | {
      readonly state: HealthState | 'skipped';
      readonly detail: string;
      readonly advice: string | null;
      readonly value?: number;
    };

export type Check = (context: Context) => Answer | Promise<Answer>;

/** @param advice shown when the number is beyond a threshold. */
export function measured(value: number, detail: string, advice: string): Answer {
  return { value, detail, advice };
}

export function ok(detail: string): Answer {
  return { state: 'ok', detail, advice: null };
}

export function bad(state: 'warning' | 'critical', detail: string, advice: string): Answer {
  return { state, detail, advice };
}

export function skipped(detail: string): Answer {
  return { state: 'skipped', detail, advice: null };
}

export function judge(name: CheckName, answer: Answer, limits: Limits | null): HealthCheck {
  const { unit = null, warning = null, critical = null } = limits ?? {};
  const { value = null, detail } = answer;
  const state = 'state' in answer ? answer.state : limits === null ? 'ok' : stateOf(answer.value, limits);
  const advice = state === 'warning' || state === 'critical' ? answer.advice : null;
  return { name, state, value, unit, warning, critical, detail, advice };
}

function stateOf(value: number, { warning, critical, lessIsWorse }: Limits): HealthState {
  const isBeyond = (limit: number): boolean => (lessIsWorse ? value < limit : value >= limit);
  if (isBeyond(critical)) return 'critical';
  return isBeyond(warning) ? 'warning' : 'ok';
}

const RANK = { skipped: 0, ok: 0, warning: 1, critical: 2 } as const;

/** The worst of these; ok when there are none. */
export function worstOf(states: readonly (HealthState | 'skipped')[]): HealthState {
  const worst = Math.max(0, ...states.map((state) => RANK[state]));
  return worst === 2 ? 'critical' : worst === 1 ? 'warning' : 'ok';
}
