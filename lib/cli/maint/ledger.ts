/** queue-maint ledger. */
import { EXIT } from '../../errors.ts';
import { pruneLedger } from '../../maintenance/backups/ledger.ts';
import { withQueueHeld } from '../../maintenance/hold.ts';
import { countOf } from '../../terminal/text.ts';
import { printJson, printLines } from '../output.ts';
import { numberOption, parse, refuseArguments, usage } from '../runner.ts';
import { COMMON, type Verb, whereOf } from './verb.ts';

const DEFAULT_DAYS = 30;
const RANGE = { min: 0, max: 366 * 100 };

export const ledger: Verb = {
  name: 'ledger',
  summary: 'removes old rows from the table that makes entries apply once',
  help: `Usage: queue-maint ledger --prune [--days N] [--dry-run] [--db PATH] [--json]

Removes the ledger's rows of entries that were applied more than N days ago and stand in the journal, and notes in the
database up to which place of the journal that is done: a replay begins there at the earliest, so it repeats nothing,
from whatever backup. A key given with --id is forgotten with its row: written again later, it is applied again.
Prune the ledger before you delete old files of the journal: rows whose entries are not in it stay.

  --prune      does it
  --days N     default: ${DEFAULT_DAYS}
  --dry-run    says how many rows would go
  --db PATH    another database than HIVE_DB
  --json       prints {rows, position, stoppedAt}
  -h, --help

Exit codes: 0 done, 1 not possible, or it stopped at an entry that the ledger should have, 2 usage.

Examples:
  queue-maint ledger --prune --dry-run
  queue-maint ledger --prune --days 90
`,
  async run(args) {
    const { values, positionals } = parse(args, {
      ...COMMON,
      prune: { type: 'boolean', default: false },
      days: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
    });
    refuseArguments(positionals);
    if (!values.prune)
      throw usage('say --prune: there is nothing else to do with the ledger', 'queue-maint stats shows it.');
    const days = values.days === undefined ? DEFAULT_DAYS : numberOption('--days', values.days, RANGE);
    const dryRun = values['dry-run'];
    const where = whereOf(values);
    const work = () => pruneLedger({ ...where, days, dryRun });
    // A replay would apply again what loses its row behind its back.
    const report = dryRun ? work() : await withQueueHeld(where.spool, 'ledger', work);
    if (values.json) printJson(report);
    else {
      printLines([
        `${countOf(report.rows, 'row')} ${dryRun ? 'would be ' : ''}removed, up to ${report.position} of the journal`,
        ...(report.stoppedAt === undefined
          ? []
          : [
              `stopped at ${report.stoppedAt}, which the ledger does not have: queue-maint replay applies it`,
            ]),
      ]);
    }
    return report.stoppedAt === undefined ? EXIT.ok : EXIT.failure;
  },
};
