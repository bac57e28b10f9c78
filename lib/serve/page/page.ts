/**
 * The page of queue-serve: it logs in, listens to the server's events, and draws the last report, ten times a second
 * at most, however many arrive.
 */
import { api, Refused, whenLocked } from './api.ts';
import { Charts } from './charts.ts';
import { announce, byId, note, put, show } from './dom.ts';
import { EntryList } from './entries.ts';
import { Failed } from './failed.ts';
import { clock } from './format.ts';
import { Operations, renderJobs } from './lists.ts';
import { Overview } from './overview.ts';
import { setUpTheme } from './theme.ts';
import type { Report } from './types.ts';

const RETRY_MS = 3000;
/** Figures change no oftener than the eye follows; lists, which are laid out anew, than one reads. */
const FIGURES_MS = 100;
const LISTS_MS = 500;
/** Reports come when something has changed; the charts go on meanwhile. */
const CHARTS_MS = 1000;

class Page {
  #source: EventSource | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #charts: Charts | undefined;
  #figures: (report: Report) => void = () => {};
  #lists: (report: Report) => void = () => {};
  #last: Report | undefined;

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
    document.title = 'Log in · hookspool';
    if (this.#last) put(byId('login-error'), 'The session is over; log in again.');
    else if (location.search === '?login=over')
      put(
        byId('login-error'),
        'That address was used before, or is too old; queue-serve --url prints a new one.',
      );
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
      const overview = new Overview();
      const failed = new Failed();
      this.#figures = paced(FIGURES_MS, (latest) => {
        this.#charts?.add(latest);
        overview.render(latest);
        failed.render(latest);
        entries.render(latest);
      });
      this.#lists = paced(LISTS_MS, (latest) => {
        renderJobs(latest);
        operations.render(latest);
      });
      setInterval(() => {
        if (this.#last && byId('link').dataset.link === 'live') this.#charts?.add(this.#last);
      }, CHARTS_MS);
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
    show(byId('lost'), state === 'lost');
    if (state === 'live' || !this.#last) return;
    this.#charts?.breakOff();
    put(byId('lost'), `△ queue-serve does not answer. These figures are from ${clock(this.#last.time)}.`);
  }

  #take(report: Report): void {
    this.#last = report;
    this.#figures(report);
    this.#lists(report);
  }
}

/** Draws the last report it was given, in the next frame, but not within `ms` of the one before. */
function paced(ms: number, draw: (report: Report) => void): (report: Report) => void {
  let latest: Report | undefined;
  let drawnAt = Number.NEGATIVE_INFINITY;
  const drawNow = (): void => {
    const report = latest;
    latest = undefined;
    drawnAt = performance.now();
    if (report) draw(report);
  };
  return (report) => {
    const isPlanned = latest !== undefined;
    latest = report;
    if (isPlanned) return;
    setTimeout(() => requestAnimationFrame(drawNow), Math.max(0, drawnAt + ms - performance.now()));
  };
}

void new Page().start();
