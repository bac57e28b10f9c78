/** queue-job cancel. */
import { EXIT } from '../../errors.ts';
import { cancelJob } from '../../jobs/cancel.ts';
import { type Job, queuedOf } from '../../jobs/job.ts';
import { countOf } from '../../terminal/text.ts';
import { printJson, printLines } from '../output.ts';
import { withBar } from '../progress.ts';
import { numberOption, parse } from '../runner.ts';
import type { Verb } from '../verb.ts';
import { oneId, ownSpool } from './arguments.ts';

export const cancel: Verb = {
  name: 'cancel',
  summary: 'withdraws what is not applied yet of a job',
  help: `Usage: queue-job cancel ID [--timeout S] [--json]

The job takes no more items, and those that wait are taken out of the queue without being applied. What is applied
stays applied. Entries that the worker has in hand just now it still decides. Doing it again is harmless, and finishes
what was interrupted.

  --timeout S   how long to wait for those in the worker's hand (default: 10)
  --json        prints the job, with the keys of queue-job create --json
  -h, --help

Exit codes: 0 done; 1 there is no such job, or it has ended already; 2 usage; 4 cancelled, but the worker still has
entries in hand.

Examples:
  queue-job cancel "$id"
`,
  async run(args) {
    const { values, positionals } = parse(args, {
      timeout: { type: 'string' },
      json: { type: 'boolean', default: false },
    });
    const id = oneId(positionals);
    const spool = ownSpool();
    const patience = numberOption('--timeout', values.timeout ?? '10', { min: 0, max: 86_400 });
    const job = await withBar('withdrawing', (onProgress) => cancelJob(spool, id, { patience, onProgress }));
    if (values.json) printJson(job);
    else if (job.state === 'cancelled') printLines([sentence(job)]);
    if (job.state !== 'cancelled') {
      process.stderr.write(`queue-job: the job ${id} has ended: it is ${job.state}\n`);
      return EXIT.failure;
    }
    return queuedOf(job) > 0 ? EXIT.notYet : EXIT.ok;
  },
};

function sentence(job: Job): string {
  const queued = queuedOf(job);
  const inHand = queued > 0 ? `, ${queued} in the worker's hand` : '';
  const applied = job.processed - job.failed;
  return `${job.id} is cancelled: ${countOf(job.withdrawn, 'item')} withdrawn, ${applied} applied, ${job.failed} failed${inHand}`;
}
