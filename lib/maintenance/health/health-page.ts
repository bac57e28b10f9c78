/** How queue-maint health shows its checks: a line each, what to do below those that need it. */
import { countOf, type Paint, printable } from '../../terminal/text.ts';
import type { HealthCheck, HealthState } from './check.ts';
import type { HealthReport } from './health.ts';
import { formatValue } from './thresholds.ts';

type Format = Parameters<Paint>[0];

export const STATE_FORMATS: Readonly<Record<HealthState | 'skipped', Format>> = {
  ok: 'green',
  warning: 'yellow',
  critical: 'red',
  skipped: 'dim',
};
const STATE_WIDTH = 'critical'.length;

/** `state  name  value  limits  detail`; the last line counts. Nothing is cut: it may have to be copied. */
export function renderHealth({ checks }: HealthReport, paint: Paint): string[] {
  const cells = checks.map((check) => [check.name, shownValue(check), limitsOf(check)] as const);
  const [names = 0, values = 0, limits = 0] = [0, 1, 2].map((at) =>
    Math.max(...cells.map((row) => (row[at] as string).length)),
  );
  const indent = ' '.repeat(STATE_WIDTH + names + 4);
  return [
    ...checks.flatMap((check, index) => {
      const [name, value, limit] = cells[index] as (typeof cells)[number];
      const state = paint(STATE_FORMATS[check.state], check.state.padEnd(STATE_WIDTH));
      const numbers = `${value.padStart(values)}  ${paint('dim', limit.padEnd(limits))}`;
      const line = `${state}  ${name.padEnd(names)}  ${numbers}  ${printable(check.detail)}`;
      return [line, ...(check.advice === null ? [] : [`${indent}-> ${printable(check.advice)}`])];
    }),
    summaryOf(checks),
  ];
}

/** How many there are of each state. */
export function summaryOf(checks: readonly HealthCheck[]): string {
  const count = (wanted: HealthCheck['state']): number =>
    checks.filter(({ state }) => state === wanted).length;
  const rest = count('skipped') === 0 ? '' : `, ${count('skipped')} skipped`;
  return `${count('ok')} ok, ${countOf(count('warning'), 'warning')}, ${count('critical')} critical${rest}`;
}

function shownValue({ value, unit }: HealthCheck): string {
  return value === null || unit === null ? '' : formatValue(value, unit);
}

function limitsOf({ warning, critical, unit, state }: HealthCheck): string {
  if (unit === null || warning === null || critical === null || state === 'skipped') return '';
  return `(${formatValue(warning, unit)}, ${formatValue(critical, unit)})`;
}
