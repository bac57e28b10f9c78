/** queue-job history. */
import { EXIT } from '../../errors.ts';
import { readHistory } from '../../jobs/history.ts';
import { renderHistory } from '../../jobs/list-page.ts';
import { paintFor } from '../../terminal/text.ts';
import { printJson, printLines, widthOf } from '../output.ts';
import { parse, refuseArguments } from '../runner.ts';
import type { Verb } from '../verb.ts';
import { daysOption, ownSpool } from './arguments.ts';

export const history: Verb = {
  name: 'history',
  summary: 'shows the jobs that have ended',
  help: `Usage: queue-job history [--name GLOB] [--days N] [--json]

Newest first, those included that were removed since.

  --name GLOB   only jobs with such a name: *, ? and [...] as in a shell
  --days N      those that ended in the last N days (default: 30)
  --json        prints [{id, name, state, total, processed, failed, createdAt, startedAt, completedAt, seconds}]
  -h, --help

Exit codes: 0 shown, 1 jobs.db can't be read, 2 usage.

Examples:
  queue-job history --name 'import-*' --days 7
`,
  run(args) {
    const { values, positionals } = parse(args, {
      name: { type: 'string' },
      days: { type: 'string' },
      json: { type: 'boolean', default: false },
    });
    refuseArguments(positionals);
    const days = daysOption('--days', values.days ?? '30');
    const jobs = readHistory(ownSpool(), { name: values.name, days });
    if (values.json) printJson(jobs);
    else
      printLines(renderHistory(jobs, { paint: paintFor(process.stdout), columns: widthOf(process.stdout) }));
    return EXIT.ok;
  },
};
