/** Lists of jobs as tables that fit the terminal: those there are, and those that have ended. */
import type { Pauses } from '../spool/pause.ts';
import { type PageStyle, paintLine } from '../terminal/line.ts';
import { type Column, fittingTable } from '../terminal/table.ts';
import { formatSeconds, printable } from '../terminal/text.ts';
import type { PastJob } from './history.ts';
import { hasEnded, type Job } from './job.ts';
import { clockOf, durationOf, STATE_FORMATS } from './job-page.ts';
import type { JobList } from './list.ts';
import { progressOf } from './progress.ts';

const COLUMNS: readonly Column<Job>[] = [
  { head: 'id', align: 'l', text: ({ id }) => id },
  { head: 'name', align: 'l', text: ({ name }) => name, leave: 1, least: 8 },
  { head: 'state', align: 'l', text: ({ state }) => state, format: ({ state }) => STATE_FORMATS[state] },
  { head: 'done', align: 'r', text: shareText },
  { head: 'items', align: 'r', text: itemsText, leave: 0 },
  {
    head: 'failed',
    align: 'r',
    text: ({ failed }) => String(failed),
    format: ({ failed }) => (failed > 0 ? 'red' : undefined),
    leave: 2,
  },
  { head: 'age', align: 'r', text: ({ createdAt }) => formatSeconds(ageOf(createdAt)), leave: 4 },
  { head: 'took', align: 'r', text: tookText, leave: 3 },
];

export function renderList({ jobs, count }: JobList, pauses: Pauses, style: PageStyle): string[] {
  const footer = [
    ...(jobs.length < count ? [[`${jobs.length} of ${count} jobs: --limit shows more`]] : []),
    ...pauseLines(pauses).map((line) => [['yellow', line] as const]),
  ].map((line) => paintLine(line, style));
  const table = jobs.length === 0 ? ['no jobs'] : fittingTable(COLUMNS, jobs, style);
  return footer.length === 0 ? table : [...table, '', ...footer];
}

export function pauseLines({ all, operations }: Pauses): string[] {
  return [
    ...(all ? ['paused: the whole queue'] : []),
    ...operations.map((operation) => `paused: operation ${printable(operation)}`),
  ];
}

function shareText(job: Job): string {
  const { share } = progressOf(job);
  return share === null ? '-' : `${Math.floor(share * 100)}%`;
}

/** '532/1000'; with a + when more may come. */
function itemsText(job: Job): string {
  const { decided, total, isOpen } = progressOf(job);
  return `${decided}/${total}${isOpen ? '+' : ''}`;
}

function tookText(job: Job): string {
  const { seconds } = progressOf(job);
  return seconds === null ? '-' : `${durationOf(seconds)}${hasEnded(job.state) ? '' : '…'}`;
}

function ageOf(iso: string): number {
  return (Date.now() - Date.parse(iso)) / 1000;
}

const PAST_COLUMNS: readonly Column<PastJob>[] = [
  { head: 'id', align: 'l', text: ({ id }) => id },
  { head: 'name', align: 'l', text: ({ name }) => name, leave: 1, least: 8 },
  { head: 'state', align: 'l', text: ({ state }) => state, format: ({ state }) => STATE_FORMATS[state] },
  { head: 'items', align: 'r', text: ({ processed }) => String(processed) },
  {
    head: 'failed',
    align: 'r',
    text: ({ failed }) => String(failed),
    format: ({ failed }) => (failed > 0 ? 'red' : undefined),
    leave: 2,
  },
  { head: 'ended (UTC)', align: 'l', text: ({ completedAt }) => clockOf(completedAt), leave: 4 },
  {
    head: 'took',
    align: 'r',
    text: ({ seconds }) => (seconds === null ? '-' : durationOf(seconds)),
    leave: 3,
  },
];

export function renderHistory(jobs: readonly PastJob[], style: PageStyle): string[] {
  return jobs.length === 0 ? ['no job has ended'] : fittingTable(PAST_COLUMNS, jobs, style);
}
