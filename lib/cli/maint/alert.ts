/** queue-maint alert. */
import { text } from 'node:stream/consumers';
import { type Letter, post } from '../../alerts/post.ts';
import { loadAlertSettings, loadConfig } from '../../config.ts';
import { EXIT } from '../../errors.ts';
import { sendTest } from '../../maintenance/health/alert.ts';
import { spoolAt } from '../../spool/layout.ts';
import { printable } from '../../terminal/text.ts';
import { printJson, printLines } from '../output.ts';
import { parse, refuseArguments, usage } from '../runner.ts';
import type { Verb } from './verb.ts';

export const alert: Verb = {
  name: 'alert',
  summary: 'sends a test message to where alerts go',
  help: `Usage: queue-maint alert --test [--json]

Sends one message that says it is a test to the webhook in QUEUE_ALERT_URL and through the command in QUEUE_ALERT_CMD,
whichever are set, and prints what came back. Nothing is tried again; ten seconds at most.

  --test      sends it
  --post      sends what standard input says, {url, body}, and prints {ok, detail}: for the programs of the queue, which
              have a message sent by a process of its own
  --json      prints [{channel, ok, detail}]
  -h, --help

The worker tells of failed entries, a database that can't be used for QUEUE_ALERT_OUTAGE seconds, entries older than
QUEUE_ALERT_AGE seconds, workers that die again and again, and less than QUEUE_ALERT_DISK MB of room: one message when
it begins and one when it is over. queue-maint health --alert tells what health finds.

A webhook gets {"text": ...}, as Slack takes it, with id, kind, phase (start, end, test), what, advice, since, until,
host and spool. A command is run by sh -c with the same JSON on standard input, and as HOOKSPOOL_ALERT_TEXT,
HOOKSPOOL_ALERT_KIND and so on in its environment.

Exit codes: 0 every one took it; 1 one did not; 2 usage, or neither variable is set.

Examples:
  QUEUE_ALERT_URL=https://hooks.slack.com/services/T0/B0/XYZ queue-maint alert --test
  QUEUE_ALERT_CMD='notify-send hookspool "$HOOKSPOOL_ALERT_TEXT"' queue-maint alert --test
`,
  async run(args) {
    const { values, positionals } = parse(args, {
      test: { type: 'boolean', default: false },
      post: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    });
    refuseArguments(positionals);
    if (values.post) {
      printJson(await post(JSON.parse(await text(process.stdin)) as Letter));
      return EXIT.ok;
    }
    if (!values.test) throw usage('say --test: that is what this command does');
    const reports = await sendTest(spoolAt(loadConfig().baseDir), loadAlertSettings());
    if (values.json) printJson(reports);
    else {
      const lines = reports.map(
        ({ channel, ok, detail }) => `${channel}: ${ok ? 'ok' : 'failed'}: ${printable(detail)}`,
      );
      printLines(lines);
    }
    return reports.every(({ ok }) => ok) ? EXIT.ok : EXIT.failure;
  },
};
