/** queue-maint backup. */
import { EXIT } from '../../errors.ts';
import { KEEP, makeBackup } from '../../maintenance/backups/make.ts';
import { formatBytes, printable } from '../../terminal/text.ts';
import { printJson, printLines } from '../output.ts';
import { withBar } from '../progress.ts';
import { parse, refuseArguments } from '../runner.ts';
import { countOption, directoryOf } from './arguments.ts';
import { COMMON, type Verb, whereOf } from './verb.ts';

export const backup: Verb = {
  name: 'backup',
  summary: 'makes a verified copy of the database, while it is written to',
  help: `Usage: queue-maint backup [--name N] [--dir D] [--keep N] [--compress] [--db PATH] [--json]

Copies the database as it is at one moment, checks the copy, and removes the oldest copies of the same name. Hooks and
worker go on meanwhile. The file is queue_backup_NAME_YYYYMMDD_HHMMSS.db (UTC); beside it, in NAME.json, stands its
checksum and where the journal was, so that restore can go on from there to any later moment.

  --name N      default: the database's name, without .db
  --dir D       default: the directory backups beside the database; it can't be in the spool
  --keep N      how many of this name stay (default: ${KEEP})
  --compress    gzip: a third of the size or less, several times slower
  --db PATH     another database than HIVE_DB
  --json        prints {path, bytes, createdAt, position, warnings, pruned}
  -h, --help

Exit codes: 0 done, 1 not possible (older backups are as they were), 2 usage.

Examples:
  queue-maint backup
  queue-maint backup --name before-upgrade --compress
  queue-maint backup --dir /mnt/backups --keep 30
`,
  async run(args) {
    const { values, positionals } = parse(args, {
      ...COMMON,
      name: { type: 'string' },
      dir: { type: 'string' },
      keep: { type: 'string' },
      compress: { type: 'boolean', default: false },
    });
    refuseArguments(positionals);
    const keep = countOption('--keep', values.keep);
    const { config, spool, database } = whereOf(values);
    const { path, label, warnings, pruned } = await withBar('backup', (onProgress) =>
      makeBackup({
        database,
        spool,
        name: values.name,
        directory: directoryOf(values.dir, database),
        keep,
        compress: values.compress,
        busyTimeout: config.busyTimeout,
        onProgress,
      }),
    );
    if (values.json) {
      const { bytes, createdAt, position } = label;
      printJson({ path, bytes, createdAt, position, warnings, pruned });
      return EXIT.ok;
    }
    printLines([
      `${printable(path)} (${formatBytes(label.bytes)}, verified)`,
      ...warnings.map((warning) => `warning: ${printable(warning)}`),
      ...pruned.map((old) => `removed ${printable(old)}`),
    ]);
    return EXIT.ok;
  },
};
