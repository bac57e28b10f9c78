/**
 * The entries of one state, searched. However many there are, the document holds the rows that are seen and a few more;
 * the next page is read when the end comes near.
 */
import { api, isGone } from './api.ts';
import { byId, el, note, put, putFacts, show } from './dom.ts';
import { clock, count, line } from './format.ts';
import type { Entry, Report } from './types.ts';

const PAGE = 200;
const OVERSCAN = 6;
/** An unscrolled list follows what happens, this often at most. */
const FOLLOW_MS = 2000;
const EMPTY: Readonly<Record<string, string>> = {
  pending: 'Nothing waits: everything that was written has been applied.',
  processing: 'Nothing is in hand just now.',
  completed: 'Nothing has been applied yet.',
  failed: 'No entry has failed.',
};

/** As they are called above the list. */
const WORDS: Readonly<Record<string, string>> = {
  pending: 'waiting',
  processing: 'in hand',
  completed: 'applied',
};

type Query = Readonly<Record<string, string>>;

export class EntryList {
  readonly #list = byId('entries');
  readonly #space = byId('entries-space');
  readonly #form = byId<HTMLFormElement>('entries-form');
  #entries: Entry[] = [];
  #next: string | null = null;
  #query: Query = { state: 'pending' };
  /** Of this many queries the last one's answer counts. */
  #number = 0;
  #isReading = false;
  #readAt = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #active = 0;
  #isDrawing = false;
  #rows = new Map<number, HTMLElement>();
  #depths: Readonly<Record<string, number>> = {};
  #seen = '';

  constructor() {
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#search();
    });
    this.#form.addEventListener('change', () => this.#search());
    this.#list.addEventListener('scroll', () => this.#draw(), { passive: true });
    this.#list.addEventListener('keydown', (event) => this.#onKey(event));
    this.#list.addEventListener('click', (event) => {
      const row = (event.target as Element).closest<HTMLElement>('[role=option]');
      if (!row) return;
      this.#active = Number(row.dataset.index);
      this.#draw();
      this.#details();
    });
    new ResizeObserver(() => this.#draw()).observe(this.#list);
    byId('details-close').addEventListener('click', () => byId<HTMLDialogElement>('details').close());
    byId('details').addEventListener('close', () => this.#list.focus());
  }

  /** Shows the applied entries of an operation, wherever the page is. */
  choose(operation: string): void {
    byId<HTMLInputElement>('entries-operation').value = operation;
    byId<HTMLInputElement>('entries-q').value = '';
    const state = this.#form.elements.namedItem('state') as RadioNodeList;
    state.value = 'completed';
    this.#search();
    this.#list.scrollIntoView({ block: 'center' });
    this.#list.focus();
  }

  render({ depths, statistics }: Report): void {
    // The list of what was applied is the journal's, which has what was written directly as well.
    this.#depths = { ...depths, completed: depths.completed + statistics.direct };
    this.#title();
    const seen = Object.values(this.#depths).join(' ');
    if (seen === this.#seen) return;
    this.#seen = seen;
    clearTimeout(this.#timer);
    // Someone who reads is not to have the rows change under him.
    if (this.#list.scrollTop > 0 || byId<HTMLDialogElement>('details').open) return;
    const due = Math.max(0, this.#readAt + FOLLOW_MS - performance.now());
    this.#timer = setTimeout(() => {
      if (this.#list.scrollTop === 0) void this.#read(true, false);
    }, due);
  }

  #search(): void {
    const fields = new FormData(this.#form);
    const query: Record<string, string> = { state: String(fields.get('state')) };
    const operation = byId<HTMLInputElement>('entries-operation').value.trim();
    const q = byId<HTMLInputElement>('entries-q').value.trim();
    if (operation !== '') query.operation = operation;
    if (q !== '') query.q = q;
    if (JSON.stringify(query) !== JSON.stringify(this.#query)) this.#active = 0;
    this.#query = query;
    this.#list.scrollTop = 0;
    void this.#read(true);
  }

  /** Reads the first page, or the one behind what is there. */
  async #read(isFirst: boolean, isAskedFor = true): Promise<void> {
    if (!isFirst && (this.#isReading || this.#next === null)) return;
    const number = ++this.#number;
    this.#isReading = true;
    this.#readAt = performance.now();
    try {
      const after = isFirst || this.#next === null ? {} : { after: this.#next };
      const page = await api.entries({ ...this.#query, limit: String(PAGE), ...after });
      if (number !== this.#number) return;
      this.#entries = isFirst ? [...page.entries] : this.#entries.concat(page.entries);
      this.#next = page.next;
      if (isFirst) this.#active = Math.min(this.#active, Math.max(0, this.#entries.length - 1));
      this.#forget();
      this.#title();
      this.#draw();
    } catch (error) {
      // That the server is gone is said at the top.
      if (number === this.#number && (isAskedFor || !isGone(error)))
        note(`The entries could not be read: ${(error as Error).message}`, true);
    } finally {
      if (number === this.#number) this.#isReading = false;
    }
    // A search looks at a limited number at a time, and may have found too few to fill the list.
    if (number === this.#number && this.#next !== null) this.#draw();
  }

  #title(): void {
    const { state = 'pending', operation, q } = this.#query;
    const isSearch = operation !== undefined || q !== undefined;
    const more = this.#next === null ? '' : '+';
    const loaded = `${count(this.#entries.length)}${more}`;
    const total = this.#depths[state] ?? 0;
    put(byId('entries-count'), isSearch ? `${loaded} found` : count(total));
    const isEmpty = this.#entries.length === 0 && this.#next === null;
    show(byId('entries-empty'), isEmpty);
    show(this.#list, !isEmpty);
    this.#list.style.setProperty('--rows', String(this.#entries.length));
    const nothing =
      'Nothing is found. The search looks for the text in names, SQL, keys and parameters of this state.';
    put(byId('entries-empty'), isSearch ? nothing : (EMPTY[state] ?? ''));
  }

  #forget(): void {
    for (const row of this.#rows.values()) row.remove();
    this.#rows.clear();
  }

  #draw(): void {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      this.#drawNow();
    });
  }

  #drawNow(): void {
    const height = Number.parseFloat(getComputedStyle(this.#list).getPropertyValue('--row')) || 34;
    const { scrollTop, clientHeight } = this.#list;
    const first = Math.max(0, Math.floor(scrollTop / height) - OVERSCAN);
    const last = Math.min(this.#entries.length, Math.ceil((scrollTop + clientHeight) / height) + OVERSCAN);
    this.#space.style.height = `${this.#entries.length * height}px`;
    for (const [index, row] of this.#rows) {
      if (index >= first && index < last) continue;
      row.remove();
      this.#rows.delete(index);
    }
    for (let index = first; index < last; index++) {
      let row = this.#rows.get(index);
      if (!row) {
        row = rowOf(this.#entries[index] as Entry, index);
        this.#rows.set(index, row);
        this.#space.append(row);
      }
      row.style.transform = `translateY(${index * height}px)`;
      row.setAttribute('aria-setsize', String(this.#next === null ? this.#entries.length : -1));
      row.setAttribute('aria-selected', String(index === this.#active));
    }
    const active = this.#rows.get(this.#active);
    if (active) this.#list.setAttribute('aria-activedescendant', active.id);
    else this.#list.removeAttribute('aria-activedescendant');
    if (last >= this.#entries.length - PAGE / 4 && this.#list.offsetParent !== null) void this.#read(false);
  }

  #onKey(event: KeyboardEvent): void {
    const visible = Math.max(1, Math.floor(this.#list.clientHeight / 34) - 1);
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: visible,
      PageUp: -visible,
      Home: -this.#entries.length,
      End: this.#entries.length,
    };
    const step = steps[event.key];
    if (event.key === 'Enter' || event.key === ' ') this.#details();
    else if (step !== undefined) this.#move(step);
    else return;
    event.preventDefault();
  }

  #move(step: number): void {
    this.#active = Math.max(0, Math.min(this.#entries.length - 1, this.#active + step));
    const height = Number.parseFloat(getComputedStyle(this.#list).getPropertyValue('--row')) || 34;
    const top = this.#active * height;
    const { scrollTop, clientHeight } = this.#list;
    if (top < scrollTop) this.#list.scrollTop = top;
    else if (top + height > scrollTop + clientHeight) this.#list.scrollTop = top + height - clientHeight;
    this.#draw();
  }

  #details(): void {
    const entry = this.#entries[this.#active];
    if (!entry) return;
    put(byId('details-title'), entry.operation ?? 'No entry');
    const facts: readonly (readonly [string, string | number | null | undefined])[] = [
      ['Name', entry.name],
      ['State', WORDS[entry.state] ?? entry.state],
      ['Priority', entry.priority],
      ['Queued', momentOf(entry.queuedAt)],
      ['Not before', momentOf(entry.notBefore)],
      ['Applied', momentOf(entry.appliedAt)],
      ['Tries so far', entry.retries || null],
      ['Error', entry.error && `${entry.error.code}: ${entry.error.message}`],
      ['Key', entry.id],
      ['Job', entry.job],
      ['Database', entry.db],
      ['Metadata', isNothing(entry.metadata) ? null : JSON.stringify(entry.metadata)],
      ['Shown', entry.isCut ? 'not all of it: it is long' : null],
    ];
    putFacts(
      byId('details-facts'),
      facts.flatMap(([term, value]) =>
        value === null || value === undefined ? [] : [[term, String(value)] as const],
      ),
    );
    put(byId('details-sql'), entry.sql ?? 'It could not be read as an entry.');
    put(byId('details-params'), isNothing(entry.params) ? 'none' : JSON.stringify(entry.params, null, 2));
    byId<HTMLDialogElement>('details').showModal();
  }
}

function isNothing(value: unknown): boolean {
  return (
    value === null || value === undefined || (typeof value === 'object' && Object.keys(value).length === 0)
  );
}

/** As the list has it, and exactly. */
function momentOf(iso: string | null): string | null {
  return iso === null ? null : `${clock(iso)} (${iso})`;
}

/** What tells rows of one statement apart. Texts stand as they are: most hold JSON, which quoting again would hide. */
function valuesOf(params: unknown): string {
  if (isNothing(params)) return '';
  const texts = Object.entries(params as object).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return `  ${line(texts.join(', '))}`;
}

function rowOf(entry: Entry, index: number): HTMLElement {
  const { name, operation, sql, params, priority, queuedAt, appliedAt, error } = entry;
  return el(
    'div',
    {
      role: 'option',
      id: `entry-${index}`,
      class: 'row',
      'data-index': String(index),
      'aria-posinset': String(index + 1),
      title: name,
    },
    el('span', { class: 'at' }, clock(appliedAt ?? queuedAt)),
    el(
      'span',
      { class: 'priority', 'aria-label': `priority ${priority ?? 'unknown'}` },
      `P${priority ?? '?'}`,
    ),
    el('span', { class: 'operation' }, operation ?? 'no entry'),
    el(
      'code',
      {},
      error ? line(`${error.code}: ${error.message}`) : line(sql ?? ''),
      el('span', { class: 'values' }, valuesOf(params)),
    ),
  );
}
