/** queue-job export. */
import { EXIT } from '../../errors.ts';
import { exportJobs } from '../../jobs/export.ts';
import { printStream } from '../output.ts';
import { parse, usage } from '../runner.ts';
import type { Verb } from '../verb.ts';
import { oneId, ownSpool } from './arguments.ts';

export const exportVerb: Verb = {
  name: 'export',
  summary: 'prints jobs with their results as JSON lines',
  help: `Usage: queue-job export ID | --all

Prints {"job": {...}}, then a line {"result": {...}} for each of its items, then the next job; all as it was at one
moment. Keys as those of queue-job create --json and queue-job results --json. queue-job import reads it.

  --all        every job, oldest first
  -h, --help

Exit codes: 0 done; 1 there is no such job; 2 usage.

Examples:
  queue-job export --all > jobs.jsonl
`,
  async run(args) {
    const { values, positionals } = parse(args, { all: { type: 'boolean', default: false } });
    if (values.all && positionals.length > 0) throw usage('an ID and --all exclude each other');
    if (!values.all && positionals.length === 0) throw usage('name a job, or give --all');
    await printStream(exportJobs(ownSpool(), values.all ? undefined : oneId(positionals)));
    return EXIT.ok;
  },
};
