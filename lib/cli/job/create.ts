/** queue-job create. */

import { loadConfig } from '../../config.ts';
import { EXIT } from '../../errors.ts';
import { createJob, type NewJob } from '../../jobs/create.ts';
import { spoolAt } from '../../spool/layout.ts';
import { printJson, printLines } from '../output.ts';
import { numberOption, parse, refuseArguments, usage } from '../runner.ts';
import type { Verb } from '../verb.ts';
import { countOption, timeOption } from './arguments.ts';
import { createRows, hasRows, ROWS_HELP, ROWS_OPTIONS } from './create-rows.ts';

const MAX_DELAY_S = 366 * 86_400;

export const create: Verb = {
  name: 'create',
  summary: 'makes a job and prints its id',
  help: `Usage: queue-job create [--name N] [--total N] [--meta JSON] [--after JOB] [--at TIME | --delay S] [--json]
       queue-job create --template T [--rows FILE] [--open] [OPTIONS]
       queue-job create --job ID --rows FILE [--from-line N] [OPTIONS]

Makes a job and prints its id. Without a template it has no items yet: queue-write --job ID adds them. It ends when it
is sealed and all of them are decided: with its last item when --total says how many there are, else after queue-job
seal ID. With a template it has one item for each row, and is sealed.

  --name N      what it is called in lists (default: the name of the template)
  --total N     how many items it is to have; with 0 it is completed at once
  --meta JSON   an object with notes of your own
  --after JOB   starts when that job is completed
  --at TIME     starts then, such as 2026-01-31T18:00:00Z: a zone is needed
  --delay S     starts in S seconds
  --json        prints the job: {id, name, state, isSealed, expected, total, processed, failed, withdrawn, meta,
                template, after, notBefore, createdAt, startedAt, completedAt, error}; with a template
                {job, enqueued, skipped}
${ROWS_HELP}
  -h, --help

Exit codes: 0 done; 1 there is no job --after, a row is bad, or jobs.db can't be written; 2 usage.

Examples:
  id=$(queue-job create --name nightly --meta '{"source":"crm"}')
  queue-job create --name index --after "$id" --total 1
  queue-job create --name report --at 2026-01-31T18:00:00+01:00
  queue-job create --template import --rows rows.csv
`,
  async run(args) {
    const { values, positionals } = parse(args, {
      name: { type: 'string' },
      total: { type: 'string' },
      meta: { type: 'string' },
      after: { type: 'string' },
      at: { type: 'string' },
      delay: { type: 'string' },
      ...ROWS_OPTIONS,
      json: { type: 'boolean', default: false },
    });
    refuseArguments(positionals);
    const config = loadConfig();
    const spool = spoolAt(config.baseDir);
    const wanted: NewJob = {
      name: values.name,
      total: countOption('--total', values.total),
      meta: metaOf(values.meta),
      after: values.after,
      notBefore: notBeforeOf(values.at, values.delay),
    };
    if (hasRows(values)) {
      const outcome = await createRows({ config, spool }, values, (template, name) =>
        createJob(spool, { ...wanted, name: values.name ?? name, template }),
      );
      if (values.json) printJson(outcome);
      else printLines([outcome.job.id]);
      return EXIT.ok;
    }
    const job = createJob(spool, wanted);
    if (values.json) printJson(job);
    else printLines([job.id]);
    return EXIT.ok;
  },
};

/** @throws QueueError USAGE when it is no JSON object. */
function metaOf(text: string | undefined): Record<string, unknown> | undefined {
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // As for what is no object.
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw usage('--meta is not a JSON object', `For example --meta '{"source":"crm"}'.`);
}

/** @throws QueueError USAGE. */
function notBeforeOf(at: string | undefined, delay: string | undefined): number | undefined {
  if (at !== undefined && delay !== undefined) throw usage('--at and --delay exclude each other');
  if (at !== undefined) return timeOption('--at', at);
  if (delay === undefined) return undefined;
  return Math.round(Date.now() + numberOption('--delay', delay, { min: 0, max: MAX_DELAY_S }) * 1000);
}
