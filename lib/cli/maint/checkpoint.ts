/** queue-maint checkpoint. */
import { EXIT } from '../../errors.ts';
import {
  CHECKPOINT_MODES,
  type CheckpointMode,
  checkpointDatabase,
} from '../../maintenance/database/checkpoint.ts';
import { formatBytes } from '../../terminal/text.ts';
import { printJson, printLines } from '../output.ts';
import { withClock } from '../progress.ts';
import { parse, refuseArguments, usage } from '../runner.ts';
import { COMMON, type Verb, whereOf } from './verb.ts';

export const checkpoint: Verb = {
  name: 'checkpoint',
  summary: 'copies what the WAL holds into the database',
  help: `Usage: queue-maint checkpoint [--mode MODE] [--db PATH] [--json]

Copies what the write-ahead log (the -wal file) holds into the database. SQLite does that by itself every 1000 pages;
a large WAL is one that a reader, which stays for long, has kept from being used anew.

  --mode MODE  passive   what goes without waiting for anyone; the default
               full      waits for readers and writers, SQLITE_BUSY_TIMEOUT at most, and copies all
               restart   also until nobody reads from the WAL, so that it is used from its start again
               truncate  and makes it a file of 0 bytes
  --db PATH    another database than HIVE_DB
  --json       prints {path, mode, busy, log, checkpointed, walBefore, walAfter}: pages, and bytes of the WAL;
               log and checkpointed are null without a WAL
  -h, --help

Exit codes: 0 done; 1 not possible, or full, restart or truncate was not completed, for a reader or writer was in the
way; 2 usage.

Examples:
  queue-maint checkpoint
  queue-maint checkpoint --mode truncate
`,
  async run(args) {
    const { values, positionals } = parse(args, { ...COMMON, mode: { type: 'string', default: 'passive' } });
    refuseArguments(positionals);
    if (!isMode(values.mode)) {
      throw usage(`there is no mode '${values.mode}'`, `The modes are ${CHECKPOINT_MODES.join(', ')}.`);
    }
    const { database, config } = whereOf(values);
    const { mode } = values;
    const report = await withClock('checkpoint', config.busyTimeout / 1000, () =>
      checkpointDatabase(database, { mode, busyTimeout: config.busyTimeout }),
    );
    if (values.json) printJson(report);
    else {
      const { log, checkpointed, walBefore, walAfter } = report;
      printLines([
        log === null
          ? 'there is no WAL: the database is in another journal mode'
          : `busy ${report.busy ? 1 : 0}, ${log} pages in the WAL, ${checkpointed} of them in the database`,
        `WAL ${formatBytes(walBefore)} before, ${formatBytes(walAfter)} after`,
      ]);
    }
    if (report.busy) {
      process.stderr.write(
        'queue-maint: a reader or writer is in the way: end it (fuser shows who has the file open), or try again later\n',
      );
    }
    return report.busy ? EXIT.failure : EXIT.ok;
  },
};

function isMode(text: string): text is CheckpointMode {
  return (CHECKPOINT_MODES as readonly string[]).includes(text);
}
