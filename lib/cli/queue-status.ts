/** queue-status: the state of the queue on one page, once or again and again. */
import { loadConfig } from '../config.ts';
import { EXIT } from '../errors.ts';
import { renderPage } from '../maintenance/page.ts';
import { readStatus } from '../maintenance/status.ts';
import { watchStatus } from '../maintenance/watch.ts';
import { spoolAt } from '../spool/layout.ts';
import { printJson, printPage } from './output.ts';
import { parse, refuseArguments, runCommand } from './runner.ts';
import { WATCH_OPTIONS, watchOptions } from './watch.ts';

const help = `Usage: queue-status [--stats] [--json | --watch [--interval SECONDS]]

Shows the state of the queue. It changes nothing and waits for nothing.

  --stats           adds a table: per operation how many, mean and p95 time of applying one, how many failed
  --json            prints an object instead of the page
  --watch           shows the page until Ctrl-C, with throughput; in a pipe one page after the other
  --interval S      seconds between two pages of --watch, 0.1 to 3600 (default: 1)
  -h, --help

Status
  running   a worker is there                  idle      no worker, nothing to do
  WAITING   the worker waits for the database  STALLED   entries wait and no worker is there
  starting  a worker was just started          no spool  nothing was ever written here
  PAUSED    until queue-job resume             STALLED   also: the worker shows no sign of life (silent in --json)

Numbers: Pending waits, Processing is the batch in hand, Completed was applied, Failed is in failed/ now. Enqueued
is everything that was processed, has failed, was a duplicate or is waiting; Direct writes went past the queue.

Keys of --json (times are ISO 8601, UTC)
  time, state (absent idle running starting waiting paused stalled silent), message, spool, log
  depths      {pending, processing, completed, failed}
  oldest      {name, since, ageSeconds} or null: the oldest entry of all priorities
  worker      {pid, since, heartbeatAgeSeconds} or null
  statistics  {enqueued, processed, failed, retried, duplicates, direct}
  paused      {all, operations, held}; held: entries set aside for a pause, or as their job waits
  database    {path, state (ok empty missing busy faulty remote), message, size, walSize, journalMode}
  outages     [{target, message, since}]: what the worker waits for
  complaints  [{time, level, message}]: the last warnings and errors of worker.log
  operations  with --stats: [{operation, count, failed, meanMicros, p95Micros}]

Exit codes: 0 shown, 1 the spool is refused or can't be read, 2 usage.

Examples:
  queue-status
  queue-status --watch --interval 5
  queue-status --json | jq .depths.pending
`;

void runCommand({
  name: 'queue-status',
  help,
  async run(args) {
    const { values, positionals } = parse(args, {
      stats: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      ...WATCH_OPTIONS,
    });
    refuseArguments(positionals);
    const watch = watchOptions(values);
    const config = loadConfig();
    const spool = spoolAt(config.baseDir);
    const look = () => readStatus(config, spool, { operations: values.stats });
    if (values.json) printJson(look());
    else if (watch) await watchStatus(look, watch);
    else printPage((style) => renderPage(look(), style));
    return EXIT.ok;
  },
});
