/** queue-job show. */
import { EXIT } from '../../errors.ts';
import { renderJob } from '../../jobs/job-page.ts';
import { readJobDetails } from '../../jobs/list.ts';
import { watchJob } from '../../jobs/watch.ts';
import { readPauses } from '../../spool/pause.ts';
import { printJson, printPage } from '../output.ts';
import { parse } from '../runner.ts';
import type { Verb } from '../verb.ts';
import { WATCH_OPTIONS, watchOptions } from '../watch.ts';
import { oneId, ownSpool } from './arguments.ts';

export const show: Verb = {
  name: 'show',
  summary: 'shows one job, once or until it has ended',
  help: `Usage: queue-job show ID [--json | --watch [--interval S]]

Its progress, rate and time left, what it waits for, its meta, and the first errors of its items.

  --watch        shows the page until the job has ended, or Ctrl-C; in a pipe one page after the other
  --interval S   seconds between two pages of --watch, 0.1 to 3600 (default: 1)
  --json         prints {job, predecessor, failures}: the job that it waits for (or null) and the first failed items;
                 keys as those of queue-job create --json and queue-job results --json
  -h, --help

Exit codes: 0 shown; 1 there is no such job; 2 usage.

Examples:
  queue-job show "$id" --watch
  queue-job show "$id" --json | jq .job.processed
`,
  async run(args) {
    const { values, positionals } = parse(args, {
      json: { type: 'boolean', default: false },
      ...WATCH_OPTIONS,
    });
    const id = oneId(positionals);
    const watch = watchOptions(values);
    const spool = ownSpool();
    if (watch) {
      await watchJob(spool, id, watch);
      return EXIT.ok;
    }
    const details = readJobDetails(spool, id);
    const { job, predecessor = null, failures } = details;
    if (values.json) printJson({ job, predecessor, failures });
    else printPage((style) => renderJob(details, readPauses(spool), style));
    return EXIT.ok;
  },
};
