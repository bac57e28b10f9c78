/** queue-job seal. */
import { EXIT } from '../../errors.ts';
import { seal } from '../../jobs/seal.ts';
import { countOf } from '../../terminal/text.ts';
import { printJson, printLines } from '../output.ts';
import { parse } from '../runner.ts';
import type { Verb } from '../verb.ts';
import { oneId, ownSpool } from './arguments.ts';

export const sealVerb: Verb = {
  name: 'seal',
  summary: 'says that a job has all its items',
  help: `Usage: queue-job seal ID [--json]

No more items will come: the job ends when those it has are decided. Sealing it again changes nothing. A job made with
--total is sealed by its last item.

  --json       prints the job, with the keys of queue-job create --json
  -h, --help

Exit codes: 0 done; 1 there is no such job; 2 usage, or it was cancelled.

Examples:
  queue-job seal "$id"
`,
  run(args) {
    const { values, positionals } = parse(args, { json: { type: 'boolean', default: false } });
    const job = seal(ownSpool(), oneId(positionals));
    if (values.json) printJson(job);
    else printLines([`${job.id} is sealed with ${countOf(job.total, 'item')}: ${job.state}`]);
    return EXIT.ok;
  },
};
