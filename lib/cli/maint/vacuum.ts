/** queue-maint vacuum. */
import { EXIT } from '../../errors.ts';
import { vacuumIncrementally } from '../../maintenance/database/incremental.ts';
import { planVacuum, type VacuumReport, vacuumDatabase } from '../../maintenance/database/vacuum.ts';
import { formatSeconds } from '../../terminal/text.ts';
import { printJson, printLines } from '../output.ts';
import { withBar } from '../progress.ts';
import { parse, refuseArguments, usage } from '../runner.ts';
import { tookLine, WAL_STAYS } from './sizes.ts';
import { COMMON, type Verb, whereOf } from './verb.ts';

export const vacuum: Verb = {
  name: 'vacuum',
  summary: 'writes the database anew, without free pages',
  help: `Usage: queue-maint vacuum [--incremental | --enable-incremental] [--db PATH] [--json]

Writes the database anew: free pages go back to the disk, and the rows of a table stand side by side. The queue is held
meanwhile: hooks go on spooling, readers go on reading, and afterwards the worker goes on. Ctrl-C and kill -9 leave the
database as it was. Rows of tables without an INTEGER PRIMARY KEY may get other rowids.

It needs room for what is kept twice: in SQLite's temporary directory ($SQLITE_TMPDIR, $TMPDIR, /var/tmp, /usr/tmp,
/tmp, the first that is writable) and in the -wal beside the database. That is checked first.

  --incremental         only gives free pages back, in small steps between which the worker applies its batches; needs
                        a database with auto_vacuum=INCREMENTAL
  --enable-incremental  a vacuum that puts it into that mode
  --db PATH             another database than HIVE_DB
  --json                prints {path, before, after, busy, seconds}; before and after are {size, walSize, pageSize,
                        pages, freePages, fragmentation, journalMode, autoVacuum}; busy: a reader kept the WAL from
                        being emptied
  -h, --help

Exit codes: 0 done, 1 not possible, 2 usage.

Examples:
  queue-maint vacuum
  queue-maint vacuum --enable-incremental && queue-maint vacuum --incremental
`,
  async run(args) {
    const { values, positionals } = parse(args, {
      ...COMMON,
      incremental: { type: 'boolean', default: false },
      'enable-incremental': { type: 'boolean', default: false },
    });
    refuseArguments(positionals);
    const enableIncremental = values['enable-incremental'];
    if (values.incremental && enableIncremental) {
      throw usage('--enable-incremental is a whole vacuum, and --incremental is none: give one of them');
    }
    const { config, spool, database } = whereOf(values);
    const { busyTimeout } = config;
    let report: VacuumReport;
    if (values.incremental) {
      report = await withBar('vacuum', (onProgress) =>
        vacuumIncrementally(database, { busyTimeout, onProgress }),
      );
    } else {
      const { seconds } = planVacuum(database, { busyTimeout });
      if (!values.json)
        printLines([
          `this takes about ${formatSeconds(seconds)}, more on a busy disk; the queue is held meanwhile`,
        ]);
      report = await withBar('vacuum', (onProgress) =>
        vacuumDatabase(spool, database, { busyTimeout, enableIncremental, onProgress }),
      );
    }
    if (values.json) printJson(report);
    else printLines([...tookLine(report), ...(report.busy ? [WAL_STAYS] : [])]);
    return EXIT.ok;
  },
};
