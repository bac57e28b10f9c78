/** queue-maint schedule. */
import { EXIT } from '../../errors.ts';
import { SCHEDULERS, scheduleText, usualScheduler } from '../../maintenance/schedule/schedule.ts';
import { printLines } from '../output.ts';
import { parse, refuseArguments, usage } from '../runner.ts';
import { type Verb, whereOf } from './verb.ts';

export const schedule: Verb = {
  name: 'schedule',
  summary: 'prints what has cron or another scheduler run hourly, daily and weekly',
  help: `Usage: queue-maint schedule [--cron | --systemd | --launchd | --windows] [--db PATH]

Prints the text that has a scheduler run queue-maint hourly, daily and weekly for this project, with the paths of this
installation and of this Node. It installs nothing: comments at its top say how to install and how to remove it.

  --cron       lines for a crontab
  --systemd    a script that makes a service and timers of the user's systemd
  --launchd    a script that makes agents of launchd (macOS; not tried there)
  --windows    a PowerShell script that makes scheduled tasks (not tried there)
  --db PATH    another database than HIVE_DB
  -h, --help

Without one of them: what this system has. CLAUDE_PROJECT_DIR is written into the text as it is now, and QUEUE_BASE_DIR,
HIVE_DB and QUEUE_THRESHOLDS where they are not the defaults. The reports go to maint.log in the spool, mode 0600, which
is moved to maint.log.1 when it has passed 1 MB; only a critical one is printed as well.

Exit codes: 0 printed, 1 not possible, 2 usage, or a path that can't be written into such a text.

Examples:
  queue-maint schedule
  queue-maint schedule --cron # its first lines say how to install it
  queue-maint schedule --systemd | sh
`,
  run(args) {
    const { values, positionals } = parse(args, {
      db: { type: 'string' },
      ...OPTIONS,
    });
    refuseArguments(positionals);
    const named = SCHEDULERS.filter((name) => values[name]);
    if (named.length > 1) throw usage(`--${named.join(' and --')} exclude each other`);
    const { config, spool, database } = whereOf(values);
    printLines(scheduleText({ ...config, database }, spool, named[0] ?? usualScheduler()));
    return EXIT.ok;
  },
};

const OPTIONS = {
  cron: { type: 'boolean', default: false },
  systemd: { type: 'boolean', default: false },
  launchd: { type: 'boolean', default: false },
  windows: { type: 'boolean', default: false },
} as const;
