/**
 * A routine: named steps one after the other, such as what is due every day.
 *
 * Promises: a step that throws is critical and keeps none of the others from running, but for those that need it; the
 * report has a line for every step, and its state is the worst of theirs.
 */
import { messageOf, QueueError } from '../errors.ts';
import { type HealthState, worstOf } from './health/check.ts';

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
export async function runRoutine(
  routine: string,
  steps: readonly Step[],
  onStep: (report: StepReport) => void = () => {},
): Promise<RoutineReport> {
  const started = new Date().toISOString();
  const reports: StepReport[] = [];
  for (const step of steps) {
    const needed = reports.find(({ name }) => name === step.needs);
    const isInVain = needed?.state === 'critical' || needed?.state === 'skipped';
    const report = isInVain ? inVain(step, needed.name) : await runStep(step);
    reports.push(report);
    onStep(report);
  }
  return { routine, started, state: worstOf(reports.map(({ state }) => state)), steps: reports };
}

async function runStep({ name, run }: Step): Promise<StepReport> {
  const start = performance.now();
  const report = (result: StepResult): StepReport => ({
    name,
    ...result,
    seconds: Math.round(performance.now() - start) / 1000,
  });
  try {
    const { state, detail } = await run();
    return report({ state, detail });
  } catch (error) {
    const hint = error instanceof QueueError && error.hint ? `\n${error.hint}` : '';
    return report({ state: 'critical', detail: `${messageOf(error)}${hint}` });
  }
}

function inVain({ name }: Step, needed: string): StepReport {
  return { name, state: 'skipped', seconds: 0, detail: `it needs ${needed}, which has failed` };
}
