/** What the jobs of the last days add up to: by name, and over time. */
import type { Spool } from '../spool/layout.ts';
import { type PastJob, type PastOptions, readHistory } from './history.ts';

export interface NameStats {
  readonly name: string;
  readonly jobs: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Items that were applied or have failed. */
  readonly items: number;
  readonly failedItems: number;
  /** Of those items, the share that has failed: 0 to 1; null when there are none. */
  readonly failureRate: number | null;
  /** Items a second while its jobs ran; null when that can't be told. */
  readonly perSecond: number | null;
  /** How long its jobs took, in seconds; null when nothing of them was applied. */
  readonly p50Seconds: number | null;
  readonly p90Seconds: number | null;
  readonly maxSeconds: number | null;
}

export interface Period {
  /** When it begins: ISO 8601, UTC. */
  readonly start: string;
  /** Jobs that ended in it, and their items. */
  readonly jobs: number;
  readonly items: number;
  readonly failedItems: number;
}

export interface JobStats {
  readonly since: string | null;
  /** Most items first. */
  readonly names: readonly NameStats[];
  /** How long a period is: an hour, or a day when it is about more than two days. */
  readonly periodSeconds: number;
  /** Without gaps, oldest first; [] when no job has ended. */
  readonly periods: readonly Period[];
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A clock that was wrong once must not make a million periods. */
const MAX_PERIODS = 1000;

export function readJobStats(spool: Spool, options: PastOptions = {}, now = Date.now()): JobStats {
  const past = readHistory(spool, options, now);
  const period = (options.days ?? Number.POSITIVE_INFINITY) <= 2 ? HOUR_MS : DAY_MS;
  const names = [...Map.groupBy(past, ({ name }) => name)].map(([name, jobs]) => statsOf(name, jobs));
  return {
    since: options.days === undefined ? null : new Date(now - options.days * DAY_MS).toISOString(),
    names: names.sort((a, b) => b.items - a.items || (a.name < b.name ? -1 : 1)),
    periodSeconds: period / 1000,
    periods: periodsOf(past, period),
  };
}

function statsOf(name: string, jobs: readonly PastJob[]): NameStats {
  const count = (state: PastJob['state']): number => jobs.filter((job) => job.state === state).length;
  const sum = (of: (job: PastJob) => number): number => jobs.reduce((total, job) => total + of(job), 0);
  const items = sum(({ processed }) => processed);
  const failedItems = sum(({ failed }) => failed);
  const durations = jobs.flatMap(({ seconds }) => seconds ?? []).sort((a, b) => a - b);
  const seconds = durations.reduce((total, one) => total + one, 0);
  return {
    name,
    jobs: jobs.length,
    completed: count('completed'),
    failed: count('failed'),
    cancelled: count('cancelled'),
    items,
    failedItems,
    failureRate: items === 0 ? null : failedItems / items,
    perSecond: seconds === 0 ? null : items / seconds,
    p50Seconds: percentile(durations, 0.5),
    p90Seconds: percentile(durations, 0.9),
    maxSeconds: durations.at(-1) ?? null,
  };
}

/** The smallest that this share of them does not exceed. */
function percentile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null;
}

function periodsOf(past: readonly PastJob[], length: number): Period[] {
  const startOf = (job: PastJob): number => Math.floor(Date.parse(job.completedAt) / length) * length;
  const byStart = Map.groupBy(past, startOf);
  const last = past[0] && startOf(past[0]);
  const first = past.at(-1) && startOf(past.at(-1) as PastJob);
  if (last === undefined || first === undefined) return [];
  const periods: Period[] = [];
  for (let start = Math.max(first, last - (MAX_PERIODS - 1) * length); start <= last; start += length) {
    const jobs = byStart.get(start) ?? [];
    periods.push({
      start: new Date(start).toISOString(),
      jobs: jobs.length,
      items: jobs.reduce((sum, { processed }) => sum + processed, 0),
      failedItems: jobs.reduce((sum, { failed }) => sum + failed, 0),
    });
  }
  return periods;
}
