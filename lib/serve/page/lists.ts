/** Jobs with their progress, and operations. */
import { button, byId, el, put, putItems, show } from './dom.ts';
import { count, micros, percent } from './format.ts';
import { switchPause } from './overview.ts';
import type { Job, Operation, Report } from './types.ts';

const SIGNS: Readonly<Record<string, string>> = {
  queued: '○',
  running: '●',
  completed: '✓',
  failed: '✕',
  cancelled: '–',
};
/** More rows than these nobody reads; the filter finds the others. */
const MAX_OPERATIONS = 100;

export function renderJobs({ jobs: { jobs } }: Report): void {
  show(byId('jobs-empty'), jobs.length === 0);
  putItems(
    byId('jobs'),
    jobs,
    ({ id }) => id,
    ({ id }) =>
      el(
        'li',
        {},
        el(
          'div',
          { class: 'head' },
          el('span', { 'aria-hidden': 'true' }),
          el('strong'),
          el('span', { class: 'badge' }),
        ),
        el('progress', { 'aria-label': `Progress of ${id}` }),
        el('p', { class: 'more' }),
        el('p', { class: 'error' }),
      ),
    (row, job) => {
      const [head, bar, text, error] = [...row.children] as [
        HTMLElement,
        HTMLProgressElement,
        HTMLElement,
        HTMLElement,
      ];
      const [sign, name, badge] = [...head.children] as [HTMLElement, HTMLElement, HTMLElement];
      put(sign, SIGNS[job.state] ?? '?');
      put(name, job.name || job.id);
      put(badge, job.state);
      if (row.dataset.state !== job.state) row.dataset.state = job.state;
      const whole = job.expected ?? job.total;
      bar.max = Math.max(1, whole);
      bar.value = job.processed;
      put(text, textOf(job, whole));
      put(error, job.error ?? '');
      show(error, job.error !== null);
    },
  );
}

function textOf({ state, processed, failed, withdrawn, isSealed }: Job, whole: number): string {
  const hasEnded = state !== 'queued' && state !== 'running';
  const parts = [
    whole > 0 ? `${count(processed)} of ${count(whole)} · ${percent(processed / whole)}` : 'no items yet',
    ...(failed > 0 ? [`${count(failed)} failed`] : []),
    ...(withdrawn > 0 ? [`${count(withdrawn)} withdrawn`] : []),
    ...(isSealed || hasEnded ? [] : ['more may come']),
  ];
  return parts.join(' · ');
}

export class Operations {
  readonly #onChoose: (operation: string) => void;
  #last: Report | undefined;

  /** @param onChoose shows the entries of one. */
  constructor(onChoose: (operation: string) => void) {
    this.#onChoose = onChoose;
    byId('operations-filter').addEventListener('input', () => {
      if (this.#last) this.render(this.#last);
    });
  }

  render(report: Report): void {
    this.#last = report;
    const all = report.operations ?? [];
    const wanted = byId<HTMLInputElement>('operations-filter').value.toLowerCase();
    const matching = all.filter(({ operation }) => operation.toLowerCase().includes(wanted));
    const found = matching.slice(0, MAX_OPERATIONS);
    show(byId('operations'), found.length > 0);
    show(byId('operations-empty'), found.length === 0);
    const more = matching.length - found.length;
    show(byId('operations-more'), more > 0);
    put(byId('operations-more'), `and ${count(more)} more, which the filter finds`);
    put(
      byId('operations-empty'),
      all.length === 0 ? 'The worker has applied nothing yet.' : 'No operation has this in its name.',
    );
    const paused = new Set(report.paused.operations);
    putItems(
      byId('operations').querySelector('tbody') as HTMLElement,
      found,
      ({ operation }) => operation,
      ({ operation }) => this.#row(operation),
      (row, operation) => this.#fill(row, operation, paused.has(operation.operation)),
    );
    putItems(
      byId('operation-names'),
      all,
      ({ operation }) => operation,
      ({ operation }) => el('option', { value: operation }),
      () => {},
    );
  }

  #row(operation: string): HTMLTableRowElement {
    const name = button(operation, () => this.#onChoose(operation), {
      class: 'quiet name',
      title: `Show the entries of ${operation}`,
    });
    const cells = Array.from({ length: 4 }, () => el('td', { class: 'number' }));
    const pause = button('', () => void switchPause(operation, pause.dataset.is !== 'paused'));
    return el('tr', {}, el('th', { scope: 'row' }, name), ...cells, el('td', { class: 'action' }, pause));
  }

  #fill(row: HTMLTableRowElement, operation: Operation, isPaused: boolean): void {
    const texts = [
      count(operation.count),
      count(operation.failed),
      ...(operation.count > 0 ? [operation.meanMicros, operation.p95Micros].map(micros) : ['–', '–']),
    ];
    for (const [index, text] of texts.entries()) put(row.cells[index + 1] as Element, text);
    row.cells[2]?.classList.toggle('bad', operation.failed > 0);
    const pause = row.cells[5]?.firstElementChild as HTMLElement;
    const label = isPaused ? 'Resume' : 'Pause';
    if (pause.textContent === label) return;
    pause.dataset.is = isPaused ? 'paused' : '';
    pause.textContent = label;
    pause.setAttribute('aria-label', `${label} ${operation.operation}`);
  }
}
