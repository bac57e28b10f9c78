/** queue-maint restore. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { EXIT } from '../../errors.ts';
import { type RestoreStep, restoreBackup } from '../../maintenance/backups/restore.ts';
import { printable } from '../../terminal/text.ts';
import { canAsk, confirm, printJson, printLines } from '../output.ts';
import { withBar } from '../progress.ts';
import { parse, usage } from '../runner.ts';
import { entryNames, untilOf } from './arguments.ts';
import { replayLines } from './replayed.ts';
import { COMMON, type Verb, whereOf } from './verb.ts';

/** What part of the bar a step takes. */
const PARTS: Readonly<Record<RestoreStep, readonly [number, number]>> = {
  verify: [0, 0.2],
  copy: [0.2, 0.4],
  replay: [0.4, 0.8],
  check: [0.8, 1],
};

export const restore: Verb = {
  name: 'restore',
  summary: 'puts a backup in the place of the database, and replays the journal since',
  help: `Usage: queue-maint restore FILE [--until TIME|ENTRY | --before ENTRY] [--except ENTRY ...] [--no-journal]
                           [--to PATH] [--dry-run] [--yes] [--db PATH] [--json]

Verifies the backup, holds the queue (hooks go on spooling), copies it, applies what the journal has since, checks the
result and only then puts it in the place of the database. That one is kept beside it as NAME.before-restore-TIME,
and can be restored in the same way. Interrupted at any moment it leaves the old database or the new one.

  --until TIME     as the database was at that time, such as 2026-01-31T18:00:00Z: a zone is needed
  --until ENTRY    as it was right after that entry, such as 05_1767328963123456_50032
  --before ENTRY   as it was just before that entry
  --except ENTRY   without that entry; may be given several times
  --no-journal     the backup as it is
  --to PATH        into a new file; queue and database are left alone
  --dry-run        lists the entries that would be applied
  --yes            does not ask
  --db PATH        another database than HIVE_DB
  --json           prints {path, aside, applied, duplicates, skipped, failed, planned, warnings}
  -h, --help

What SQL asks of the clock is answered with the time at which the entry was applied first; random() is not repeated,
and what others have written into the database since the backup is in no journal.

Exit codes: 0 done, 1 not possible, or the answer was no: the database is as it was; 2 usage;
3 done, but an entry failed that had not failed then.

Examples:
  queue-maint restore .hive-mind/backups/queue_backup_hive_20260131_180000.db
  queue-maint restore FILE --except 05_1767328963123456_50032 --yes
  queue-maint restore FILE --until 2026-01-31T18:00:00+01:00 --to yesterday.db
`,
  async run(args) {
    const { values, positionals } = parse(args, {
      ...COMMON,
      until: { type: 'string' },
      before: { type: 'string' },
      except: { type: 'string', multiple: true },
      'no-journal': { type: 'boolean', default: false },
      to: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      yes: { type: 'boolean', default: false },
    });
    const [file, ...surplus] = positionals;
    if (file === undefined || surplus.length > 0) throw usage('name one backup to restore');
    const dryRun = values['dry-run'];
    const options = {
      ...whereOf(values),
      file: resolve(file),
      to: values.to,
      until: untilOf(values.until, values.before),
      except: entryNames('--except', values.except),
      withJournal: !values['no-journal'],
      dryRun,
    };
    if (!values.yes && !dryRun && values.to === undefined && !(await isAgreed(options))) {
      printLines(['nothing was changed']);
      return EXIT.failure;
    }
    const { path, aside, replay, warnings } = await withBar('restoring', (onProgress) =>
      restoreBackup({
        ...options,
        onProgress(step, done, total) {
          const [start, end] = PARTS[step];
          onProgress(start + ((end - start) * done) / Math.max(1, total), 1);
        },
      }),
    );
    if (values.json) printJson({ path, aside, ...replay, warnings });
    else {
      printLines([
        ...warnings.map((warning) => `warning: ${printable(warning)}`),
        ...replayLines(replay, dryRun),
        ...(dryRun ? [] : [`restored ${printable(path)}`]),
        ...(aside === null ? [] : [`what was there is now ${printable(aside)}`]),
      ]);
    }
    return replay.failed.length > 0 ? EXIT.entryFailed : EXIT.ok;
  },
};

async function isAgreed({ file, database }: { file: string; database: string }): Promise<boolean> {
  if (!canAsk()) throw usage('restore asks on a terminal, and this is none', 'For scripts there is --yes.');
  // What is not there need not be asked about: restoring it says so.
  if (!existsSync(file)) return true;
  return confirm(`Put ${printable(file)} in the place of ${printable(database)}?`);
}
