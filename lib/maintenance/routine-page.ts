/** How a routine's report is shown: a line a step, the same on the terminal and in maint.log. */

import { formatSeconds, type Paint, printableLines } from '../terminal/text.ts';
import { STATE_FORMATS } from './health/health-page.ts';
import type { RoutineReport, Step, StepReport } from './routine.ts';

const STATE_WIDTH = 'critical'.length;

/** `state  name  time  detail`, with further lines of the detail below it. */
export function renderStep(report: StepReport, steps: readonly Pick<Step, 'name'>[], paint: Paint): string[] {
  const width = Math.max(...steps.map(({ name }) => name.length));
  const time = durationOf(report.seconds).padStart(TIME_WIDTH);
  const [first = '', ...more] = printableLines(report.detail);
  const state = paint(STATE_FORMATS[report.state], report.state.padEnd(STATE_WIDTH));
  const indent = ' '.repeat(STATE_WIDTH + 2);
  return [
    `${state}  ${report.name.padEnd(width)}  ${time}  ${first}`,
    ...more.map((line) => `${indent}${line}`),
  ];
}

/** The last line: which routine, how it went. */
export function renderEnd({ routine, state, started, steps }: RoutineReport, paint: Paint): string {
  const seconds = steps.reduce((sum, step) => sum + step.seconds, 0);
  return `${routine} of ${started}: ${paint(STATE_FORMATS[state], state)}, in ${durationOf(seconds)}`;
}

const TIME_WIDTH = '59 min 59 s'.length;

function durationOf(seconds: number): string {
  return seconds < 10 ? `${seconds.toFixed(1)} s` : formatSeconds(seconds);
}
