/** queue-job import. */
import { createReadStream } from 'node:fs';
import { EXIT } from '../../errors.ts';
import { importJobs } from '../../jobs/import.ts';
import { countOf } from '../../terminal/text.ts';
import { printJson, printLines } from '../output.ts';
import { parse, usage } from '../runner.ts';
import type { Verb } from '../verb.ts';
import { ownSpool } from './arguments.ts';

export const importVerb: Verb = {
  name: 'import',
  summary: 'takes in what export has printed',
  help: `Usage: queue-job import FILE|- [--replace] [--json]

Reads the lines of queue-job export. Each job is taken in whole or not at all, and the first line that is wrong ends it,
with its number. Entries are not part of an export: items that were queued then are withdrawn in the end, unless their
entries are in this queue.

  --replace    a job that is there already is replaced, unless it has queued items
  --json       prints {jobs: [id], results}
  -h, --help

Exit codes: 0 done; 1 FILE can't be read, or a line is wrong or names a job that is there: those before it are in;
2 usage.

Examples:
  queue-job import jobs.jsonl
  gzip -dc jobs.jsonl.gz | queue-job import - --replace
`,
  async run(args) {
    const { values, positionals } = parse(args, {
      replace: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    });
    const [file, ...surplus] = positionals;
    if (file === undefined || surplus.length > 0) throw usage('name one file, or - for stdin');
    const chunks = file === '-' ? process.stdin : createReadStream(file);
    const source = file === '-' ? 'stdin' : file;
    const { jobs, results } = await importJobs(ownSpool(), chunks, { source, replace: values.replace });
    if (values.json) printJson({ jobs, results });
    else printLines([`${countOf(jobs.length, 'job')} with ${countOf(results, 'result')} imported`]);
    return EXIT.ok;
  },
};
