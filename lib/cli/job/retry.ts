/** queue-job retry. */
import { EXIT } from '../../errors.ts';
import { retryJob } from '../../jobs/retry.ts';
import { countOf, printable } from '../../terminal/text.ts';
import { printJson, printLines } from '../output.ts';
import { withBar } from '../progress.ts';
import { parse } from '../runner.ts';
import type { Verb } from '../verb.ts';
import { oneId, ownSpool } from './arguments.ts';

export const retry: Verb = {
  name: 'retry',
  summary: 'tries the failed items of a job again',
  help: `Usage: queue-job retry ID [--json]

Puts the dead letters of its failed items back into the queue, their retries counted from 0; the job is running again.
Items whose dead letter is gone stay failed. Interrupted, it is finished by doing it again.

  --json       prints {job, retried, refused: [{name, why}]}
  -h, --help

Exit codes: 0 done; 1 there is no such job, or an item stays failed; 2 usage, or the job was cancelled.

Examples:
  queue-job retry "$id" && queue-job wait "$id"
`,
  async run(args) {
    const { values, positionals } = parse(args, { json: { type: 'boolean', default: false } });
    const id = oneId(positionals);
    const spool = ownSpool();
    const { job, retried, refused } = await withBar('putting back', (onProgress) =>
      retryJob(spool, id, onProgress),
    );
    if (values.json) printJson({ job, retried, refused });
    else printLines([`${countOf(retried, 'item')} put back into the queue`]);
    for (const { name, why } of refused) {
      process.stderr.write(`queue-job: ${printable(name)} stays failed: ${why}\n`);
    }
    return refused.length > 0 ? EXIT.failure : EXIT.ok;
  },
};
