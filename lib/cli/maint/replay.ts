/** queue-maint replay. */
import { basename, resolve } from 'node:path';
import { EXIT } from '../../errors.ts';
import { replayJournal } from '../../maintenance/backups/replay.ts';
import { readLabel } from '../../maintenance/backups/shelf.ts';
import { journalNumber } from '../../spool/journal.ts';
import { type Position, parsePosition } from '../../spool/journal-read.ts';
import { printJson, printLines } from '../output.ts';
import { withBar } from '../progress.ts';
import { parse, refuseArguments, usage } from '../runner.ts';
import { entryNames, untilOf } from './arguments.ts';
import { replayLines } from './replayed.ts';
import { COMMON, type Verb, whereOf } from './verb.ts';

export const replay: Verb = {
  name: 'replay',
  summary: 'applies what the journal has and the database lacks',
  help: `Usage: queue-maint replay [--from F] [--until TIME|ENTRY | --before ENTRY] [--only-operation X]
                          [--except ENTRY ...] [--dry-run] [--db PATH] [--json]

Goes through the journal, archived parts included, and applies to the database every entry that its ledger does not
have. The queue is held meanwhile; hooks go on spooling. After a restore to an earlier time this is the way forward:
it takes in what that restore left out, without the entries named in --except.

  --from F             begins at a place such as 00000003:5120, a file such as journal-00000003.jsonl, or where the
                       journal was when a backup was made (its path); default: the beginning
  --until TIME|ENTRY   goes no further than this time (with its zone), or this entry
  --before ENTRY       stops just before that entry
  --only-operation X   only entries of this operation
  --except ENTRY       without that entry; may be given several times
  --dry-run            lists what would be applied
  --db PATH            another database than HIVE_DB
  --json               prints {applied, duplicates, skipped, failed: [{name, operation, error}],
                       planned: [{name, operation, appliedAt}]}
  -h, --help

Exit codes: 0 done, 1 not possible, 2 usage, 3 done, but an entry failed.

Examples:
  queue-maint replay --dry-run
  queue-maint replay --except 05_1767328963123456_50032
  queue-maint replay --only-operation tool_event --until 2026-01-31T18:00:00Z
`,
  async run(args) {
    const { values, positionals } = parse(args, {
      ...COMMON,
      from: { type: 'string' },
      until: { type: 'string' },
      before: { type: 'string' },
      'only-operation': { type: 'string' },
      except: { type: 'string', multiple: true },
      'dry-run': { type: 'boolean', default: false },
    });
    refuseArguments(positionals);
    const dryRun = values['dry-run'];
    const from = placeOf(values.from);
    const until = untilOf(values.until, values.before);
    const except = entryNames('--except', values.except);
    const where = whereOf(values);
    const report = await withBar('replaying', (onProgress) =>
      replayJournal({ ...where, from, until, except, only: values['only-operation'], dryRun, onProgress }),
    );
    if (values.json) printJson(report);
    else printLines(replayLines(report, dryRun));
    return report.failed.length > 0 ? EXIT.entryFailed : EXIT.ok;
  },
};

function placeOf(text: string | undefined): Position | undefined {
  if (text === undefined) return undefined;
  const file = journalNumber(basename(text));
  const position = Number.isNaN(file) ? parsePosition(text) : { file, offset: 0 };
  const label = position ? undefined : readLabel(resolve(text));
  const place = position ?? (label?.position ? parsePosition(label.position) : undefined);
  if (place) return place;
  throw usage(
    `--from is '${text}': it is no place in the journal, no file of it, and no backup that knows its place`,
  );
}
