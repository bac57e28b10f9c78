/** Failed entries: each with its error and its SQL, to be retried or discarded. */
import { api, isGone } from './api.ts';
import { button, byId, confirmed, el, note, put, putItems, show } from './dom.ts';
import { clock, count, line } from './format.ts';
import type { Entry, Report } from './types.ts';

/** So many at first, and with each "Show more" so many more: they take room from what is below. */
const FIRST = 10;
const MORE = 50;
/** Between two looks, however fast entries fail. */
const LOOK_MS = 1000;

export class Failed {
  #entries: readonly Entry[] = [];
  #next: string | null = null;
  #wanted = FIRST;
  #seen = '';
  #isLooking = false;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What is being put back or thrown away. */
  readonly #busy = new Set<string>();

  constructor() {
    byId('failed-more').addEventListener('click', () => {
      this.#wanted += MORE;
      void this.#look();
    });
    byId('retry-all').addEventListener('click', () => void this.#all('retry'));
    byId('discard-all').addEventListener('click', () => void this.#all('discard'));
  }

  render({ depths, failures }: Report): void {
    put(byId('failed-count'), depths.failed > 0 ? count(depths.failed) : '');
    show(byId('failed-empty'), depths.failed === 0);
    show(byId('retry-all'), depths.failed > 1);
    show(byId('discard-all'), depths.failed > 1);
    const seen = `${depths.failed} ${failures.map(({ name, failedAt }) => name + failedAt)}`;
    if (seen === this.#seen) return;
    this.#seen = seen;
    if (depths.failed === 0) {
      this.#entries = [];
      this.#next = null;
      this.#show();
    } else this.#soon();
  }

  #soon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => void this.#look(),
      Math.max(0, this.#lookedAt + LOOK_MS - performance.now()),
    );
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return this.#soon();
    this.#isLooking = true;
    this.#lookedAt = performance.now();
    try {
      const entries: Entry[] = [];
      let next: string | null = null;
      do {
        const limit = String(Math.min(500, this.#wanted - entries.length));
        const page = await api.entries({ state: 'failed', limit, ...(next === null ? {} : { after: next }) });
        entries.push(...page.entries);
        next = page.next;
      } while (next !== null && entries.length < this.#wanted);
      this.#entries = entries;
      this.#next = next;
      this.#show();
    } catch (error) {
      if (!isGone(error)) note(`The failed entries could not be read: ${(error as Error).message}`, true);
    } finally {
      this.#isLooking = false;
    }
  }

  #show(): void {
    show(byId('failed-more'), this.#next !== null);
    putItems(
      byId('failed-list'),
      this.#entries,
      ({ name, error }) => `${name} ${error?.at}`,
      (entry) => this.#letter(entry),
      () => {},
    );
  }

  #letter(entry: Entry): HTMLLIElement {
    const { name, operation, error, sql, params, queuedAt } = entry;
    const retry = button('Retry', () => void this.#one(entry, 'retry'), { 'aria-label': `Retry ${name}` });
    const discard = button('Discard …', () => void this.#one(entry, 'discard'), {
      class: 'danger',
      'aria-label': `Discard ${name}`,
    });
    const values =
      params === null || params === undefined
        ? []
        : [el('h3', {}, 'Parameters'), pre(JSON.stringify(params, null, 2))];
    return el(
      'li',
      {},
      el(
        'div',
        { class: 'head' },
        el('strong', {}, operation ?? 'no entry'),
        el('span', { class: 'badge' }, error?.code ?? ''),
        el('span', { class: 'more' }, `${clock(error?.at)} · queued ${clock(queuedAt)} · ${name}`),
      ),
      el('p', { class: 'error' }, error?.message ?? ''),
      ...(error?.hint ? [el('p', { class: 'more' }, error.hint)] : []),
      el(
        'details',
        {},
        el('summary', {}, 'SQL ', el('code', {}, line(sql ?? ''))),
        pre(sql ?? 'It could not be read as an entry.'),
        ...values,
      ),
      el('div', { class: 'actions' }, retry, discard),
    );
  }

  async #one({ name, operation }: Entry, what: 'retry' | 'discard'): Promise<void> {
    if (this.#busy.has(name)) return;
    if (what === 'discard') {
      const text = `${operation ?? 'It'} (${name}) will be removed for good; its SQL is not kept.`;
      if (!(await confirmed('Discard this entry?', text, 'Discard'))) return;
    }
    this.#busy.add(name);
    try {
      await api[what](name);
      note(what === 'retry' ? `${name} is back in the queue.` : `${name} is discarded.`);
      this.#remove(name);
    } catch (error) {
      note(`${name}: ${(error as Error).message}`, true);
      this.#soon();
    } finally {
      this.#busy.delete(name);
    }
  }

  /** Takes it out of the list at once, and the focus to the one after it. */
  #remove(name: string): void {
    const index = this.#entries.findIndex((entry) => entry.name === name);
    this.#entries = this.#entries.filter((entry) => entry.name !== name);
    const list = byId('failed-list');
    const hadFocus =
      list.children[index]?.contains(document.activeElement) || document.activeElement === document.body;
    this.#show();
    if (!hadFocus) return;
    const next = list.children[Math.min(index, list.children.length - 1)];
    (next?.querySelector<HTMLElement>('.actions button') ?? byId('failed-title')).focus();
  }

  async #all(what: 'retry' | 'discard'): Promise<void> {
    const number = byId('failed-count').textContent;
    const text =
      what === 'discard'
        ? `All ${number} failed entries will be removed for good; their SQL is not kept.`
        : `All ${number} failed entries go back into the queue. Those whose cause is not mended will fail again.`;
    const [title, action] =
      what === 'discard' ? ['Discard all?', 'Discard all'] : ['Retry all?', 'Retry all'];
    if (!(await confirmed(title, text, action))) return;
    try {
      const { done, refused } = await api[what]('all');
      note(`${count(done.length)} ${what === 'retry' ? 'are back in the queue' : 'are discarded'}.`);
      for (const { name, why } of refused.slice(0, 2)) note(`${name} stays: ${why}`, true);
      byId('failed-title').focus();
    } catch (error) {
      note((error as Error).message, true);
    }
    this.#soon();
  }
}

function pre(text: string): HTMLPreElement {
  return el('pre', { tabindex: '0' }, text);
}
