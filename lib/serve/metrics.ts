/** The report in Prometheus's text format (version 0.0.4). Names: base units, `_total` for what only grows. */
import type { StatusReport } from '../maintenance/status.ts';
import type { Report } from './report.ts';
import { ITEM_STATES, type ItemState } from './results.ts';

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** What the door counts of itself. */
export interface DoorFigures {
  readonly items: Readonly<Record<ItemState, number>>;
  readonly requests: ReadonlyMap<number, number>;
  readonly inFlight: number;
  readonly streams: number;
  readonly startedAt: number;
  readonly dbHealthy: boolean;
}

type Labels = Readonly<Record<string, string | number>>;
type Sample = readonly [value: number, labels?: Labels];

const STATES: readonly StatusReport['state'][] = [
  'absent',
  'idle',
  'running',
  'starting',
  'waiting',
  'paused',
  'stalled',
  'silent',
];

export function metricsText(report: Report, door: DoorFigures): string {
  const { depths, statistics, worker, database, oldest, paused, jobs } = report;
  const operations = report.operations ?? [];
  const lines: string[] = [];
  const add = (
    name: string,
    type: 'gauge' | 'counter',
    help: string,
    ...samples: readonly Sample[]
  ): void => {
    if (samples.length === 0) return;
    const full = `hookspool_${name}`;
    lines.push(`# HELP ${full} ${help}`, `# TYPE ${full} ${type}`);
    for (const [value, labels] of samples) lines.push(`${full}${labelsText(labels)} ${value}`);
  };
  add('entries_pending', 'gauge', 'Entries that wait to be applied.', [depths.pending]);
  add('entries_processing', 'gauge', 'Entries that the worker has in hand.', [depths.processing]);
  add('entries_failed', 'gauge', 'Dead letters in failed/.', [depths.failed]);
  add('entries_applied_total', 'counter', 'Entries that the worker has applied.', [statistics.processed]);
  // Not entries_failed_total: of a counter OpenMetrics takes the name without _total, which the gauge has.
  add('entry_failures_total', 'counter', 'Entries that have become dead letters.', [statistics.failed]);
  add('entries_retried_total', 'counter', 'Tries put off after a transient failure.', [statistics.retried]);
  add('entries_duplicate_total', 'counter', 'Entries skipped because their key was applied before.', [
    statistics.duplicates,
  ]);
  add('direct_writes_total', 'counter', 'Writes that went to the database without the queue.', [
    statistics.direct,
  ]);
  add('oldest_entry_age_seconds', 'gauge', 'How long the oldest entry has waited; 0 without any.', [
    oldest?.ageSeconds ?? 0,
  ]);
  add(
    'state',
    'gauge',
    'The state of the queue: 1 for the one that it is in.',
    ...STATES.map((state): Sample => [Number(state === report.state), { state }]),
  );
  add('worker_up', 'gauge', 'Whether a worker is there.', [Number(worker !== null)]);
  if (worker)
    add('worker_heartbeat_age_seconds', 'gauge', 'Since the last sign of life of the worker.', [
      worker.heartbeatAgeSeconds,
    ]);
  add('database_up', 'gauge', 'Whether the database can be used, as far as is known.', [
    Number(door.dbHealthy),
  ]);
  if (database.size !== null) {
    add('database_size_bytes', 'gauge', 'Size of the database file.', [database.size]);
    add('database_wal_size_bytes', 'gauge', 'Size of its write-ahead log.', [database.walSize]);
  }
  add('paused', 'gauge', 'Whether the whole queue is paused.', [Number(paused.all)]);
  add('paused_operations', 'gauge', 'Operations that are paused.', [paused.operations.length]);
  add('entries_held', 'gauge', 'Entries set aside: paused, or their job waits for another.', [paused.held]);
  add(
    'jobs',
    'gauge',
    'Jobs by state.',
    ...Object.entries(jobs.states).map(([state, count]): Sample => [count, { state }]),
  );
  add(
    'operation_entries_applied_total',
    'counter',
    'Entries that the worker has applied, by operation.',
    ...operations.map(({ operation, count }): Sample => [count, { operation }]),
  );
  add(
    'operation_entries_failed_total',
    'counter',
    'Entries that have become dead letters, by operation.',
    ...operations.map(({ operation, failed }): Sample => [failed, { operation }]),
  );
  add(
    'operation_apply_seconds_total',
    'counter',
    'Time spent on applying entries, by operation.',
    ...operations.map(
      ({ operation, count, meanMicros }): Sample => [(count * meanMicros) / 1e6, { operation }],
    ),
  );
  add(
    'serve_items_total',
    'counter',
    'Items pushed to this server since it was started, by what became of them.',
    ...ITEM_STATES.map((state): Sample => [door.items[state], { state }]),
  );
  add(
    'serve_requests_total',
    'counter',
    'Requests that this server has answered, by status.',
    ...[...door.requests].sort(([a], [b]) => a - b).map(([code, count]): Sample => [count, { code }]),
  );
  add('serve_requests_in_flight', 'gauge', 'Requests being served.', [door.inFlight]);
  add('serve_event_streams', 'gauge', 'Open streams of events.', [door.streams]);
  add('serve_start_time_seconds', 'gauge', 'When this server was started, in seconds since 1970.', [
    door.startedAt / 1000,
  ]);
  return `${lines.join('\n')}\n`;
}

function labelsText(labels: Labels | undefined): string {
  if (!labels) return '';
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(String(value))}"`);
  return `{${pairs.join(',')}}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
