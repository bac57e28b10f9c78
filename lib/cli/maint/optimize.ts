/** queue-maint optimize. */
import { EXIT } from '../../errors.ts';
import { optimizeDatabase, VACUUM_FROM } from '../../maintenance/database/optimize.ts';
import { printable } from '../../terminal/text.ts';
import { printJson, printLines } from '../output.ts';
import { withBar } from '../progress.ts';
import { parse, refuseArguments } from '../runner.ts';
import { percent, tookLine, WAL_STAYS } from './sizes.ts';
import { COMMON, type Verb, whereOf } from './verb.ts';

export const optimize: Verb = {
  name: 'optimize',
  summary: 'what a database needs now and then; quick, or --full',
  help: `Usage: queue-maint optimize [--full] [--db PATH] [--json]

SQLite's PRAGMA optimize, for all tables: statistics are made anew where a table has none, or has grown or shrunk much,
from a bounded number of its rows. It is quick at any size, and may run beside the worker at any time.

  --full       analyzes every table to its last row; vacuums when ${VACUUM_FROM * 100} % of the pages or more are free (queue-maint vacuum
               does at any time); and empties the WAL
  --db PATH    another database than HIVE_DB
  --json       prints {path, full, before, after, analyzed: [table], vacuumed, busy, seconds}; before and after as
               those of vacuum; busy: a reader kept the WAL from being emptied
  -h, --help

Exit codes: 0 done, 1 not possible, or a reader kept the WAL from being emptied, 2 usage.

Examples:
  queue-maint optimize
  queue-maint optimize --full
`,
  async run(args) {
    const { values, positionals } = parse(args, { ...COMMON, full: { type: 'boolean', default: false } });
    refuseArguments(positionals);
    const { config, spool, database } = whereOf(values);
    const { full } = values;
    const { busyTimeout } = config;
    const report = await withBar('optimize', (onBar) =>
      optimizeDatabase(spool, database, {
        full,
        busyTimeout,
        onProgress: (_what, done, total) => onBar(done, total),
      }),
    );
    if (values.json) printJson(report);
    else {
      const { before, vacuumed, analyzed, busy } = report;
      const free = `${percent(before.fragmentation)} of the pages were free`;
      printLines([
        `analyzed: ${analyzed.length === 0 ? 'nothing needed it' : analyzed.map(printable).join(', ')}`,
        ...(full ? [`vacuum:   ${vacuumed ? 'done' : 'not needed'}, ${free}`] : []),
        ...tookLine(report),
        ...(busy ? [WAL_STAYS] : []),
      ]);
    }
    return report.busy ? EXIT.failure : EXIT.ok;
  },
};
