/** The steps that routines are made of. */
import { existsSync } from 'node:fs';
import type { Config } from '../config.ts';
import type { Spool } from '../spool/layout.ts';
import { readStats } from '../spool/stats.ts';
import { countOf, formatBytes } from '../terminal/text.ts';
import { verifyBackup } from './backups/check.ts';
import { KEEP, makeBackup } from './backups/make.ts';
import { pruneBackups } from './backups/prune.ts';
import { backupDirectory, listBackups } from './backups/shelf.ts';
import { cleanUp } from './cleanup.ts';
import { analyzeDatabase } from './database/analyze.ts';
import { checkpointDatabase } from './database/checkpoint.ts';
import { checkIntegrity } from './database/integrity.ts';
import { optimizeDatabase } from './database/optimize.ts';
import { checkHealth } from './health/health.ts';
import { summaryOf } from './health/health-page.ts';
import type { Thresholds } from './health/thresholds.ts';
import type { Step } from './routine.ts';

export interface StepContext {
  readonly config: Config;
  readonly spool: Spool;
  readonly thresholds: Thresholds;
}

/** Puts entries that were left in processing/ back into the queue. */
export function recoverStep({ config, spool }: StepContext): Step {
  return {
    name: 'recover',
    run() {
      const [report] = cleanUp(config, spool, { tasks: ['recover'], dryRun: false });
      return { state: 'ok', detail: report?.detail ?? 'there is no spool yet' };
    },
  };
}

/** Every health check; what is not well has a line of its own with what to do. */
export function healthStep({ config, spool, thresholds }: StepContext): Step {
  return {
    name: 'health',
    async run() {
      const report = await checkHealth(config, spool, { thresholds });
      const lines = report.checks.flatMap(({ name, state, detail, advice }) =>
        state === 'warning' || state === 'critical'
          ? [`${state} ${name}: ${detail}`, ...(advice === null ? [] : [`  -> ${advice}`])]
          : [],
      );
      return { state: report.state, detail: [summaryOf(report.checks), ...lines].join('\n') };
    },
  };
}

/** A backup, and those of the same name that are too many removed. */
export function backupStep(context: StepContext): Step {
  const { config, spool } = context;
  return onDatabase(context, {
    name: 'backup',
    async run() {
      const { database, busyTimeout } = config;
      const { path, label, warnings } = await makeBackup({ database, busyTimeout, spool });
      return {
        state: warnings.length > 0 ? 'warning' : 'ok',
        detail: [`${path}, ${formatBytes(label.bytes)}`, ...warnings].join('\n'),
      };
    },
  });
}

/** Every backup there is, so that one that decays is noticed while there are others. */
export function verifyStep(context: StepContext): Step {
  const { config } = context;
  return onDatabase(context, {
    name: 'verify',
    async run() {
      const bad: string[] = [];
      const backups = listBackups(backupDirectory(config.database));
      for (const { path } of backups) {
        const { ok, problems } = await verifyBackup(path);
        if (!ok) bad.push(`${path}: ${problems[0]}`);
      }
      const detail = [
        `${backups.length - bad.length} of ${countOf(backups.length, 'backup')} good`,
        ...bad,
      ].join('\n');
      return { state: bad.length > 0 ? 'critical' : 'ok', detail };
    },
  });
}

/** Of each name those beyond the usual number. */
export function pruneStep(context: StepContext): Step {
  const { config } = context;
  return onDatabase(context, {
    name: 'prune',
    needs: 'verify',
    run() {
      const removed = pruneBackups(backupDirectory(config.database), { keep: KEEP });
      return { state: 'ok', detail: `${countOf(removed.length, 'backup')} removed` };
    },
  });
}

export function analyzeStep(context: StepContext): Step {
  const { config } = context;
  return onDatabase(context, {
    name: 'analyze',
    async run() {
      const { tables } = await analyzeDatabase(config.database, { busyTimeout: config.busyTimeout });
      return { state: 'ok', detail: countOf(tables.length, 'table') };
    },
  });
}

export function checkpointStep(context: StepContext): Step {
  const { config } = context;
  return onDatabase(context, {
    name: 'checkpoint',
    async run() {
      const { log, checkpointed } = await checkpointDatabase(config.database, {
        busyTimeout: config.busyTimeout,
      });
      if (log === null) return { state: 'ok', detail: 'there is no WAL' };
      return { state: 'ok', detail: `${checkpointed} of ${countOf(log, 'page')} are in the database` };
    },
  });
}

export function integrityStep(context: StepContext): Step {
  const { config } = context;
  return onDatabase(context, {
    name: 'integrity',
    async run() {
      const problems = await checkIntegrity(config.database);
      return problems.length === 0
        ? { state: 'ok', detail: 'sound' }
        : { state: 'critical', detail: problems.slice(0, 5).join('\n') };
    },
  });
}

/** All tables analyzed, a vacuum where much is free, an empty WAL. */
export function optimizeStep(context: StepContext): Step {
  const { config, spool } = context;
  return onDatabase(context, {
    name: 'optimize',
    needs: 'integrity',
    async run() {
      const { analyzed, vacuumed, before, after, busy } = await optimizeDatabase(spool, config.database, {
        full: true,
        busyTimeout: config.busyTimeout,
      });
      const sizes = vacuumed ? `, vacuumed: ${formatBytes(before.size)} to ${formatBytes(after.size)}` : '';
      const detail = `${countOf(analyzed.length, 'table')} analyzed${sizes}`;
      return busy
        ? { state: 'warning', detail: `${detail}; a reader kept the WAL from being emptied` }
        : { state: 'ok', detail };
    },
  });
}

/** Before the first entry there is nothing to look after. One that was there and is gone is another matter. */
function onDatabase({ config, spool }: StepContext, step: Step): Step {
  const isExpected = (): boolean =>
    existsSync(config.database) || readStats(spool).databases.includes(config.database);
  return {
    ...step,
    run: () => (isExpected() ? step.run() : { state: 'ok', detail: 'there is no database yet' }),
  };
}
