/**
 * The state of a queue at one moment: what queue-status prints and what health checks start from.
 *
 * Promises: it changes nothing, creates nothing and waits for no lock; one listing a directory and a handful of small
 * files, so that a million waiting entries cost one listing. Numbers come from files that a running worker keeps
 * writing (the counters at most once a second), so that they may be apart by what happened in between.
 */
import { lstatSync, statfsSync, statSync } from 'node:fs';
import { uptime } from 'node:os';
import type { Config } from '../config.ts';
import { checkSpool, type Spool } from '../spool/layout.ts';
import { listing } from '../spool/listing.ts';
import { type Pauses, readPauses } from '../spool/pause.ts';
import { nowMicros } from '../spool/sequence.ts';
import { directCount, percentile, readStats, type Stats } from '../spool/stats.ts';
import { isSameProcess, type Presence, readPresence } from '../worker/presence.ts';
import { isStartNote } from '../worker/start.ts';
import { type Complaint, recentComplaints } from './complaints.ts';
import { type DatabaseHealth, lookAtDatabase } from './database-health.ts';
import { type Depths, readDepths } from './depths.ts';
import { presentWorker } from './present.ts';

export interface StatusReport {
  /** ISO 8601, UTC. */
  readonly time: string;
  /**
   * absent: there is no spool yet. idle: no worker, nothing to do. running: a worker is there. starting: one was
   * started within the last seconds. waiting: the worker waits for a database (or for the spool to be writable).
   * stalled: work is waiting and no worker is there. silent: a worker's process is there, but shows no sign of life.
   * paused: the whole queue is, until queue-job resume; worker or none.
   */
  readonly state: 'absent' | 'idle' | 'running' | 'starting' | 'waiting' | 'paused' | 'stalled' | 'silent';
  /** The state in a sentence, with what to do about it. */
  readonly message: string;
  /** The spool directory. */
  readonly spool: string;
  readonly depths: {
    readonly pending: number;
    readonly processing: number;
    /** Applied so far. */
    readonly completed: number;
    readonly failed: number;
  };
  /** The oldest entry of all priorities in pending/, or null. */
  readonly oldest: { readonly name: string; readonly since: string; readonly ageSeconds: number } | null;
  readonly worker: {
    readonly pid: number;
    /** ISO 8601, or null where the system does not tell. */
    readonly since: string | null;
    readonly heartbeatAgeSeconds: number;
  } | null;
  readonly statistics: {
    /** processed + failed + duplicates + waiting or in hand; a dead letter put back by hand counts again. */
    readonly enqueued: number;
    readonly processed: number;
    readonly failed: number;
    readonly retried: number;
    /** Skipped, because their key was applied before. */
    readonly duplicates: number;
    /** Written to the database without the queue. */
    readonly direct: number;
  };
  readonly database: DatabaseHealth;
  /** What is paused; entries for it stay in pending/. */
  readonly paused: {
    /** The whole queue. */
    readonly all: boolean;
    readonly operations: readonly string[];
    /** Entries that a worker has set aside, for a pause or because their job waits for another. */
    readonly held: number;
  };
  /** What the worker waits for, or waited for when it was last there. */
  readonly outages: readonly { readonly target: string; readonly message: string; readonly since: string }[];
  /** worker.log, and its last warnings and errors. */
  readonly log: string;
  readonly complaints: readonly Complaint[];
  readonly operations?: readonly OperationReport[];
}

export interface OperationReport {
  readonly operation: string;
  /** Applied entries. */
  readonly count: number;
  readonly failed: number;
  /** Time of applying one entry, in microseconds; 0 without any. */
  readonly meanMicros: number;
  /** Within 19 %. */
  readonly p95Micros: number;
}

const COMPLAINTS = 3;
/** A worker that was started is there after this long, or did not come up. */
const START_TAKES_MS = 10_000;
/** USER_HZ, the unit of start times in /proc; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/**
 * Looks at the queue.
 * @param options.operations include the counts and times of each operation.
 * @throws QueueError SPOOL_UNSAFE, system errors when the spool can't be read.
 */
export function readStatus(
  config: Config,
  spool: Spool,
  options: { operations?: boolean } = {},
): StatusReport {
  checkSpool(spool);
  const stats = readStats(spool);
  const presence = readPresence(spool);
  const worker = presentWorker(spool);
  const depths = readDepths(spool);
  const outages = Object.entries(stats.outages).map(([target, outage]) => ({ target, ...outage }));
  const pauses = readPauses(spool);
  const situation = { spool, config, depths, worker, presence, outages, pauses, held: stats.held };
  return {
    time: new Date().toISOString(),
    ...judge(situation),
    spool: spool.base,
    depths: {
      pending: depths.pending,
      processing: depths.processing,
      completed: stats.processed,
      failed: depths.failed,
    },
    oldest: oldestOf(depths),
    worker: worker
      ? {
          pid: worker.pid,
          since: startOf(worker),
          heartbeatAgeSeconds: Math.max(0, Math.floor(Date.now() / 1000) - worker.heartbeat),
        }
      : null,
    statistics: {
      enqueued: stats.processed + stats.failed + stats.duplicates + depths.pending + depths.processing,
      processed: stats.processed,
      failed: stats.failed,
      retried: stats.retried,
      duplicates: stats.duplicates,
      direct: directCount(spool),
    },
    database: lookAtDatabase(config.database),
    paused: { ...pauses, held: Math.min(stats.held, depths.pending) },
    outages,
    log: spool.log,
    complaints: recentComplaints(spool, COMPLAINTS),
    ...(options.operations ? { operations: operationsOf(stats) } : {}),
  };
}

interface Situation {
  readonly spool: Spool;
  readonly config: Config;
  readonly depths: Depths;
  readonly worker: Presence | undefined;
  readonly presence: Presence | undefined;
  readonly outages: StatusReport['outages'];
  readonly pauses: Pauses;
  readonly held: number;
}

function judge({
  spool,
  depths,
  worker,
  presence,
  outages,
  pauses,
  held,
}: Situation): Pick<StatusReport, 'state' | 'message'> {
  if (!lstatSync(spool.base, { throwIfNoEntry: false })) {
    return { state: 'absent', message: 'there is no spool yet: the first write makes it, or queue-init' };
  }
  const waiting = depths.pending + depths.processing;
  const [outage] = outages;
  if (worker && outage) {
    const what = outage.target === 'spool' ? 'for the spool' : 'for the database';
    return { state: 'waiting', message: `${what} since ${outage.since}: ${outage.message}; nothing is lost` };
  }
  // A worker that can't write there can't say so in stats.json, nor perhaps that it is there.
  const isFull = waiting > 0 && isDiskFull(spool);
  if (worker && isFull)
    return { state: 'waiting', message: 'for the spool: its disk is full; nothing is lost' };
  if (worker && !pauses.all) {
    return { state: 'running', message: waiting === 0 ? 'nothing to do' : `${waiting} waiting` };
  }
  if (!worker && presence && isSameProcess(presence)) {
    const age = Math.round(Date.now() / 1000 - presence.heartbeat);
    return {
      state: 'silent',
      message: `the worker (pid ${presence.pid}) has shown no sign of life for ${age} s: queue-worker restart`,
    };
  }
  if (pauses.all) return { state: 'paused', message: `${waiting} waiting: queue-job resume` };
  if (waiting === 0) return { state: 'idle', message: 'no worker, nothing to do; the next write starts one' };
  if (held >= waiting) {
    return {
      state: 'idle',
      message: `no worker, and all ${waiting} waiting are held: paused, or of a job to come`,
    };
  }
  if (wasJustStarted(spool))
    return { state: 'starting', message: `${waiting} waiting, a worker was just started` };
  const why = isFull ? `, and the disk of the spool is full: free some space, then` : ' and no worker:';
  return { state: 'stalled', message: `${waiting} waiting${why} queue-worker start` };
}

/** Of bytes, or of files where the file system counts these. */
function isDiskFull(spool: Spool): boolean {
  const { bavail, files, ffree } = statfsSync(spool.base);
  return bavail === 0 || (files > 0 && ffree === 0);
}

/** Producers note each start in .tmp/start-N, at most one in 5 s. */
function wasJustStarted(spool: Spool): boolean {
  return listing(spool.tmp)
    .filter(isStartNote)
    .some((name) => {
      const stat = statSync(`${spool.tmp}/${name}`, { throwIfNoEntry: false });
      return stat !== undefined && Math.abs(Date.now() - stat.mtimeMs) < START_TAKES_MS;
    });
}

function oldestOf({ oldest }: Depths): StatusReport['oldest'] {
  if (!oldest) return null;
  const ageSeconds = Math.max(0, (nowMicros() - oldest.micros) / 1_000_000);
  const since = new Date(oldest.micros / 1000);
  // A made-up sequence may be past what a date can hold.
  if (Number.isNaN(since.getTime())) return null;
  return { name: oldest.name, since: since.toISOString(), ageSeconds: Math.round(ageSeconds * 10) / 10 };
}

function startOf(worker: Presence): string | null {
  if (worker.startTime === 0) return null;
  const secondsAgo = uptime() - worker.startTime / TICKS_PER_SECOND;
  // To the second: the difference of two clocks has no more to say, and would flicker.
  return new Date(Math.round(Date.now() / 1000 - secondsAgo) * 1000).toISOString();
}

/** Busiest first. */
function operationsOf(stats: Stats): OperationReport[] {
  return Object.entries(stats.operations)
    .map(([operation, own]) => ({
      operation,
      count: own.count,
      failed: own.failed,
      meanMicros: own.count === 0 ? 0 : own.micros / own.count,
      p95Micros: percentile(own, 0.95),
    }))
    .sort((a, b) => b.count - a.count || b.failed - a.failed);
}
