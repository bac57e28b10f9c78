/** queue-status's page: the same text on a terminal, in a pipe and in --watch, apart from colour and width. */

import { type Format, type Line, type PageStyle, paintLine, type Span } from '../terminal/line.ts';
import { table } from '../terminal/table.ts';
import { columnsOf, fit, formatBytes, formatMicros, formatSeconds, printable } from '../terminal/text.ts';
import type { OperationReport, StatusReport } from './status.ts';

/** What --watch adds. */
export interface Throughput {
  /** Entries applied a second, lately. */
  readonly perSecond: number;
  /** One character a look. */
  readonly sparkline: string;
}

const INDENT = '  ';

const STATES: Readonly<Record<StatusReport['state'], readonly [Format, string]>> = {
  absent: ['yellow', 'no spool'],
  idle: ['green', 'idle'],
  running: ['green', 'running'],
  starting: ['green', 'starting'],
  waiting: ['yellow', 'WAITING'],
  paused: ['yellow', 'PAUSED'],
  stalled: ['red', 'STALLED'],
  silent: ['red', 'STALLED'],
};

/** The page as lines, none wider than the style's columns. */
export function renderPage(report: StatusReport, style: PageStyle, throughput?: Throughput): string[] {
  const { statistics } = report;
  const lines: Line[] = [
    ...stateLines(report, style.columns),
    [`Spool:  ${printable(report.spool)}`],
    [],
    [['bold', 'Queue Depths:']],
    ...depthLines(report),
    ...pauseLines(report),
    [],
    ...workerLines(report),
    [],
    [['bold', 'Statistics:']],
    field('Enqueued', statistics.enqueued),
    field('Processed', statistics.processed),
    field('Failed', statistics.failed),
    field('Retried', statistics.retried),
    field('Duplicates', statistics.duplicates),
    field('Direct', statistics.direct),
    ...(throughput ? throughputLines(throughput, style.columns) : []),
    [],
    ...databaseLines(report),
    ...complaintLines(report),
    ...(report.operations ? operationLines(report.operations) : []),
  ];
  return lines.map((line) => paintLine(line, style));
}

/** The reason is what a page about trouble is for: it goes on in further lines where others are cut. */
function stateLines({ state, message }: StatusReport, columns: number): Line[] {
  const [format, word] = STATES[state];
  const texts: string[] = [];
  let room = columns - `Status: ${word} - `.length;
  for (const part of printable(message).split(' ')) {
    const longer = texts.length === 0 ? part : `${texts.at(-1)} ${part}`;
    if (columnsOf(longer) <= room) texts.splice(-1, 1, longer);
    else {
      texts.push(part);
      if (texts.length > 1) room = columns - INDENT.length;
    }
  }
  const [first = '', ...rest] = texts;
  return [
    [['bold', 'Status: '], [format, word], ` - ${first}`],
    ...rest.map((text): Line => [`${INDENT}${text}`]),
  ];
}

function depthLines({ depths, oldest }: StatusReport): Line[] {
  const age = oldest ? `  oldest: ${formatSeconds(oldest.ageSeconds)} (${printable(oldest.name)})` : '';
  const failed: Span = depths.failed > 0 ? ['red', String(depths.failed)] : '0';
  return [
    [...field('Pending', depths.pending), ['dim', age]],
    field('Processing', depths.processing),
    field('Completed', depths.completed),
    ['  Failed:      ', failed, ['dim', depths.failed > 0 ? '  see queue-failed list' : '']],
  ];
}

function pauseLines({ paused }: StatusReport): Line[] {
  const { operations, held } = paused;
  return [
    ...(held > 0 ? [field('Held', held)] : []),
    ...operations.map((name): Line => [['yellow', '  Paused:      '], printable(name)]),
  ];
}

function workerLines({ worker }: StatusReport): Line[] {
  if (!worker) return [[['bold', 'Worker:'], ' none']];
  const since = worker.since === null ? 'unknown' : `${worker.since} (${ageOf(worker.since)})`;
  return [
    [['bold', 'Worker:']],
    field('PID', worker.pid),
    field('Since', since),
    field('Heartbeat', `${worker.heartbeatAgeSeconds} s ago`),
  ];
}

/** The newest are at the right end: what does not fit is left out at the other. */
function throughputLines({ perSecond, sparkline }: Throughput, columns: number): Line[] {
  const shown = sparkline.slice(-Math.max(1, Math.min(columns, sparkline.length + 2) - 2));
  return [[], [['bold', 'Throughput: '], `${Math.round(perSecond)} entries/s`], ['  ', ['cyan', shown]]];
}

function databaseLines({ database, outages }: StatusReport): Line[] {
  const { state } = database;
  const isOut = outages.some(({ target }) => target === database.path);
  const isGood = state === 'ok' || state === 'remote';
  const format: Format = isGood && !isOut ? 'green' : state === 'faulty' ? 'red' : 'yellow';
  const advice =
    state === 'missing'
      ? ' - the first batch or queue-init makes it'
      : isOut
        ? ' - the worker waits for it'
        : '';
  const detail = database.message === null ? advice : ` - ${printable(database.message)}`;
  const lines: Line[] = [
    [['bold', 'Database: '], [format, state], detail],
    [`  ${printable(database.path)}`],
  ];
  if (database.size !== null) {
    const mode = database.journalMode === null ? '' : `, journal mode ${database.journalMode}`;
    lines.push([`  ${formatBytes(database.size)}, WAL ${formatBytes(database.walSize)}${mode}`]);
  }
  return lines;
}

function complaintLines({ complaints, log, outages, state }: StatusReport): Line[] {
  const lines: Line[] = [];
  if (state !== 'waiting') {
    for (const { message } of outages) lines.push([['yellow', `  last outage: ${printable(message)}`]]);
  }
  for (const { time, level, message } of complaints) {
    lines.push([`  ${time} `, [level === 'error' ? 'red' : 'yellow', level], ` ${printable(message)}`]);
  }
  return lines.length === 0 ? [] : [[], [['bold', 'Last complaints: '], `see ${printable(log)}`], ...lines];
}

function operationLines(operations: readonly OperationReport[]): Line[] {
  const rows = operations.map((own) => [
    fit(printable(own.operation), 40),
    String(own.count),
    own.count === 0 ? '-' : formatMicros(own.meanMicros),
    own.count === 0 ? '-' : formatMicros(own.p95Micros),
    String(own.failed),
  ]);
  if (rows.length === 0) return [[], [['bold', 'Operations:'], ' none yet']];
  const [head = '', ...body] = table(['Operation', 'Count', 'Mean', 'p95', 'Failed'], rows, 'lrrrr');
  return [[], [['bold', head]], ...body.map((line) => [line])];
}

function field(name: string, value: string | number): Line {
  return [`  ${`${name}:`.padEnd(12)} ${value}`];
}

function ageOf(time: string): string {
  return formatSeconds((Date.now() - Date.parse(time)) / 1000);
}
