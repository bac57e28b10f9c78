/** queue-maint verify. */
import { resolve } from 'node:path';
import { EXIT } from '../../errors.ts';
import { type Verification, verifyBackup } from '../../maintenance/backups/check.ts';
import { listBackups } from '../../maintenance/backups/shelf.ts';
import { printable } from '../../terminal/text.ts';
import { printJson, printLines } from '../output.ts';
import { withBar } from '../progress.ts';
import { parse, usage } from '../runner.ts';
import { directoryOf } from './arguments.ts';
import { COMMON, type Verb, whereOf } from './verb.ts';

export const verify: Verb = {
  name: 'verify',
  summary: 'checks whether backups can be restored',
  help: `Usage: queue-maint verify FILE ... | --all [--dir D] [--db PATH] [--json]

Checks size and checksum, SQLite's integrity_check, that the ledger is there, and the foreign keys (rows without a
parent are a warning). The result is noted beside the backup: list shows it, and prune keeps the last good one.

  --all        every backup in the directory
  --dir D      default: the directory backups beside the database
  --db PATH    another database than HIVE_DB
  --json       prints [{path, ok, problems, warnings}]
  -h, --help

Exit codes: 0 all are good, 1 one is not, or there is none, 2 usage.

Examples:
  queue-maint verify --all
  queue-maint verify .hive-mind/backups/queue_backup_hive_20260131_180000.db
`,
  async run(args) {
    const { values, positionals } = parse(args, {
      ...COMMON,
      all: { type: 'boolean', default: false },
      dir: { type: 'string' },
    });
    if (values.all === positionals.length > 0) throw usage('name backups, or give --all');
    const directory = values.all ? directoryOf(values.dir, whereOf(values).database) : '';
    const paths = values.all
      ? listBackups(directory).map(({ path }) => path)
      : positionals.map((path) => resolve(path));
    const results = await withBar('verifying', async (onProgress) => {
      const done: Verification[] = [];
      for (const path of paths) {
        onProgress(done.length, paths.length);
        done.push(await verifyBackup(path));
      }
      return done;
    });
    if (values.json) printJson(results);
    else
      printLines(
        results.length === 0 ? [`there are no backups in ${printable(directory)}`] : results.flatMap(linesOf),
      );
    return results.length > 0 && results.every(({ ok }) => ok) ? EXIT.ok : EXIT.failure;
  },
};

function linesOf({ path, ok, problems, warnings }: Verification): string[] {
  return [
    `${ok ? 'good' : 'BAD '}  ${printable(path)}`,
    ...problems.map((problem) => `      ${printable(problem)}`),
    ...warnings.map((warning) => `      warning: ${printable(warning)}`),
  ];
}
