/** queue-maint hourly, daily and weekly. */

import { existsSync } from 'node:fs';
import { messageOf } from '../../errors.ts';
import { appendToMaintLog } from '../../maintenance/maint-log.ts';
import { type RoutineReport, runRoutine, type Step } from '../../maintenance/routine.ts';
import { renderEnd, renderStep } from '../../maintenance/routine-page.ts';
import {
  analyzeStep,
  backupStep,
  checkpointStep,
  healthStep,
  integrityStep,
  optimizeStep,
  pruneStep,
  recoverStep,
  type StepContext,
  verifyStep,
} from '../../maintenance/routine-steps.ts';
import type { Spool } from '../../spool/layout.ts';
import { type Paint, paintFor, plain } from '../../terminal/text.ts';
import { printJson, printLines } from '../output.ts';
import { parse, refuseArguments, usage } from '../runner.ts';
import { thresholdsOf } from './health.ts';
import { anyDatabaseOf, COMMON, STATE_EXIT, type Verb } from './verb.ts';

interface Routine {
  readonly name: string;
  readonly summary: string;
  /** What the steps are, for --help. */
  readonly about: string;
  steps(context: StepContext): Step[];
}

export const hourly = verbOf({
  name: 'hourly',
  summary: 'what is due every hour: recover orphans, health',
  about: `  recover   puts entries that were left in processing/ back into the queue
  health    every check of queue-maint health, with the thresholds in QUEUE_THRESHOLDS`,
  steps: (context) => [recoverStep(context), healthStep(context)],
});

export const daily = verbOf({
  name: 'daily',
  summary: 'what is due every day: backup, verify, prune, analyze, checkpoint',
  about: `  backup      a new backup in the directory backups beside the database
  verify      every backup there
  prune       of each name, the newest ten stay
  analyze     statistics for the query planner, of all tables
  checkpoint  copies what the WAL holds into the database, as far as no reader is in the way
  recover     puts entries that were left in processing/ back into the queue`,
  steps: (context) => [
    backupStep(context),
    verifyStep(context),
    pruneStep(context),
    analyzeStep(context),
    checkpointStep(context),
    recoverStep(context),
  ],
});

export const weekly = verbOf({
  name: 'weekly',
  summary: 'what is due every week: backup, integrity, full optimize',
  about: `  backup     a new backup in the directory backups beside the database
  integrity  checks the database from the first page to the last
  optimize   analyzes all tables, vacuums when much is free (the queue is held meanwhile), empties the WAL`,
  steps: (context) => [backupStep(context), integrityStep(context), optimizeStep(context)],
});

function verbOf({ name, summary, about, steps }: Routine): Verb {
  return {
    name,
    summary,
    help: `Usage: queue-maint ${name} [--log] [--db PATH] [--json]

Takes these steps, one after the other, and prints a line for each: state, name, time, detail. A step that fails does
not keep the others from being taken.

${about}

  --log       for schedulers: adds the report to maint.log in the spool, and prints it only when it is critical, so
              that cron sends mail then and not every time
  --db PATH   another database than HIVE_DB
  --json      prints {routine, started, state, steps: [{name, state (ok warning critical skipped), seconds, detail}]}
  -h, --help

Exit codes: 0 all well, 1 a warning, 2 critical, or usage.

Examples:
  queue-maint ${name}
  queue-maint ${name} --json | jq .state
`,
    async run(args) {
      const { values, positionals } = parse(args, { ...COMMON, log: { type: 'boolean', default: false } });
      refuseArguments(positionals);
      if (values.log && values.json) throw usage('--log and --json exclude each other');
      const { config, spool } = anyDatabaseOf(values);
      const list = steps({ config, spool, thresholds: thresholdsOf(config) });
      const paint = paintFor(process.stdout);
      const isShown = !values.log && !values.json;
      const report = await runRoutine(name, list, (step) => {
        if (isShown) printLines(renderStep(step, list, paint));
      });
      if (values.json) printJson(report);
      else if (isShown) printLines([renderEnd(report, paint)]);
      else keep(report, spool);
      return STATE_EXIT[report.state];
    },
  };
}

/** The report into maint.log; and to whoever runs this when it must be seen, or can't be kept. */
function keep(report: RoutineReport, spool: Spool): void {
  if (report.state === 'critical') printLines(linesOf(report, plain));
  // Nothing was ever queued here.
  if (!existsSync(spool.base)) return;
  try {
    appendToMaintLog(spool, linesOf(report, plain));
  } catch (error) {
    process.stderr.write(`queue-maint: the report is not in maint.log: ${messageOf(error)}\n`);
    if (report.state !== 'critical') printLines(linesOf(report, plain));
  }
}

function linesOf(report: RoutineReport, paint: Paint): string[] {
  return [...report.steps.flatMap((step) => renderStep(step, report.steps, paint)), renderEnd(report, paint)];
}
