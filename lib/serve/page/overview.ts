/** State, figures, worker and database. */
import { api } from './api.ts';
import { announce, button, byId, el, note, put, putFacts, putItems, show } from './dom.ts';
import { bytes, clock, count, millis, seconds } from './format.ts';
import type { Report } from './types.ts';

/** A sign and a word for each state: never a colour alone. */
const STATES: Readonly<Record<string, readonly [sign: string, word: string]>> = {
  absent: ['○', 'No spool yet'],
  idle: ['○', 'Idle'],
  running: ['●', 'Running'],
  starting: ['◔', 'Starting'],
  waiting: ['▲', 'Waiting for the database'],
  stalled: ['■', 'Stalled'],
  silent: ['■', 'No sign of life'],
  paused: ['‖', 'Paused'],
};

export class Overview {
  #state = '';
  #isPaused = false;

  constructor() {
    byId('pause').addEventListener('click', () => void this.#switch(undefined, !this.#isPaused));
  }

  render(report: Report): void {
    const { paused, depths } = report;
    this.#isPaused = paused.all;
    const state = paused.all ? 'paused' : report.state;
    const [sign, word] = STATES[state] ?? ['?', state];
    const pill = byId('state');
    if (pill.dataset.state !== state) pill.dataset.state = state;
    put(pill.children[0] as Element, sign);
    put(pill.children[1] as Element, word);
    const message = messageOf(report);
    put(byId('state-message'), message);
    if (this.#state !== '' && this.#state !== state) announce(`${word}: ${message}`);
    this.#state = state;
    const title = `${depths.failed > 0 ? `${depths.failed} failed · ` : ''}${word} · hookspool`;
    if (document.title !== title) document.title = title;

    const where = byId('where');
    put(where, report.spool);
    if (where.title !== report.spool) where.title = report.spool;
    show(byId('pause'), true);
    const action = paused.all ? 'Resume' : 'Pause';
    byId('pause').setAttribute('aria-label', `${action} queue`);
    put(byId('pause').firstElementChild as Element, action);
    this.#paused(paused.operations);
    this.#tiles(report);
    this.#facts(report);
  }

  #paused(operations: readonly string[]): void {
    show(byId('paused'), operations.length > 0);
    putItems(
      byId('paused'),
      operations,
      (operation) => operation,
      (operation) =>
        el(
          'li',
          {},
          el('span', { 'aria-hidden': 'true' }, '‖ '),
          el('bdi', {}, operation),
          ' is paused ',
          button('Resume', () => void this.#switch(operation, false), {
            'aria-label': `Resume ${operation}`,
          }),
        ),
      () => {},
    );
  }

  async #switch(operation: string | undefined, isPause: boolean): Promise<void> {
    await switchPause(operation, isPause);
  }

  #tiles({
    depths,
    appliedPerSecond,
    oldest,
    latency,
    statistics: { direct },
    paused: { held },
  }: Report): void {
    const tiles: readonly (readonly [string, string, string])[] = [
      [
        'Waiting',
        count(depths.pending),
        joined([
          [depths.processing, 'in hand'],
          [held, 'held back'],
        ]),
      ],
      ['Oldest', oldest ? seconds(oldest.ageSeconds) : '–', oldest ? 'waiting' : 'nothing waits'],
      [
        'Applied',
        count(depths.completed + direct),
        direct > 0
          ? joined([
              [depths.completed, 'by the worker'],
              [direct, 'directly'],
            ])
          : appliedPerSecond === null
            ? ''
            : `${count(appliedPerSecond)}/s`,
      ],
      ['Failed', count(depths.failed), depths.failed > 0 ? 'see below' : 'none'],
      [
        'Latency p50',
        latency ? millis(latency.p50Ms) : '–',
        latency ? `p95 ${millis(latency.p95Ms)} · p99 ${millis(latency.p99Ms)}` : 'nothing applied yet',
      ],
    ];
    const list = byId('tiles');
    tiles.forEach(([term, value, more], index) => {
      let tile = list.children[index] as HTMLElement | undefined;
      if (!tile) {
        tile = el(
          'div',
          { class: 'panel tile' },
          el('dt'),
          el('dd', { class: 'value' }),
          el('dd', { class: 'more' }),
        );
        list.append(tile);
      }
      put(tile.children[0] as Element, term);
      put(tile.children[1] as Element, value);
      put(tile.children[2] as Element, more);
      if (term === 'Failed') tile.classList.toggle('bad', depths.failed > 0);
    });
  }

  #facts({ worker, database, outages, statistics, complaints, state }: Report): void {
    const last = complaints.at(-1);
    putFacts(byId('worker'), [
      [
        'State',
        worker
          ? `running, pid ${worker.pid}`
          : state === 'stalled'
            ? 'not running, and entries wait'
            : state === 'starting'
              ? 'starting'
              : 'not running; the next write starts it',
      ],
      ...(worker
        ? ([
            ['Since', clock(worker.since)],
            ['Sign of life', `${worker.heartbeatAgeSeconds} s ago`],
          ] as const)
        : []),
      ['Retried', count(statistics.retried)],
      ['Duplicates', count(statistics.duplicates)],
      ['Written directly', count(statistics.direct)],
      ...(last ? ([['Last complaint', `${clock(last.time)} ${last.message}`]] as const) : []),
    ]);
    putFacts(byId('database'), [
      [database.state === 'remote' ? 'Server' : 'File', database.path],
      ['State', databaseState(database, outages)],
      ...(database.size === null
        ? []
        : ([['Size', `${bytes(database.size)}, WAL ${bytes(database.walSize)}`]] as const)),
      ...outages.map(
        ({ target, message, since }) =>
          [
            'Outage',
            `since ${clock(since)}: ${message}${message.includes(target) ? '' : ` (${target})`}`,
          ] as const,
      ),
    ]);
  }
}

/** Pauses or resumes the queue, or one operation. */
export async function switchPause(operation: string | undefined, isPause: boolean): Promise<void> {
  const what = operation === undefined ? 'The queue' : `The operation ${operation}`;
  try {
    await (isPause ? api.pause(operation) : api.resume(operation));
    note(`${what} ${isPause ? 'is paused; hooks go on writing to it' : 'goes on'}.`);
  } catch (error) {
    note(`${what} could not be ${isPause ? 'paused' : 'resumed'}: ${(error as Error).message}`, true);
  }
}

/** What stands beside the state: for an outage, with the time as it is here. */
function messageOf({ paused, depths, state, outages: [outage], message }: Report): string {
  const waiting = depths.pending + depths.processing;
  if (paused.all) return `nothing is applied until the queue is resumed; ${count(waiting)} waiting`;
  if (state !== 'waiting' || !outage) return message;
  return `since ${clock(outage.since)}: ${outage.message}; nothing is lost`;
}

function joined(figures: readonly (readonly [number, string])[]): string {
  return figures
    .filter(([figure]) => figure > 0)
    .map(([figure, what]) => `${count(figure)} ${what}`)
    .join(' · ');
}

function databaseState({ path, state, message }: Report['database'], outages: Report['outages']): string {
  if (message !== null) return `${state}: ${message}`;
  if (state === 'remote')
    return outages.some(({ target }) => target === path)
      ? "can't be used"
      : 'no outage known; only the worker connects to it';
  return state === 'missing' ? 'not there yet; the first entry that is applied makes it' : state;
}
