/** The steps that routines are made of. */
import type { Config } from '../config.ts';
import type { Spool } from '../spool/layout.ts';
import { cleanUp } from './cleanup.ts';
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
