/** queue-job wait. */
import { EXIT } from '../../errors.ts';
import { hasEnded } from '../../jobs/job.ts';
import { type Waited, waitForJob } from '../../jobs/wait.ts';
import type { Spool } from '../../spool/layout.ts';
import { readPauses } from '../../spool/pause.ts';
import { countOf, printable } from '../../terminal/text.ts';
import { printJson, printLines } from '../output.ts';
import { numberOption, parse } from '../runner.ts';
import type { Verb } from '../verb.ts';
import { oneId, ownSpool } from './arguments.ts';

const MAX_TIMEOUT_S = 366 * 86_400;

export const wait: Verb = {
  name: 'wait',
  summary: 'waits until a job has ended',
  help: `Usage: queue-job wait ID [--timeout S] [--json]

Waits until the job is completed, failed or cancelled, and says which. Any number of processes may wait. It sees to it
that a worker is there while entries wait. A job that is never sealed never ends.

  --timeout S   gives up after S seconds (default: never)
  --json        prints {id, state, job, firstError, deadEnd}; job is null when it was removed meanwhile, deadEnd the
                job that it waits for in vain
  -h, --help

Exit codes: 0 completed; 1 there is no such job; 2 usage; 3 failed or cancelled, or the job that it waits for was
cancelled; 4 not yet.

Examples:
  queue-job wait "$id"
  queue-job wait "$id" --timeout 60 || echo "code $?"
`,
  async run(args) {
    const { values, positionals } = parse(args, {
      timeout: { type: 'string' },
      json: { type: 'boolean', default: false },
    });
    const id = oneId(positionals);
    const spool = ownSpool();
    const timeout =
      values.timeout === undefined
        ? undefined
        : numberOption('--timeout', values.timeout, { min: 0, max: MAX_TIMEOUT_S });
    const waited = await waitForJob(spool, id, { timeout });
    if (values.json) {
      const { state, job = null, firstError = null, deadEnd = null } = waited;
      printJson({ id, state, job, firstError, deadEnd });
    } else if (waited.state === 'completed') printLines([sentence(waited)]);
    else process.stderr.write(`queue-job: ${sentence(waited)}${obstacle(spool, waited)}\n`);
    if (!hasEnded(waited.state) && waited.deadEnd === undefined) return EXIT.notYet;
    return waited.state === 'completed' ? EXIT.ok : EXIT.entryFailed;
  },
};

/** What a job that has not ended may be waiting for. */
function obstacle(spool: Spool, { id, state, job, deadEnd }: Waited): string {
  if (hasEnded(state)) return '';
  if (deadEnd !== undefined)
    return `, and never starts: it waits for ${deadEnd}, which was cancelled or removed`;
  if (readPauses(spool).all) return '; the queue is paused: queue-job resume';
  return job && !job.isSealed ? `; more items may come: queue-job seal ${id}` : `; queue-job show ${id}`;
}

function sentence({ id, state, job, firstError }: Waited): string {
  const items = job ? ` of ${job.expected ?? job.total} items` : '';
  const first = firstError === undefined ? '' : `; the first error: ${printable(firstError)}`;
  switch (state) {
    case 'completed':
      return `the job ${id} is completed${job ? ` (${countOf(job.total, 'item')})` : ''}`;
    case 'failed':
      return `the job ${id} has failed${job ? `: ${job.failed}${items}` : ''}${first}`;
    case 'cancelled':
      return `the job ${id} was cancelled${job ? `: ${job.withdrawn}${items} were withdrawn` : ''}${first}`;
    default:
      return `the job ${id} is ${state}${job ? `: ${job.processed + job.withdrawn}${items} are decided` : ''}`;
  }
}
