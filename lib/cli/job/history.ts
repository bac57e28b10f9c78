/** queue-job history. */
import { EXIT } from '../../errors.ts';
import { readHistory } from '../../jobs/history.ts';
import { renderHistory } from '../../jobs/list-page.ts';
import { printJson, printPage } from '../output.ts';
import type { Verb } from '../verb.ts';
import { ownSpool, pastOptions } from './arguments.ts';

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
    const { json, ...past } = pastOptions(args);
    const jobs = readHistory(ownSpool(), past);
    if (json) printJson(jobs);
    else printPage((style) => renderHistory(jobs, style));
    return EXIT.ok;
  },
};
