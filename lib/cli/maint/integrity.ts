/** queue-maint integrity. */
import { EXIT } from '../../errors.ts';
import { checkIntegrity } from '../../maintenance/database/integrity.ts';
import { sizeOf } from '../../maintenance/database/pages.ts';
import { printable } from '../../terminal/text.ts';
import { printJson, printLines } from '../output.ts';
import { withClock } from '../progress.ts';
import { parse, refuseArguments } from '../runner.ts';
import { BYTES_PER_SECOND } from './sizes.ts';
import { COMMON, type Verb, whereOf } from './verb.ts';

export const integrity: Verb = {
  name: 'integrity',
  summary: 'checks the database from the first page to the last',
  help: `Usage: queue-maint integrity [--quick] [--foreign-keys] [--db PATH] [--json]

Checks every page, record and index of the database. It only reads, and holds up nobody.

  --quick         leaves out the comparison of indexes with tables; on a large database much faster
  --foreign-keys  also finds rows whose parent is missing; the worker does not enforce foreign keys
  --db PATH       another database than HIVE_DB
  --json          prints {path, sound, problems: [text]}
  -h, --help

Exit codes: 0 sound, 1 not sound, or it can't be read, 2 usage.

Examples:
  queue-maint integrity
  queue-maint integrity --quick --json
`,
  async run(args) {
    const { values, positionals } = parse(args, {
      ...COMMON,
      quick: { type: 'boolean', default: false },
      'foreign-keys': { type: 'boolean', default: false },
    });
    refuseArguments(positionals);
    const { config, database } = whereOf(values);
    const { busyTimeout } = config;
    const { quick, 'foreign-keys': foreignKeys } = values;
    const problems = await withClock('checking', sizeOf(database) / BYTES_PER_SECOND, () =>
      checkIntegrity(database, { quick, foreignKeys, busyTimeout }),
    );
    if (values.json) printJson({ path: database, sound: problems.length === 0, problems });
    else printLines(problems.length === 0 ? ['sound'] : problems.map(printable));
    return problems.length === 0 ? EXIT.ok : EXIT.failure;
  },
};
