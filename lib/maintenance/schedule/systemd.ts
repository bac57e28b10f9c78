/**
 * Units of systemd's user manager, as a shell script that puts them in place: one service for all routines, a timer
 * for each.
 *
 * In a unit `%` starts a specifier, in the arguments of a command `$` a variable, and within double quotes a backslash
 * an escape: all three are doubled (systemd.syntax(7), systemd.service(5)).
 */
import { type Job, routineArguments, TIMES, type Time } from './job.ts';

export function systemdText(job: Job): string[] {
  const timers = TIMES.map(({ routine }) => `${job.id}-${routine}.timer`);
  return [
    `# hookspool's maintenance of ${job.project}: a service and three timers of your systemd user manager.`,
    '#   install: pipe this text into sh',
    `#   remove:  systemctl --user disable --now ${timers.join(' ')}`,
    `#            rm ~/.config/systemd/user/${job.id}[@-]*; systemctl --user daemon-reload`,
    '#   look:    systemctl --user list-timers; a critical report is in journalctl --user as well',
    `#   reports: ${job.log}`,
    '# They run while you are logged in; always: loginctl enable-linger',
    'set -eu',
    `units=\${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user`,
    'mkdir -p "$units"',
    ...file(`${job.id}@.service`, service(job)),
    ...TIMES.flatMap((time) => file(`${job.id}-${time.routine}.timer`, timer(job, time))),
    'systemctl --user daemon-reload',
    `systemctl --user enable --now ${timers.join(' ')}`,
  ];
}

function file(name: string, lines: readonly string[]): string[] {
  return [`cat >"$units/${name}" <<'END_OF_UNIT'`, ...lines, 'END_OF_UNIT'];
}

/** %i is the routine; a warning (exit code 1) is no failure of the service. */
function service(job: Job): string[] {
  const [program = '', ...args] = job.command;
  const [, ...options] = routineArguments({ routine: 'hourly' });
  return [
    '[Unit]',
    `Description=hookspool ${job.id}, %i maintenance`,
    '',
    '[Service]',
    'Type=oneshot',
    'SuccessExitStatus=1',
    // The worker that a routine may start is to outlive it.
    'KillMode=process',
    ...Object.entries(job.env).map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}`),
    `ExecStart=${[...programOf(program), ...args.map(argument), '%i', ...options].join(' ')}`,
  ];
}

function timer(job: Job, { routine, minute, hour, weekday }: Time): string[] {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = weekday === null ? '' : `${['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'][weekday]} `;
  return [
    '[Unit]',
    `Description=hookspool ${job.id}, ${routine} maintenance`,
    '',
    '[Timer]',
    `OnCalendar=${day}*-*-* ${hour === null ? '*' : two(hour)}:${two(minute)}:00`,
    'Persistent=true',
    `Unit=${job.id}@${routine}.service`,
    '',
    '[Install]',
    'WantedBy=timers.target',
  ];
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%')}"`;
}

/** systemd takes no program with quotes or a backslash in its name, and `$$` there for two: such a one is left to sh. */
function programOf(path: string): string[] {
  if (!/["'\\$]/.test(path)) return [quoted(path)];
  return ['/bin/sh', '-c', argument('exec "$0" "$@"'), argument(path)];
}

function argument(text: string): string {
  return quoted(text).replaceAll('$', '$$$$');
}
