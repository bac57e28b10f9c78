/** queue-job results. */
import { EXIT } from '../../errors.ts';
import type { ItemResult } from '../../jobs/job.ts';
import { readResults } from '../../jobs/results.ts';
import { formatMicros, paintFor, printable } from '../../terminal/text.ts';
import { printStream } from '../output.ts';
import { parse } from '../runner.ts';
import type { Verb } from '../verb.ts';
import { oneId, ownSpool } from './arguments.ts';

const FORMATS = { queued: 'yellow', done: 'green', failed: 'red', withdrawn: 'dim' } as const;

export const results: Verb = {
  name: 'results',
  summary: 'prints what became of the items of a job',
  help: `Usage: queue-job results ID [--failed] [--json]

One line an item, in the order of their entries: state, time it took, the item, its error.

  --failed     only those that failed
  --json       prints JSON lines: {name, item, state, success, error, details, durationUs, finishedAt}; name is that of
               the entry, state queued, done, failed or withdrawn; of a queued item finishedAt is when it was queued
  -h, --help

Exit codes: 0 shown; 1 there is no such job; 2 usage.

Examples:
  queue-job results "$id" --failed
  queue-job results "$id" --json | jq -r 'select(.success == false).item'
`,
  async run(args) {
    const { values, positionals } = parse(args, {
      failed: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    });
    const found = readResults(ownSpool(), oneId(positionals), { failed: values.failed });
    await printStream(lines(found, values.json ? JSON.stringify : lineOf));
    return EXIT.ok;
  },
};

function* lines(found: Iterable<ItemResult>, text: (result: ItemResult) => string): Generator<string> {
  for (const result of found) yield text(result);
}

const paint = paintFor(process.stdout);

function lineOf({ state, durationUs, item, error }: ItemResult): string {
  const took = durationUs === null ? '-' : formatMicros(durationUs);
  const reason = error === null ? '' : `  ${printable(error)}`;
  return `${paint(FORMATS[state], state.padEnd(9))} ${took.padStart(9)}  ${printable(item)}${reason}`;
}
