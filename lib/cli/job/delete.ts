/** queue-job delete. */
import { EXIT } from '../../errors.ts';
import { hasEnded } from '../../jobs/job.ts';
import { removeJob, removeOldJobs } from '../../jobs/remove.ts';
import { countOf } from '../../terminal/text.ts';
import { printJson, printLines } from '../output.ts';
import { parse, usage } from '../runner.ts';
import type { Verb } from '../verb.ts';
import { daysOption, ownSpool, stateOption } from './arguments.ts';

const DAY_MS = 86_400_000;

export const remove: Verb = {
  name: 'delete',
  summary: 'removes jobs and their results',
  help: `Usage: queue-job delete ID ... [--force] [--json]
       queue-job delete --state S --older-than DAYS [--json]

Removes jobs with the results of their items. One line of each that has ended stays in queue-job history; dead letters
stay in failed/. A job that has queued items, or that another one waits for, is refused.

  --force             cancels those first that have not ended
  --state S           those that are completed, failed or cancelled
  --older-than DAYS   and have been so for more than DAYS days; those that others wait for stay
  --json              prints {removed: [id]}
  -h, --help

Exit codes: 0 done; 1 there is no such job; 2 usage, or a job was refused. Those before it are removed.

Examples:
  queue-job delete "$id"
  queue-job delete --state completed --older-than 7
`,
  async run(args) {
    const { values, positionals } = parse(args, {
      force: { type: 'boolean', default: false },
      state: { type: 'string' },
      'older-than': { type: 'string' },
      json: { type: 'boolean', default: false },
    });
    const { state, 'older-than': olderThan } = values;
    const isBulk = state !== undefined || olderThan !== undefined;
    if (isBulk && positionals.length > 0) throw usage('IDs and --state exclude each other');
    if (isBulk && values.force) throw usage('--force is only for IDs');
    if (!isBulk && positionals.length === 0) throw usage('name a job, or give --state and --older-than');
    const removed = isBulk
      ? removeOldJobs(ownSpool(), old(state, olderThan))
      : await removeEach(positionals, values.force);
    if (values.json) printJson({ removed });
    else printLines([...removed.map((id) => `removed ${id}`), `${countOf(removed.length, 'job')} removed`]);
    return EXIT.ok;
  },
};

async function removeEach(ids: readonly string[], force: boolean): Promise<readonly string[]> {
  const spool = ownSpool();
  for (const id of ids) await removeJob(spool, id, { force });
  return ids;
}

function old(state: string | undefined, days: string | undefined) {
  if (state === undefined || days === undefined) throw usage('--state and --older-than go together');
  const known = stateOption(state);
  if (!hasEnded(known)) throw usage(`--state is '${state}': it must be completed, failed or cancelled`);
  return { state: known, olderThanMs: daysOption('--older-than', days) * DAY_MS };
}
