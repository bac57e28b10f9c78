/** What a health check is: a question to one part of a queue, and an answer that thresholds judge. */
import type { Config } from '../../config.js';
import type { Spool } from '../../spool/layout.js';
import type { DatabaseHealth } from '../database-health.js';
import type { StatusReport } from '../status.js';
import type { CheckName, Limits, Unit } from './thresholds.js';
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
    readonly fault: {
        readonly message: string;
        readonly advice: string;
    } | undefined;
    readonly database: DatabaseHealth;
    /** Every page of the database is to be checked, whatever its size. */
    readonly full: boolean;
    readonly limits: Limits | null;
}
/** An answer before it is judged: a number, or a state where a number would not tell. */
export type Answer = {
    readonly value: number;
    readonly detail: string;
    readonly advice: string;
} | {
    readonly state: HealthState | 'skipped';
    readonly detail: string;
    readonly advice: string | null;
    readonly value?: number;
};
export type Check = (context: Context) => Answer | Promise<Answer>;
/** @param advice shown when the number is beyond a threshold. */
export declare function measured(value: number, detail: string, advice: string): Answer;
export declare function ok(detail: string): Answer;
export declare function bad(state: 'warning' | 'critical', detail: string, advice: string): Answer;
export declare function skipped(detail: string): Answer;
export declare function judge(name: CheckName, answer: Answer, limits: Limits | null): HealthCheck;
/** The worst of these; ok when there are none. */
export declare function worstOf(states: readonly (HealthState | 'skipped')[]): HealthState;
