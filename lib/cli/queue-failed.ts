/** queue-failed: dead letters listed, shown, put back and thrown away. */
import { loadConfig } from '../config.ts';
import { EXIT } from '../errors.ts';
import { retryLetters } from '../jobs/retry.ts';
import { letterPage, letterTable, reportLetter } from '../maintenance/failed-page.ts';
import { checkSpool, type Spool, spoolAt } from '../spool/layout.ts';
import { findLetters, type Letter, readLetter, readLetters } from '../spool/letters.ts';
import { countOf, printable } from '../terminal/text.ts';
import { discardLetters } from '../worker/retry.ts';
import { canAsk, confirm, printJson, printLines, printPage } from './output.ts';
import { parse, runCommand, usage } from './runner.ts';

const help = `Usage: queue-failed list [--operation X] [--json]
       queue-failed show NAME ... [--json]
       queue-failed retry NAME ... | --all | --operation X [--json]
       queue-failed discard NAME ... | --all | --operation X [--yes] [--json]

Entries that could not be applied are kept in failed/ with the error. NAME is as list prints it; .json may be left out.

  list             one line a dead letter, oldest first within each priority
  show             one with its error, SQL, parameters and metadata
  retry            puts them back into the queue, their retries counted from 0
  discard          removes them for good; asks first unless NAMEs are given
  --all            every dead letter
  --operation X    those of one operation
  --yes            discard: does not ask
  --json           prints JSON instead of text
  -h, --help

Keys of --json
  list, show   [{name, kind (entry raw), operation, priority, failedAt, code, message, hint, entry, start}]
               entry is the entry as written; for a raw letter it is null, and start has its first bytes
  retry        {retried: [name], refused: [{name, why}]}
  discard      {discarded: count}

Exit codes: 0 done, 1 a NAME is not there or was refused, or the answer was no, 2 usage.

Examples:
  queue-failed list
  queue-failed show 05_1767328963123456_50032
  queue-failed retry --operation import
  queue-failed discard --all --yes
`;

interface Request {
  readonly spool: Spool;
  readonly names: readonly string[];
  readonly all: boolean;
  readonly operation: string | undefined;
  readonly yes: boolean;
  readonly json: boolean;
}

const commands: Readonly<Record<string, (request: Request) => Promise<number> | number>> = {
  list,
  show,
  retry,
  discard,
};

void runCommand({
  name: 'queue-failed',
  help,
  run(args) {
    const { values, positionals } = parse(args, {
      all: { type: 'boolean', default: false },
      operation: { type: 'string', short: 'o' },
      yes: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    });
    const [verb, ...names] = positionals;
    const command = verb !== undefined && Object.hasOwn(commands, verb) ? commands[verb] : undefined;
    if (!command)
      throw usage(
        verb === undefined ? 'say what to do: list, show, retry or discard' : `there is no command '${verb}'`,
      );
    const { all, operation, yes, json } = values;
    const ways = Number(names.length > 0) + Number(all) + Number(operation !== undefined);
    if (ways > 1) throw usage('NAMEs, --all and --operation exclude each other');
    if (yes && verb !== 'discard') throw usage('--yes is only for discard');
    if (ways === 0 && verb !== 'list') throw usage(`${verb} needs a NAME, or --all or --operation`);
    const spool = spoolAt(loadConfig().baseDir);
    checkSpool(spool);
    return command({ spool, names, all, operation, yes, json });
  },
});

function list({ spool, names, operation, json }: Request): number {
  if (names.length > 0) throw usage('list takes no NAME', 'queue-failed show NAME shows one.');
  const letters = readLetters(spool, operation);
  if (json) printJson(letters.map(reportLetter));
  else if (letters.length === 0) printLines(['no dead letters']);
  else printPage(({ columns }) => letterTable(letters, columns));
  return EXIT.ok;
}

function show(request: Request): number {
  const letters = chosen(request).flatMap((name): Letter[] => {
    const letter = readLetter(request.spool, name);
    return letter ? [letter] : [];
  });
  if (request.json) printJson(letters.map(reportLetter));
  else printLines(letters.flatMap((letter, index) => [...(index > 0 ? [''] : []), ...letterPage(letter)]));
  return EXIT.ok;
}

function retry(request: Request): number {
  const { retried, refused } = retryLetters(request.spool, chosen(request));
  if (request.json) printJson({ retried, refused });
  else printLines([`${retried.length} put back into the queue`]);
  for (const { name, why } of refused) {
    process.stderr.write(`queue-failed: ${printable(name)} stays: ${why}\n`);
  }
  return refused.length > 0 ? EXIT.failure : EXIT.ok;
}

async function discard(request: Request): Promise<number> {
  const names = chosen(request);
  const isBulk = request.names.length === 0;
  if (isBulk && !request.yes && names.length > 0) {
    if (!canAsk()) throw usage('discard asks on a terminal, and this is none', 'For scripts there is --yes.');
    if (!(await confirm(`Remove ${countOf(names.length, 'dead letter')} for good?`))) {
      printLines(['nothing was removed']);
      return EXIT.failure;
    }
  }
  const discarded = discardLetters(request.spool, names);
  if (request.json) printJson({ discarded });
  else printLines([`${discarded} removed`]);
  return EXIT.ok;
}

function chosen({ spool, names, operation }: Request): string[] {
  return names.length > 0 ? findLetters(spool, names) : readLetters(spool, operation).map(({ name }) => name);
}
