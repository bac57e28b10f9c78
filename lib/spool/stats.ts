/**
 * The worker's counters, in stats.json: since the spool was created, per operation too.
 *
 * Written by the worker once a second while it works and when it has nothing more to do (by rename: a reader sees the
 * old or the new), read by anyone. They are statistics, not accounts: a SIGKILL may lose the counts of a second; the
 * ledger and the journal never lose an entry.
 */
import { statSync } from 'node:fs';
import type { Spool } from './layout.ts';
import { replaceFile } from './publish.ts';
import { readOwnFile } from './read.ts';

export interface OperationStats {
  count: number;
  failed: number;
  /** Microseconds spent applying, summed. */
  micros: number;
  /** How many took up to 2^(i/4) microseconds, by i: enough for percentiles within 19 %. */
  histogram: Record<string, number>;
}

export interface Stats {
  processed: number;
  failed: number;
  retried: number;
  /** Entries skipped because their ledger key was there, and structured rows because these were. */
  duplicates: number;
  /** Entries in pending/ that wait because their operation is paused, or for the job before theirs. */
  held: number;
  /** Targets that have been opened once: a missing file is then an outage, not a new database. */
  databases: string[];
  operations: Record<string, OperationStats>;
  /** What keeps the worker from working, by target; empty when nothing does. */
  outages: Record<string, { message: string; since: string }>;
}

/** Operation names are the callers' own; past this many the rest count as OTHER. */
const MAX_OPERATIONS = 200;
const MAX_OPERATION_LENGTH = 100;
const OTHER = '(other)';
const BUCKETS_PER_DOUBLING = 4;

function emptyStats(): Stats {
  return {
    processed: 0,
    failed: 0,
    retried: 0,
    duplicates: 0,
    held: 0,
    databases: [],
    operations: {},
    outages: {},
  };
}

/** The counters as last written; what is missing or damaged counts from nothing. */
export function readStats(spool: Spool): Stats {
  try {
    return soundStats(JSON.parse(readOwnFile(spool.stats)?.toString() ?? '{}'));
  } catch {
    return emptyStats();
  }
}

/** What of a file that anyone may have edited has the form of statistics. */
function soundStats(value: unknown): Stats {
  const { processed, failed, retried, duplicates, held, databases, operations, outages } = fieldsOf(value);
  return {
    processed: countOf(processed),
    failed: countOf(failed),
    retried: countOf(retried),
    duplicates: countOf(duplicates),
    held: countOf(held),
    databases: Array.isArray(databases) ? databases.filter((path) => typeof path === 'string') : [],
    operations: mapFields(operations, (own) => ({
      count: countOf(own.count),
      failed: countOf(own.failed),
      micros: countOf(own.micros),
      histogram: Object.fromEntries(
        Object.entries(fieldsOf(own.histogram)).map(([bucket, count]) => [bucket, countOf(count)]),
      ),
    })),
    outages: mapFields(outages, ({ message, since }) => ({ message: String(message), since: String(since) })),
  };
}

function mapFields<T>(value: unknown, map: (fields: Record<string, unknown>) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(fieldsOf(value)).map(([key, item]) => [key, map(fieldsOf(item))]));
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function countOf(value: unknown): number {
  return typeof value === 'number' && value >= 0 ? value : 0;
}

export function writeStats(spool: Spool, stats: Stats): void {
  replaceFile(spool, spool.stats, `${JSON.stringify(stats)}\n`);
}

/** How many writes went straight to the database. */
export function directCount(spool: Spool): number {
  return statSync(spool.direct, { throwIfNoEntry: false })?.size ?? 0;
}

/** Counts one applied entry of `operation` that took `micros`. */
export function countApplied(stats: Stats, operation: string, micros: number): void {
  stats.processed += 1;
  const own = operationOf(stats, operation);
  own.count += 1;
  own.micros += micros;
  const bucket = Math.max(0, Math.ceil(Math.log2(Math.max(1, micros)) * BUCKETS_PER_DOUBLING));
  own.histogram[bucket] = (own.histogram[bucket] ?? 0) + 1;
}

export function countFailed(stats: Stats, operation: string): void {
  stats.failed += 1;
  operationOf(stats, operation).failed += 1;
}

/** The time in microseconds that the given share (0..1) of an operation's entries stayed under; 0 without any. */
export function percentile(operation: OperationStats, share: number): number {
  const buckets = Object.entries(operation.histogram).sort(([a], [b]) => Number(a) - Number(b));
  const wanted = operation.count * share;
  let seen = 0;
  for (const [bucket, count] of buckets) {
    seen += count;
    if (seen >= wanted) return 2 ** (Number(bucket) / BUCKETS_PER_DOUBLING);
  }
  return 0;
}

function operationOf(stats: Stats, wholeName: string): OperationStats {
  const operation = wholeName.slice(0, MAX_OPERATION_LENGTH);
  const known = Object.hasOwn(stats.operations, operation);
  // Setting __proto__ makes no field of that name.
  const isNew = Object.keys(stats.operations).length < MAX_OPERATIONS && operation !== '__proto__';
  const name = known || isNew ? operation : OTHER;
  if (!Object.hasOwn(stats.operations, name)) {
    stats.operations[name] = { count: 0, failed: 0, micros: 0, histogram: {} };
  }
  return stats.operations[name] as OperationStats;
}
