/**
 * Lines for a crontab.
 *
 * cron ends a command at `%` unless a backslash stands before it. What it makes of a backslash before another backslash
 * differs between crons, so a path that has one there is refused.
 */
import { QueueError } from '../../errors.ts';
import { type Job, routineArguments, shellWord, TIMES, type Time } from './job.ts';

/** Debian's cron refuses the whole crontab when a command is longer. */
const MOST_BYTES = 998;

/** @throws QueueError USAGE when a path can't be written into a crontab. */
export function cronText(job: Job): string[] {
  const without = `crontab -l | sed '/^# ${job.id} begin/,/^# ${job.id} end/d'`;
  return [
    `# ${job.id} begin: hookspool's maintenance of ${job.project}`,
    `#   install: with this text in FILE: (${without}; cat FILE) | crontab -`,
    `#   remove:  ${without} | crontab -`,
    `#   reports: ${job.log}`,
    '# cron sends mail only when something is critical. A time that passes while the machine is off is left out.',
    ...TIMES.map((time) => `${whenOf(time)} ${commandOf(job, time)}`),
    `# ${job.id} end`,
  ];
}

function whenOf({ minute, hour, weekday }: Time): string {
  return `${minute} ${hour ?? '*'} * * ${weekday ?? '*'}`;
}

function commandOf(job: Job, time: Time): string {
  const assignments = Object.entries(job.env).map(([name, value]) => `${name}=${shellWord(value)}`);
  const words = [...job.command, ...routineArguments(time)].map(shellWord);
  const command = [...assignments, ...words].join(' ');
  if (/\\[\\%]/.test(command)) throw unfit('a path has a backslash before another or before %');
  const escaped = command.replaceAll('%', '\\%');
  if (Buffer.byteLength(escaped) > MOST_BYTES) {
    throw unfit(`the command is longer than the ${MOST_BYTES} bytes that every cron takes`);
  }
  return escaped;
}

function unfit(why: string): QueueError {
  return new QueueError('USAGE', `no crontab can be made: ${why}`, {
    hint: 'Use another scheduler, or a symlink with a plainer path as QUEUE_BASE_DIR, HIVE_DB or CLAUDE_PROJECT_DIR.',
  });
}
