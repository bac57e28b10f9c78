/** Property lists of launchd agents, as a shell script that puts them in place. Written for macOS, not tried there. */
import { type Job, routineArguments, TIMES, type Time } from './job.ts';

export function launchdText(job: Job): string[] {
  return [
    `# hookspool's maintenance of ${job.project}: three agents of launchd. Not tried on macOS yet.`,
    '#   install: pipe this text into sh',
    `#   remove:  for name in hourly daily weekly; do launchctl bootout gui/$(id -u)/${job.id}-$name; done`,
    `#            rm ~/Library/LaunchAgents/${job.id}-*.plist`,
    `#   reports: ${job.log}. A time that passes while the machine sleeps is made up for when it wakes.`,
    'set -eu',
    'agents=$HOME/Library/LaunchAgents',
    'mkdir -p "$agents"',
    ...TIMES.flatMap((time) => {
      const label = labelOf(job, time);
      return [
        `cat >"$agents/${label}.plist" <<'END_OF_PLIST'`,
        ...plist(job, time),
        'END_OF_PLIST',
        `launchctl bootout "gui/$(id -u)/${label}" 2>/dev/null || :`,
        `launchctl bootstrap "gui/$(id -u)" "$agents/${label}.plist"`,
      ];
    }),
  ];
}

function labelOf(job: Job, { routine }: Time): string {
  return `${job.id}-${routine}`;
}

function plist(job: Job, time: Time): string[] {
  const { minute, hour, weekday } = time;
  const when = { Minute: minute, Hour: hour, Weekday: weekday };
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<plist version="1.0">',
    '<dict>',
    `  <key>Label</key><string>${xml(labelOf(job, time))}</string>`,
    '  <key>ProgramArguments</key>',
    '  <array>',
    ...[...job.command, ...routineArguments(time)].map((text) => `    <string>${xml(text)}</string>`),
    '  </array>',
    '  <key>EnvironmentVariables</key>',
    '  <dict>',
    ...Object.entries(job.env).map(([name, value]) => `    <key>${name}</key><string>${xml(value)}</string>`),
    '  </dict>',
    '  <key>StartCalendarInterval</key>',
    '  <dict>',
    ...Object.entries(when).flatMap(([name, value]) =>
      value === null ? [] : [`    <key>${name}</key><integer>${value}</integer>`],
    ),
    '  </dict>',
    // The worker that a routine may start is to outlive it.
    '  <key>AbandonProcessGroup</key><true/>',
    '</dict>',
    '</plist>',
  ];
}

function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
