/** queue-job list. */
import { EXIT } from '../../errors.ts';
import { listJobs } from '../../jobs/list.ts';
import { renderList } from '../../jobs/list-page.ts';
import { readPauses } from '../../spool/pause.ts';
import { printJson, printPage } from '../output.ts';
import { parse, refuseArguments } from '../runner.ts';
import type { Verb } from '../verb.ts';
import { countOption, ownSpool, stateOption } from './arguments.ts';

export const list: Verb = {
  name: 'list',
  summary: 'shows the jobs there are',
  help: `Usage: queue-job list [--state S ...] [--name GLOB] [--limit N] [--json]

Newest first: id, name, state, how many of its items are decided, how many of them failed, when it was made, and how
long it took. A + behind the items says that more may come. Below the table stands what is paused.

  --state S     queued, running, completed, failed or cancelled; may be given several times
  --name GLOB   only jobs with such a name: *, ? and [...] as in a shell
  --limit N     at most so many (default: 50); 0 for all
  --json        prints an array of jobs, with the keys of queue-job create --json
  -h, --help

Exit codes: 0 shown, 1 jobs.db can't be read, 2 usage.

Examples:
  queue-job list --state running --state queued
  queue-job list --name 'import-*' --json | jq -r '.[0].id'
`,
  run(args) {
    const { values, positionals } = parse(args, {
      state: { type: 'string', multiple: true },
      name: { type: 'string' },
      limit: { type: 'string' },
      json: { type: 'boolean', default: false },
    });
    refuseArguments(positionals);
    const spool = ownSpool();
    const found = listJobs(spool, {
      states: values.state?.map(stateOption),
      name: values.name,
      limit: countOption('--limit', values.limit) ?? 50,
    });
    if (values.json) printJson(found.jobs);
    else printPage((style) => renderList(found, readPauses(spool), style));
    return EXIT.ok;
  },
};
