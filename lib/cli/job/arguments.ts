/** What the commands of queue-job share: which spool, and arguments that several of them take. */
import { loadConfig } from '../../config.ts';
import type { PastOptions } from '../../jobs/history.ts';
import { JOB_STATES, type JobState } from '../../jobs/job.ts';
import { type Spool, spoolAt } from '../../spool/layout.ts';
import { numberOption, parse, refuseArguments, usage } from '../runner.ts';

/** @throws QueueError CONFIG. */
export function ownSpool(): Spool {
  return spoolAt(loadConfig().baseDir);
}

/** @throws QueueError USAGE unless there is just one. */
export function oneId(positionals: readonly string[]): string {
  const [id, ...surplus] = positionals;
  if (id === undefined) throw usage('name the job', 'queue-job list shows them.');
  if (surplus.length > 0) throw usage(`there are arguments too many: ${surplus.join(' ')}`);
  return id;
}

/** @throws QueueError USAGE. */
export function countOption(name: string, text: string | undefined, max = 1_000_000_000): number | undefined {
  if (text === undefined) return undefined;
  const value = numberOption(name, text, { min: 0, max });
  if (!Number.isInteger(value)) throw usage(`${name} is '${text}': it must be a whole number`);
  return value;
}

const MAX_DAYS = 366 * 100;

/** @throws QueueError USAGE. */
export function daysOption(name: string, text: string): number {
  return numberOption(name, text, { min: 0, max: MAX_DAYS });
}

/** Which jobs of the past. @throws QueueError USAGE. */
export function pastOptions(args: string[]): PastOptions & { readonly json: boolean } {
  const { values, positionals } = parse(args, {
    name: { type: 'string' },
    days: { type: 'string', default: '30' },
    json: { type: 'boolean', default: false },
  });
  refuseArguments(positionals);
  return { name: values.name, days: daysOption('--days', values.days), json: values.json };
}

/** @throws QueueError USAGE. */
export function stateOption(text: string): JobState {
  const state = JOB_STATES.find((known) => known === text);
  if (state) return state;
  throw usage(
    `--state is '${text}': it must be ${JOB_STATES.slice(0, -1).join(', ')} or ${JOB_STATES.at(-1)}`,
  );
}

const ZONE = /(Z|[+-]\d\d:?\d\d)$/i;

/**
 * A time in milliseconds since 1970.
 * @throws QueueError USAGE for what is none, or does not say in which zone.
 */
export function timeOption(name: string, text: string): number {
  const hint = 'For example 2026-01-31T18:00:00Z or 2026-01-31T18:00:00+01:00.';
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw usage(`${name} is '${text}': that is not a time`, hint);
  if (!ZONE.test(text)) throw usage(`${name} is '${text}': it does not say in which zone`, hint);
  return time;
}
