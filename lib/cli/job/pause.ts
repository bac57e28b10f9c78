/** queue-job pause and resume. */
import { EXIT } from '../../errors.ts';
import { pauseLines } from '../../jobs/list-page.ts';
import { pauseOf, resumeOf } from '../../jobs/pause.ts';
import { readPauses } from '../../spool/pause.ts';
import { printable } from '../../terminal/text.ts';
import { printJson, printLines } from '../output.ts';
import { parse, usage } from '../runner.ts';
import type { Verb } from '../verb.ts';
import { ownSpool } from './arguments.ts';

export const pause: Verb = {
  name: 'pause',
  summary: 'has the worker leave the queue, or one operation, alone',
  help: `Usage: queue-job pause [OPERATION] [--json]
       queue-job pause --list [--json]

The worker applies nothing more until it is told to go on; with OPERATION it leaves only entries of that one. It holds
over crashes and restarts. Hooks go on spooling. Entries in the worker's hand just now are still applied.

  --list       prints what is paused
  --json       prints {all, operations} as they are then
  -h, --help

Exit codes: 0 paused, or was so already; 1 the spool can't be written; 2 usage.

Examples:
  queue-job pause import
  queue-job pause --list
`,
  run(args) {
    const { values, positionals } = parse(args, {
      list: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    });
    const spool = ownSpool();
    if (values.list) {
      if (positionals.length > 0) throw usage('--list takes no OPERATION');
      const pauses = readPauses(spool);
      if (values.json) printJson(pauses);
      else
        printLines(pauses.all || pauses.operations.length > 0 ? pauseLines(pauses) : ['nothing is paused']);
      return EXIT.ok;
    }
    const operation = operationOf(positionals);
    const isNew = pauseOf(spool, operation);
    if (values.json) printJson(readPauses(spool));
    else printLines([`${what(operation)} ${isNew ? 'is' : 'was already'} paused`]);
    return EXIT.ok;
  },
};

export const resume: Verb = {
  name: 'resume',
  summary: 'ends a pause',
  help: `Usage: queue-job resume [OPERATION] [--json]

Ends the pause of the whole queue, or of OPERATION, and starts a worker when entries wait. Operations that are paused
stay so when the whole queue goes on.

  --json       prints {all, operations}: what is still paused
  -h, --help

Exit codes: 0 resumed, or was not paused; 1 the spool can't be written; 2 usage.

Examples:
  queue-job resume import
`,
  run(args) {
    const { values, positionals } = parse(args, { json: { type: 'boolean', default: false } });
    const operation = operationOf(positionals);
    const spool = ownSpool();
    const was = resumeOf(spool, operation);
    const pauses = readPauses(spool);
    if (values.json) printJson(pauses);
    else {
      const still = pauses.all || pauses.operations.length > 0 ? pauseLines(pauses) : [];
      printLines([
        `${what(operation)} ${was ? 'goes on' : 'was not paused'}`,
        ...still.map((line) => `still ${line}`),
      ]);
    }
    return EXIT.ok;
  },
};

function operationOf(positionals: readonly string[]): string | undefined {
  const [operation, ...surplus] = positionals;
  if (surplus.length > 0) throw usage('name one operation');
  return operation;
}

function what(operation: string | undefined): string {
  return operation === undefined ? 'the whole queue' : `the operation ${printable(operation)}`;
}
