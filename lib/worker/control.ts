/**
 * Running, starting and supervising workers: what queue-worker's commands do.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type AlertSettings, type Config, shownTarget } from '../config.ts';
import { EXIT, QueueError } from '../errors.ts';
import { executablePath } from '../package.ts';
import { ensureSpool, type Spool } from '../spool/layout.ts';
import { readPauses } from '../spool/pause.ts';
import { readStats } from '../spool/stats.ts';
import { Alerts } from './alert-thread.ts';
import { WorkerLock } from './lock.ts';
import type { Log } from './log.ts';
import { livingWorker, type Presence } from './presence.ts';
import { spawnWorker, takeRestartRequest } from './start.ts';
import type { WorkerSummary } from './work.ts';
import { Worker } from './worker.ts';

/** A worker that is starting or leaving holds the lock without being announced; longer than this it is stuck. */
const LOCK_PATIENCE_MS = 5000;
const LOOK_MS = 20;

export interface RunOptions {
  readonly spool: Spool;
  readonly config: Config;
  readonly log: Log;
  /** Where and when to tell someone of trouble; nobody by default. */
  readonly alerts?: AlertSettings;
  readonly once?: boolean;
  readonly supervised?: boolean;
}

/**
 * Is the worker, in this process, until it is stopped or done. SIGTERM and SIGINT finish the batch in hand.
 * @returns undefined when another worker is there already.
 */
export async function runWorker(options: RunOptions): Promise<WorkerSummary | undefined> {
  const { spool, config, log } = options;
  ensureSpool(spool);
  const alerts = options.alerts && new Alerts(spool, options.alerts, config.database, log);
  let inOrder = false;
  try {
    const summary = await runAlone(options, alerts);
    inOrder = true;
    return summary;
  } catch (error) {
    // Of one that has died before it could work, too.
    alerts?.start();
    throw error;
  } finally {
    await alerts?.end(inOrder);
  }
}

async function runAlone(options: RunOptions, alerts: Alerts | undefined): Promise<WorkerSummary | undefined> {
  const lock = await acquireLock(options.spool);
  if (!lock) return undefined;
  try {
    alerts?.start();
    const worker = new Worker({ ...options, lock, alerts });
    let isStopping = false;
    const stop = (signal: string): void => {
      // From a terminal it comes twice: to this process and through its supervisor.
      if (!isStopping) options.log('info', `${signal}: finishing the batch in hand`);
      isStopping = true;
      worker.stop();
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    options.log('info', `worker ${process.pid} for ${shownTarget(options.config.database)}`);
    const summary = await worker.run();
    options.log('info', `worker ${process.pid} leaves: ${summary.applied} applied, ${summary.failed} failed`);
    return summary;
  } finally {
    lock.release();
  }
}

/**
 * Starts a detached worker and waits until it is there.
 * @returns it, and whether it was there before.
 * @throws QueueError WORKER when it does not come up within 10 s.
 */
export async function startWorker(spool: Spool): Promise<{ worker: Presence; wasThere: boolean }> {
  ensureSpool(spool);
  const known = livingWorker(spool);
  if (known) return { worker: known, wasThere: true };
  spawnWorker(spool);
  const worker = await pollFor(10_000, () => livingWorker(spool));
  if (worker) return { worker, wasThere: false };
  throw new QueueError('WORKER', 'the worker did not start within 10 s', { hint: `See ${spool.log}` });
}

/**
 * Runs a worker in a child process and waits for its end, for --once and --foreground: when an entry that never
 * ends has to be stopped, the child is killed, and another takes its place.
 * @returns the exit code to leave with.
 */
export async function superviseWorker(spool: Spool, args: readonly string[]): Promise<number> {
  let restarted = false;
  for (;;) {
    const child = spawn(process.execPath, [executablePath('queue-worker'), 'run', '--supervised', ...args], {
      stdio: 'inherit',
    });
    const forward = (signal: NodeJS.Signals): boolean => child.kill(signal);
    process.on('SIGTERM', forward);
    process.on('SIGINT', forward);
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((done, fail) => {
      child.on('error', fail);
      child.on('exit', (exitCode, exitSignal) => done([exitCode, exitSignal]));
    });
    process.off('SIGTERM', forward);
    process.off('SIGINT', forward);
    if (child.pid !== undefined && takeRestartRequest(spool, child.pid)) {
      restarted = true;
      continue;
    }
    if (signal)
      throw new QueueError('WORKER', `the worker was killed by ${signal}`, { hint: 'Nothing is lost.' });
    return restarted && code === EXIT.ok ? EXIT.entryFailed : (code ?? EXIT.failure);
  }
}

/**
 * With a worker already running, waits until it has dealt with everything that is in pending/ now, or all that is left
 * there is held (holds.ts).
 * @returns the names that ended in failed/; 'left' when the worker left before it was done; 'paused' when the queue is.
 */
export async function waitForDrain(
  spool: Spool,
  timeoutMs: number,
): Promise<{ failed: string[]; held: number } | 'left' | 'paused' | undefined> {
  const names = readdirSync(spool.pending);
  const isGone = (name: string): boolean => !existsSync(join(spool.pending, name));
  let held = 0;
  const end = await pollFor(timeoutMs, () => {
    if (names.every(isGone)) return 'done';
    if (readPauses(spool).all) return 'paused';
    if (!livingWorker(spool)) return 'left';
    held = readdirSync(spool.pending).length;
    return held <= readStats(spool).held ? 'done' : undefined;
  });
  if (end !== 'done') return end;
  const isLeft = !names.every(isGone);
  return { failed: names.filter((name) => existsSync(join(spool.failed, name))), held: isLeft ? held : 0 };
}

async function acquireLock(spool: Spool): Promise<WorkerLock | undefined> {
  let other: Presence | undefined;
  const lock = await pollFor(LOCK_PATIENCE_MS, () => {
    const acquired = WorkerLock.tryAcquire(spool);
    if (!acquired) other = livingWorker(spool);
    return acquired ?? (other ? 'taken' : undefined);
  });
  return lock === 'taken' ? undefined : lock;
}

/** Polls until `look` returns something truthy; undefined after `timeoutMs`. */
async function pollFor<T>(timeoutMs: number, look: () => T | undefined | false): Promise<T | undefined> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = look();
    if (value) return value;
    if (performance.now() > deadline) return undefined;
    await new Promise((done) => setTimeout(done, LOOK_MS));
  }
}
