import { type HealthState } from './health/check.js';
export interface StepResult {
    readonly state: HealthState;
    /** One line; more lines are shown below it. */
    readonly detail: string;
}
export interface Step {
    readonly name: string;
    /** Another step without which this one makes no sense: it is skipped when that one was critical. */
    readonly needs?: string;
    run(): Promise<StepResult> | StepResult;
}
export interface StepReport {
    readonly name: string;
    /** skipped: what it needs has failed. */
    readonly state: HealthState | 'skipped';
    readonly seconds: number;
    readonly detail: string;
}
export interface RoutineReport {
    readonly routine: string;
    /** ISO 8601, UTC. */
    readonly started: string;
    /** The worst of the steps. */
    readonly state: HealthState;
    readonly steps: readonly StepReport[];
}
/** @param onStep called after each step. */
export declare function runRoutine(routine: string, steps: readonly Step[], onStep?: (report: StepReport) => void): Promise<RoutineReport>;
