/** queue-maint health. */
import { type Config, loadAlertSettings } from '../../config.ts';
import { requireChannel, tellHealth } from '../../maintenance/health/alert.ts';
import { checkHealth } from '../../maintenance/health/health.ts';
import { renderHealth } from '../../maintenance/health/health-page.ts';
import { parseThresholds, type Thresholds } from '../../maintenance/health/thresholds.ts';
import { paintFor } from '../../terminal/text.ts';
import { printJson, printLines } from '../output.ts';
import { parse, refuseArguments } from '../runner.ts';
import { anyDatabaseOf, COMMON, STATE_EXIT, type Verb } from './verb.ts';

export const health: Verb = {
  name: 'health',
  summary: 'checks queue, database, disks and backups, and says what to do',
  help: `Usage: queue-maint health [--threshold NAME=WARNING:CRITICAL ...] [--full] [--alert] [--db PATH] [--json]

Makes every check there is and says what to run about what is not well. It changes nothing and waits for nobody,
unless it is to send something.

  --threshold T   another threshold, such as wal=100MB:1GB, or NAME=off; may be given more than once. The same,
                  separated by spaces or commas, may stand in QUEUE_THRESHOLDS
  --full          checks all of the database, indexes too, whatever its size (integrity_check); the one thing here
                  that may take long. One larger than 128 MB that nobody has open gets an empty -wal and a -shm by it
  --alert         sends a message about what is not well to QUEUE_ALERT_URL and QUEUE_ALERT_CMD, one when it begins
                  and one when it is over, and none about what the worker has told; see queue-maint alert --help
  --db PATH       another database than HIVE_DB
  --json          prints {state, checks: [{name, state, value, unit, warning, critical, detail, advice}]}
  -h, --help

Checks              warning   critical
  spool                                 refused, or it can't be read
  worker                                it waits for the database (warning), or is not there while entries wait
  oldest            5 min     1 h       age of the oldest entry that could be applied; delayed ones do not count
  orphans           10        50        files in processing/ that no worker has in hand
  failed            1         100       dead letters
  clock             5 s       1 h       how far it is behind the last sequence number
  integrity                             quick_check of a database of up to 128 MB; of a larger one only that it opens
  size              500 MB    1 GB      the database file
  wal               50 MB     100 MB    its -wal file
  fragmentation     10 %      20 %      free pages of all, from 1 MB of them on
  disk              10 GB     5 GB      free room where spool and database are; below these
  backup            26 h      7 d       age of the newest backup that was not found to be bad; none is a warning

A check that has nothing to look at, or is off, is skipped. In --json unit is bytes, seconds, percent, count or null.

Exit codes: 0 all well, 1 a warning, 2 critical, or usage.

Examples:
  queue-maint health
  queue-maint health --threshold disk=2GB:500MB --threshold backup=off
  queue-maint health --alert >/dev/null    # from cron, every few minutes
  QUEUE_THRESHOLDS='wal=100MB:1GB failed=10:1000' queue-maint health --json
`,
  async run(args) {
    const { values, positionals } = parse(args, {
      ...COMMON,
      threshold: { type: 'string', multiple: true, default: [] },
      full: { type: 'boolean', default: false },
      alert: { type: 'boolean', default: false },
    });
    refuseArguments(positionals);
    const alerts = loadAlertSettings();
    if (values.alert) requireChannel(alerts);
    const { config, spool } = anyDatabaseOf(values);
    const thresholds = values.threshold.reduce(
      (known, text) => parseThresholds(text, '--threshold', known),
      thresholdsOf(config),
    );
    const report = await checkHealth(config, spool, { thresholds, full: values.full });
    if (values.json) printJson(report);
    else printLines(renderHealth(report, paintFor(process.stdout)));
    if (values.alert && !(await tellHealth(report, config, spool, alerts))) {
      process.stderr.write(
        'queue-maint: not every alert has been sent; see worker.log. It is tried again.\n',
      );
    }
    return STATE_EXIT[report.state];
  },
};

/** The defaults with what QUEUE_THRESHOLDS changes. */
export function thresholdsOf(config: Config): Thresholds {
  return parseThresholds(config.thresholds, 'QUEUE_THRESHOLDS');
}
