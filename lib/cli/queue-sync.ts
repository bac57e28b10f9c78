/** queue-sync: takes JSON lines that other programs append to files, and writes them as rows. */
import { resolve } from 'node:path';
import { loadConfig } from '../config.ts';
import { EXIT, type QueueError } from '../errors.ts';
import type { SyncReport } from '../sync/pass.ts';
import { syncQueues } from '../sync/sync.ts';
import { countOf, formatBytes, printable } from '../terminal/text.ts';
import { printLines } from './output.ts';
import { withBar } from './progress.ts';
import { numberOption, parse, refuseArguments, runCommand, usage } from './runner.ts';

const help = `Usage: queue-sync [--queue-dir DIR] [--db PATH] [--once | --interval S] [--watch] [--replay-failed] [--json]

Takes the lines of TABLE_queue.jsonl, to which other programs append at any time, and inserts each as a row, exactly
once, whatever dies when. A line is a JSON object:

  {"table": "events", "data": {"id": 7, "name": "x"}, "source_menace_id": "m1", "hash_fields": ["id"]}

  table             default: the name of the file
  data, values      a value for each column; objects and arrays become JSON text, whole numbers keep all digits
  source_menace_id  noted beside the hash, in _queue_hashes
  hash_fields       names in data: a row that had the same values there, and is still in the table, is there already
  content_hash      the hash itself, any text

Lines that are in the database go to queue.log.bak, those that are none to TABLE_queue.error.jsonl, those that the
database refuses to TABLE_queue.failed.jsonl and queue.failed.jsonl. A line copied back from queue.log.bak inserts its
row again only if that is gone. Files in work stand in DIR/.taken until no program has them open.

  --queue-dir DIR   default: MENACE_QUEUE_DIR, else ./queue
  --db PATH         default: HIVE_DB
  --once            takes what is there and exits
  --interval S      takes what is there every S seconds, until Ctrl-C (default: every 10)
  --watch           and at once when lines come
  --replay-failed   takes the lines that failed before as well; their file stays as .bak
  --json            prints an object a line for each pass
  -h, --help

Keys of --json: {files, followed, inserted, duplicates, failed, malformed, bytes, seconds, refused: [{path, why}]};
followed: files that a program may still append to.

Exit codes: 0 all applied, 1 not possible (nothing is lost), 2 usage, 3 some lines failed or were malformed.

Examples:
  queue-sync --queue-dir ./queue --db menace.db --once
  queue-sync --watch
  queue-sync --once --replay-failed
`;

const MAX_INTERVAL = 366 * 86_400;

void runCommand({
  name: 'queue-sync',
  help,
  async run(args) {
    const { values, positionals } = parse(args, {
      'queue-dir': { type: 'string' },
      db: { type: 'string' },
      once: { type: 'boolean', default: false },
      interval: { type: 'string' },
      watch: { type: 'boolean', default: false },
      'replay-failed': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    });
    refuseArguments(positionals);
    const { once, watch, json } = values;
    if (once && (watch || values.interval !== undefined))
      throw usage('--once is one pass: --interval and --watch are for many');
    for (const name of ['queue-dir', 'db'] as const)
      if (values[name] === '') throw usage(`--${name} is empty`);
    const config = loadConfig();
    const stop = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort());
    let isRefused = false;
    const sync = (onProgress: (done: number, total: number) => void) =>
      syncQueues({
        queueDir: values['queue-dir'] ?? config.queueDir,
        database: values.db === undefined ? config.database : resolve(values.db),
        busyTimeout: config.busyTimeout,
        once,
        watch,
        replayFailed: values['replay-failed'],
        signal: stop.signal,
        ...(values.interval === undefined
          ? {}
          : { interval: numberOption('--interval', values.interval, { min: 0.1, max: MAX_INTERVAL }) }),
        onProgress,
        onPass(report) {
          isRefused = report.refused.length > 0;
          tell(report, json, once);
        },
        onTrouble: (error) => complain(`${error.message}${error.hint ? `\n  ${error.hint}` : ''}`),
      });
    const totals = once ? await withBar('sync', sync) : await sync(() => {});
    if (totals.failed + totals.malformed > 0) return EXIT.entryFailed;
    return isRefused ? EXIT.failure : EXIT.ok;
  },
});

const refusalsTold = new Set<string>();

/** A line for a pass in which something was done. */
function tell(report: SyncReport, json: boolean, once: boolean): void {
  const { files, followed, inserted, duplicates, failed, malformed, bytes, seconds, refused } = report;
  for (const { path, why } of refused) {
    const text = `${path} ${why}`;
    if (!refusalsTold.has(text)) complain(text);
    refusalsTold.add(text);
  }
  if (!once && bytes + files === 0) return;
  if (json) {
    const keys = { files, followed, inserted, duplicates, failed, malformed, bytes, seconds, refused };
    printLines([JSON.stringify(keys)]);
    return;
  }
  const rate = seconds > 1 ? `, ${Math.round((inserted + duplicates) / seconds)} rows/s` : '';
  const why = failed + malformed > 0 ? '; why: *.failed.jsonl, *.error.jsonl in the queue directory' : '';
  const open = followed > 0 ? `; ${countOf(followed, 'file')} may still be written to` : '';
  printLines([
    `inserted ${inserted}, already there ${duplicates}, failed ${failed}, malformed ${malformed} ` +
      `(${formatBytes(bytes)} in ${seconds.toFixed(1)} s${rate})${open}${why}`,
  ]);
}

function complain(text: QueueError['message']): void {
  process.stderr.write(`queue-sync: ${text.split('\n').map(printable).join('\n')}\n`);
}
