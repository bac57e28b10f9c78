/**
 * The page of queue-serve: it logs in, listens to the server's events, and draws the last report, once a frame at most,
 * however many arrive.
 */
import { api, Refused, whenLocked } from './api.ts';
import { Charts } from './charts.ts';
import { announce, byId, note, put, show } from './dom.ts';
import { EntryList } from './entries.ts';
import { Failed } from './failed.ts';
import { Operations, renderJobs } from './lists.ts';
import { Overview } from './overview.ts';
import { setUpTheme } from './theme.ts';
import type { Report } from './types.ts';

const RETRY_MS = 3000;

class Page {
  #source: EventSource | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #last: Report | undefined;
  #isDrawing = false;
  #charts: Charts | undefined;
  #panels: { render(report: Report): void }[] = [];

  async start(): Promise<void> {
    setUpTheme(() => this.#charts?.repaint());
    whenLocked(() => this.#lock());
    byId('login-form').addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#login();
    });
    try {
      this.#open(await api.status());
    } catch (error) {
      if (error instanceof Refused && error.status === 401) return;
      note((error as Error).message, true);
      this.#retry = setTimeout(() => location.reload(), RETRY_MS);
    }
  }

  async #login(): Promise<void> {
    const field = byId<HTMLInputElement>('token');
    put(byId('login-error'), '');
    try {
      await api.login(field.value.trim());
      field.value = '';
      this.#open(await api.status());
    } catch (error) {
      put(byId('login-error'), (error as Error).message);
      field.select();
    }
  }

  #lock(): void {
    this.#source?.close();
    clearTimeout(this.#retry);
    this.#link('closed', 'logged out');
    show(byId('main'), false);
    show(byId('pause'), false);
    if (!byId('login').hidden) return;
    show(byId('login'), true);
    byId('token').focus();
  }

  #open(report: Report): void {
    show(byId('login'), false);
    show(byId('main'), true);
    if (!this.#charts) {
      this.#charts = new Charts();
      const entries = new EntryList();
      const operations = new Operations((operation) => entries.choose(operation));
      this.#panels = [new Overview(), new Failed(), { render: renderJobs }, operations, entries];
    }
    this.#take(report);
    this.#listen();
  }

  #listen(): void {
    this.#source?.close();
    const source = new EventSource('/api/v1/events');
    this.#source = source;
    source.addEventListener('open', () => this.#link('live', 'live'));
    source.addEventListener('status', (event) => this.#take(JSON.parse(event.data) as Report));
    source.addEventListener('error', () => {
      this.#link('lost', 'reconnecting …');
      if (source.readyState !== EventSource.CLOSED || this.#source !== source) return;
      clearTimeout(this.#retry);
      this.#retry = setTimeout(() => void this.#return(), RETRY_MS);
    });
  }

  /** The browser has given up: the session may be over, or the server too busy for another stream. */
  async #return(): Promise<void> {
    try {
      this.#take(await api.status());
      this.#listen();
    } catch (error) {
      if (error instanceof Refused && error.status === 401) return;
      this.#retry = setTimeout(() => void this.#return(), RETRY_MS);
    }
  }

  #link(state: 'live' | 'lost' | 'closed', text: string): void {
    const link = byId('link');
    if (link.dataset.link === state) return;
    if (link.dataset.link === 'live' || state === 'live') announce(text);
    link.dataset.link = state;
    put(link, text);
  }

  #take(report: Report): void {
    this.#last = report;
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      const latest = this.#last;
      if (!latest) return;
      this.#charts?.add(latest);
      for (const panel of this.#panels) panel.render(latest);
    });
  }
}

void new Page().start();
