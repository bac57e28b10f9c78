/**
 * The health of a queue and its database: every check with what was measured, from where on it is bad, and what to do.
 *
 * Promises: it changes nothing and creates nothing; it takes no lock that others wait for; it never throws for what it
 * finds: a check that can't be made is critical and says why. Run hourly it must be cheap: one listing of each
 * directory (a second one of pending/ when entries have been waiting for long), and a database is read to its end only
 * when it is small.
 */
import type { Config } from '../../config.ts';
import { messageOf, QueueError } from '../../errors.ts';
import type { Spool } from '../../spool/layout.ts';
import { lookAtDatabase } from '../database-health.ts';
import { readStatus } from '../status.ts';
import { type Check, type Context, type HealthCheck, type HealthState, judge, worstOf } from './check.ts';
import { checkFragmentation, checkSize, checkSoundness, checkWal } from './database-checks.ts';
import { checkBackup, checkDisk } from './place-checks.ts';
import {
  checkClock,
  checkFailed,
  checkOldest,
  checkOrphans,
  checkSpoolItself,
  checkWorker,
} from './spool-checks.ts';
import { CHECK_NAMES, type CheckName, DEFAULT_THRESHOLDS, type Thresholds } from './thresholds.ts';

export interface HealthReport {
  /** The worst of the checks. */
  readonly state: HealthState;
  readonly checks: readonly HealthCheck[];
}

export interface HealthOptions {
  readonly thresholds?: Thresholds;
  /** Checks all of the database (integrity_check), whatever its size. */
  readonly full?: boolean;
}

const CHECKS: Readonly<Record<CheckName, Check>> = {
  spool: checkSpoolItself,
  worker: checkWorker,
  oldest: checkOldest,
  orphans: checkOrphans,
  failed: checkFailed,
  clock: checkClock,
  integrity: checkSoundness,
  size: checkSize,
  wal: checkWal,
  fragmentation: checkFragmentation,
  disk: checkDisk,
  backup: checkBackup,
};

/** Makes every check, in order. */
export async function checkHealth(
  config: Config,
  spool: Spool,
  { thresholds = DEFAULT_THRESHOLDS, full = false }: HealthOptions = {},
): Promise<HealthReport> {
  const context = { config, spool, full, ...lookAround(config, spool) };
  const checks: HealthCheck[] = [];
  for (const name of CHECK_NAMES) checks.push(await makeCheck(name, context, thresholds[name]));
  return { state: worstOf(checks.map(({ state }) => state)), checks };
}

function lookAround(config: Config, spool: Spool): Pick<Context, 'status' | 'fault' | 'database'> {
  try {
    const status = readStatus(config, spool);
    return { status, fault: undefined, database: status.database };
  } catch (error) {
    const advice = error instanceof QueueError && error.hint ? error.hint : 'Correct what the message says.';
    return {
      status: undefined,
      fault: { message: messageOf(error), advice },
      database: lookAtDatabase(config.database),
    };
  }
}

async function makeCheck(
  name: CheckName,
  context: Omit<Context, 'limits'>,
  threshold: Thresholds[CheckName],
): Promise<HealthCheck> {
  if (threshold === 'off') return judge(name, { state: 'skipped', detail: 'off', advice: null }, null);
  try {
    return judge(name, await CHECKS[name]({ ...context, limits: threshold }), threshold);
  } catch (error) {
    const advice = 'Correct what the message says.';
    return judge(name, { state: 'critical', detail: messageOf(error), advice }, threshold);
  }
}
