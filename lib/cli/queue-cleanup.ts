/** queue-cleanup: compresses, purges, recovers and tidies; with --queue-dir, the directory of queue-sync. */
import { loadConfig } from '../config.ts';
import { EXIT } from '../errors.ts';
import { cleanUp, TASKS, type Task } from '../maintenance/cleanup.ts';
import { spoolAt } from '../spool/layout.ts';
import { cleanQueues } from '../sync/cleanup.ts';
import { formatBytes, printable } from '../terminal/text.ts';
import { printJson, printLines } from './output.ts';
import { numberOption, parse, refuseArguments, runCommand, usage } from './runner.ts';

const help = `Usage: queue-cleanup [--archive] [--purge-failed] [--recover] [--hours N] [--dry-run] [--json]
       queue-cleanup --queue-dir DIR [--days N] [--dry-run] [--json]

Without a task: all three, and it rotates logs, removes stale temporary files, and what the hook scripts of sessions
kept that nobody has worked in for 90 days. It may run at any time.

  --archive        compresses journal files not written to for 24 hours; never one that a worker may write to
  --purge-failed   removes dead letters older than 168 hours
  --recover        puts orphans in processing/, older than QUEUE_PROCESSING_TIMEOUT, back into the queue
  --hours N        another age for --archive and --purge-failed
  --queue-dir DIR  of queue-sync: removes its files of failed, malformed and settled lines (TABLE_queue.failed.jsonl,
                   TABLE_queue.error.jsonl, queue.log.bak and their .bak), and half-written files of dead programs,
                   when they are older than N days; never a line that waits
  --days N         their age by the last change (default: 7)
  --dry-run        says what would be done and does nothing
  --json           prints an object instead of a line a task
  -h, --help

Keys of --json: {dryRun, tasks: [{task (logs archive purge-failed recover temporaries hook-files), count, detail}]};
with --queue-dir: {dryRun, removed: [{path, bytes, changed}]}

Exit codes: 0 done, 1 not possible, 2 usage.

Examples:
  queue-cleanup --dry-run
  queue-cleanup --archive --hours 1
  queue-cleanup --purge-failed --hours 720
  queue-cleanup --queue-dir ./queue --days 30
`;

const MAX_HOURS = 24 * 366 * 100;
const DEFAULT_DAYS = '7';

void runCommand({
  name: 'queue-cleanup',
  help,
  run(args) {
    const { values, positionals } = parse(args, {
      archive: { type: 'boolean', default: false },
      'purge-failed': { type: 'boolean', default: false },
      recover: { type: 'boolean', default: false },
      hours: { type: 'string' },
      'queue-dir': { type: 'string' },
      days: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    });
    refuseArguments(positionals);
    const hours =
      values.hours === undefined
        ? undefined
        : numberOption('--hours', values.hours, { min: 0, max: MAX_HOURS });
    const named = TASKS.filter((task) => values[task as keyof typeof values] === true);
    if (values['queue-dir'] !== undefined) {
      if (named.length > 0 || hours !== undefined)
        throw usage(
          '--queue-dir is about another directory: it goes with --days, --dry-run and --json alone',
        );
      return cleanQueueDirectory(values['queue-dir'], values);
    }
    if (values.days !== undefined) throw usage('--days is for --queue-dir');
    if (hours !== undefined && named.length > 0 && !named.some(takesHours)) {
      throw usage('--hours is for --archive and --purge-failed');
    }
    const config = loadConfig();
    const spool = spoolAt(config.baseDir);
    const dryRun = values['dry-run'];
    const tasks = cleanUp(config, spool, { tasks: named.length > 0 ? named : TASKS, hours, dryRun });
    if (values.json) printJson({ dryRun, tasks });
    else if (tasks.length === 0) printLines([`there is no spool at ${printable(spool.base)}`]);
    else
      printLines(
        tasks.map(({ task, detail }) => `${`${task}:`.padEnd(13)} ${dryRun ? '(dry run) ' : ''}${detail}`),
      );
    return EXIT.ok;
  },
});

function cleanQueueDirectory(
  directory: string,
  { days = DEFAULT_DAYS, 'dry-run': dryRun, json }: { days?: string; 'dry-run': boolean; json: boolean },
): number {
  const age = numberOption('--days', days, { min: 0, max: MAX_HOURS / 24 });
  const removed = cleanQueues(directory, { days: age, dryRun });
  if (json) printJson({ dryRun, removed });
  else {
    const verb = dryRun ? '(dry run) would remove' : 'removed';
    printLines(
      removed.map(
        ({ path, bytes, changed }) => `${verb} ${printable(path)} (${formatBytes(bytes)}, ${changed})`,
      ),
    );
    if (removed.length === 0) printLines([`nothing is older than ${age} days in ${printable(directory)}`]);
  }
  return EXIT.ok;
}

function takesHours(task: Task): boolean {
  return task === 'archive' || task === 'purge-failed';
}
