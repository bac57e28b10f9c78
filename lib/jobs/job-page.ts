/** The page of one job: the same text on a terminal, in a pipe and in --watch, apart from colour and width. */
import type { Pauses } from '../spool/pause.ts';
import { type Format, type Line, type PageStyle, paintLine, type Span } from '../terminal/line.ts';
import { formatSeconds, printable } from '../terminal/text.ts';
import { hasEnded, type ItemResult, type Job, type JobState, queuedOf } from './job.ts';
import type { JobDetails } from './list.ts';
import { type Progress, progressOf } from './progress.ts';

export const STATE_FORMATS: Readonly<Record<JobState, Format>> = {
  queued: 'yellow',
  running: 'cyan',
  completed: 'green',
  failed: 'red',
  cancelled: 'dim',
};

const BAR_COLUMNS = 30;

/** @param recent items a second lately, when --watch has measured it. */
export function renderJob(
  { job, predecessor, failures }: JobDetails,
  pauses: Pauses,
  style: PageStyle,
  recent?: number,
): string[] {
  const progress = progressOf(job, recent);
  const lines: Line[] = [
    [['bold', 'Job:      '], job.id, ...(job.name === '' ? [] : ['  ', printable(job.name)])],
    ['State:    ', [STATE_FORMATS[job.state], job.state], ...remark(job)],
    ['Progress: ', ...bar(progress, style.columns)],
    ['Items:    ', ...itemSpans(job)],
    ...rateLine(job, progress),
    ...waitLines(job, predecessor, pauses),
    [`Created:  ${momentOf(job.createdAt)}`],
    ...(job.startedAt === null ? [] : [[`Started:  ${momentOf(job.startedAt)}`]]),
    ...(job.completedAt === null ? [] : [[`Ended:    ${momentOf(job.completedAt)}${took(progress)}`]]),
    ...(job.template === null ? [] : [[`Template: ${printable(job.template)}`]]),
    ...metaLines(job),
    ...failureLines(job, failures),
  ];
  return lines.map((line) => paintLine(line, style));
}

function remark(job: Job): Span[] {
  if (job.error !== null && job.state !== 'cancelled') return [` - ${printable(job.error)}`];
  if (hasEnded(job.state) || job.isSealed) return [];
  return [['dim', job.expected === null ? ' - open: more items may come' : ' - more items are to come']];
}

function bar({ share, decided, total, isOpen }: Progress, columns: number): Span[] {
  if (share === null) return [isOpen ? 'no items yet' : 'no items'];
  const width = Math.max(5, Math.min(BAR_COLUMNS, columns - 32));
  const full = Math.floor(share * width);
  const numbers = `${percent(share)}  ${decided} of ${total}${isOpen ? ' so far' : ''}`;
  return [['cyan', '█'.repeat(full)], ['dim', '░'.repeat(width - full)], ' ', numbers];
}

/** Only what is all there is 100 %. */
export function percent(share: number): string {
  return `${Math.floor(share * 100)} %`;
}

function itemSpans(job: Job): Span[] {
  const failed = `${job.failed} failed`;
  return [
    `${job.processed - job.failed} applied, `,
    job.failed > 0 ? ['red', failed] : failed,
    `, ${job.withdrawn} withdrawn, ${queuedOf(job)} queued`,
  ];
}

function rateLine(job: Job, { perSecond, secondsLeft }: Progress): Line[] {
  if (perSecond === null) return [];
  const left = secondsLeft === null || queuedOf(job) === 0 ? '' : `, ${formatSeconds(secondsLeft)} left`;
  return [[`Rate:     ${rateOf(perSecond)} items/s${left}`]];
}

/** Two digits of a small one, none behind the point of a large one. */
export function rateOf(perSecond: number): string {
  return perSecond >= 10 || perSecond === 0 ? String(Math.round(perSecond)) : perSecond.toPrecision(2);
}

function waitLines(job: Job, predecessor: Job | undefined, pauses: Pauses): Line[] {
  if (hasEnded(job.state)) return [];
  const lines: Line[] = [];
  if (job.after !== null) lines.push(['After:    ', ...predecessorSpans(job.after, predecessor)]);
  const due = job.notBefore === null ? 0 : (Date.parse(job.notBefore) - Date.now()) / 1000;
  if (due > 0) lines.push([`Not until ${job.notBefore} (in ${formatSeconds(due)})`]);
  if (pauses.all) lines.push(['Paused:   ', ['yellow', 'the whole queue'], ': queue-job resume']);
  return lines;
}

function predecessorSpans(id: string, job: Job | undefined): Span[] {
  if (!job) return [`${id}, `, ['red', 'which is not there any more: it will never start']];
  const { share } = progressOf(job);
  const state: Span = [STATE_FORMATS[job.state], job.state];
  const name = job.name === '' ? '' : ` ${printable(job.name)}`;
  const advice: Readonly<Partial<Record<JobState, string>>> = {
    failed: ': it waits until its failed items are tried again (queue-job retry)',
    cancelled: ': it will never start',
  };
  return [`${id}${name}, `, state, share === null ? '' : ` ${percent(share)}`, advice[job.state] ?? ''];
}

function metaLines({ meta }: Job): Line[] {
  const keys = Object.entries(meta);
  if (keys.length === 0) return [];
  const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
  return [
    [['bold', 'Meta:']],
    ...keys.map(([key, value]): Line => [`  ${printable(key)}: ${printable(text(value))}`]),
  ];
}

function failureLines({ id, failed }: Job, failures: readonly ItemResult[]): Line[] {
  if (failures.length === 0) return [];
  const rest = failed - failures.length;
  const more: Line[] = rest > 0 ? [[['dim', `  and ${rest} more: queue-job results ${id} --failed`]]] : [];
  return [
    [['bold', failures.length === 1 ? 'Error:' : `First ${failures.length} errors:`]],
    ...failures.map(
      ({ item, error }): Line => [`  ${printable(item)}: `, ['red', printable(error ?? 'unknown')]],
    ),
    ...more,
  ];
}

/** 2026-01-31 18:00:12 UTC (3 min ago) */
function momentOf(iso: string): string {
  const age = (Date.now() - Date.parse(iso)) / 1000;
  return `${clockOf(iso)} UTC (${formatSeconds(age)} ago)`;
}

/** 2026-01-31T18:00:12.345Z -> 2026-01-31 18:00:12 */
export function clockOf(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ');
}

function took({ seconds }: Progress): string {
  return seconds === null ? '' : `, took ${durationOf(seconds)}`;
}

/** Like formatSeconds, with a digit behind the point of a short one. */
export function durationOf(seconds: number): string {
  return seconds < 10 ? `${seconds.toFixed(1)} s` : formatSeconds(seconds);
}
