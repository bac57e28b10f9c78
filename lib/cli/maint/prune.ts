/** queue-maint prune. */
import { EXIT } from '../../errors.ts';
import { pruneBackups } from '../../maintenance/backups/prune.ts';
import { countOf, printable } from '../../terminal/text.ts';
import { printJson, printLines } from '../output.ts';
import { numberOption, parse, refuseArguments, usage } from '../runner.ts';
import { countOption, directoryOf } from './arguments.ts';
import { COMMON, type Verb, whereOf } from './verb.ts';

const MAX_DAYS = 366 * 100;

export const prune: Verb = {
  name: 'prune',
  summary: 'removes old backups, but never the last good one',
  help: `Usage: queue-maint prune --keep N | --days N [--name N] [--dir D] [--db PATH] [--json]

Removes backups, each name for itself. The newest one that verify found good stays in any case.

  --keep N     N of each name stay
  --days N     those older than N days go
  --name N     only the backups of this name
  --dir D      default: the directory backups beside the database
  --db PATH    another database than HIVE_DB
  --json       prints {removed: [path]}
  -h, --help

Exit codes: 0 done, 1 not possible, 2 usage.

Examples:
  queue-maint prune --keep 5
  queue-maint prune --days 30 --name hive
`,
  run(args) {
    const { values, positionals } = parse(args, {
      ...COMMON,
      keep: { type: 'string' },
      days: { type: 'string' },
      name: { type: 'string' },
      dir: { type: 'string' },
    });
    refuseArguments(positionals);
    if ((values.keep === undefined) === (values.days === undefined))
      throw usage('give either --keep or --days');
    const directory = directoryOf(values.dir, whereOf(values).database);
    const removed = pruneBackups(directory, {
      keep: countOption('--keep', values.keep),
      days:
        values.days === undefined
          ? undefined
          : numberOption('--days', values.days, { min: 0, max: MAX_DAYS }),
      name: values.name,
    });
    if (values.json) printJson({ removed });
    else
      printLines([
        ...removed.map((path) => `removed ${printable(path)}`),
        `${countOf(removed.length, 'backup')} removed`,
      ]);
    return EXIT.ok;
  },
};
