/** queue-job stats. */
import { EXIT } from '../../errors.ts';
import { readJobStats } from '../../jobs/stats.ts';
import { renderStats } from '../../jobs/stats-page.ts';
import { printJson, printPage } from '../output.ts';
import type { Verb } from '../verb.ts';
import { ownSpool, pastOptions } from './arguments.ts';

export const stats: Verb = {
  name: 'stats',
  summary: 'shows throughput, failures and durations by name, and over time',
  help: `Usage: queue-job stats [--name GLOB] [--days N] [--json]

Of the jobs that have ended: by name how many, how many failed, their items, the share of items that failed, items a
second, and how long a job took (half of them at most p50, nine of ten at most p90). Below that the items over time,
by day, or by hour with --days 2 or less: a plot on a terminal, a table in a pipe. Days begin at midnight UTC.

  --name GLOB   only jobs with such a name: *, ? and [...] as in a shell
  --days N      those that ended in the last N days (default: 30)
  --json        prints {since, names: [{name, jobs, completed, failed, cancelled, items, failedItems, failureRate,
                perSecond, p50Seconds, p90Seconds, maxSeconds}], periodSeconds,
                periods: [{start, jobs, items, failedItems}]}
  -h, --help

Exit codes: 0 shown, 1 jobs.db can't be read, 2 usage.

Examples:
  queue-job stats --days 1
  queue-job stats --json | jq '.names[] | select(.failureRate > 0.01).name'
`,
  run(args) {
    const { json, ...past } = pastOptions(args);
    const report = readJobStats(ownSpool(), past);
    if (json) printJson(report);
    else printPage((style) => renderStats(report, style));
    return EXIT.ok;
  },
};
