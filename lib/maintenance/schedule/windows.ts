/**
 * A PowerShell script that registers scheduled tasks. Written for Windows, not tried there.
 *
 * A task has no environment of its own, so it starts PowerShell with a small script that sets it; encoded, because the
 * quoting of a task's arguments is nobody's but the program's. The text is ASCII whatever the paths hold: files of
 * other encodings are read differently by different versions.
 */
import { type Job, routineArguments, TIMES, type Time } from './job.ts';

export function windowsText(job: Job): string[] {
  return [
    `# hookspool's maintenance, ${job.id}: three scheduled tasks. Not tried on Windows yet.`,
    '#   install: save this text as hookspool.ps1; powershell -ExecutionPolicy Bypass -File hookspool.ps1',
    `#   remove:  Get-ScheduledTask -TaskName '${job.id}-*' | Unregister-ScheduledTask`,
    '#   reports: maint.log in the spool. A time that passes while the machine is off is made up for.',
    "$ErrorActionPreference = 'Stop'",
    'function Add-Routine($Name, $Script, $Trigger) {',
    '  $encoded = [Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes($Script))',
    "  $arguments = '-NoProfile -NonInteractive -WindowStyle Hidden -EncodedCommand ' + $encoded",
    "  $action = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument $arguments",
    '  $settings = New-ScheduledTaskSettingsSet -StartWhenAvailable -MultipleInstances IgnoreNew',
    '  Register-ScheduledTask -TaskName $Name -Action $action -Trigger $Trigger -Settings $settings -Force',
    '}',
    ...TIMES.flatMap((time) => task(job, time)),
  ];
}

function task(job: Job, time: Time): string[] {
  const words = [...job.command, ...routineArguments(time)].map(literal);
  return [
    "$script = @'",
    ...Object.entries(job.env).map(([name, value]) => `$env:${name} = ${literal(value)}`),
    `& ${words.join(' ')}`,
    'exit $LASTEXITCODE',
    "'@",
    `$trigger = ${triggerOf(time)}`,
    `Add-Routine '${job.id}-${time.routine}' $script $trigger`,
  ];
}

function triggerOf({ minute, hour, weekday }: Time): string {
  const at = `'${String(hour ?? 0).padStart(2, '0')}:${String(minute).padStart(2, '0')}'`;
  if (hour === null)
    return `New-ScheduledTaskTrigger -Once -At ${at} -RepetitionInterval (New-TimeSpan -Hours 1)`;
  if (weekday === null) return `New-ScheduledTaskTrigger -Daily -At ${at}`;
  const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
  return `New-ScheduledTaskTrigger -Weekly -DaysOfWeek ${days[weekday]} -At ${at}`;
}

/** A PowerShell expression of ASCII. */
function literal(text: string): string {
  const parts = text.match(/[\x20-\x7e]+|[^\x20-\x7e]/g) ?? [];
  const written = parts.map((part) =>
    /^[\x20-\x7e]/.test(part)
      ? `'${part.replaceAll("'", "''")}'`
      : `[char]0x${part.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  if (parts.length === 0) return "''";
  // A [char] in front would be added to as a number.
  if (!/^[\x20-\x7e]/.test(parts[0] as string)) written.unshift("''");
  return written.length === 1 ? (written[0] as string) : `(${written.join(' + ')})`;
}
