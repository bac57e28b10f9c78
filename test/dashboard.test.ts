/**
 * The page of queue-serve in a real browser: what it shows of a queue as it changes, what it does to it, by mouse, by
 * keyboard and on a phone, that nothing an entry holds is more than text, and that it stays smooth.
 */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import { openJobs } from '../lib/jobs/database.ts';
import { ensureSpool, spoolAt } from '../lib/spool/layout.ts';
import { live, noBrowser, type Shown, serve, showing, textIs, tokenOf } from './support/browser.ts';
import { type Project, project, waitFor } from './support/project.ts';
import {
  entryText,
  logged,
  logs,
  once,
  putEntry,
  startNoWorker,
  startWorker,
  withLog,
} from './support/queue.ts';

const skip = noBrowser();

/** The figure of a tile. */
function tile(name: string): string {
  return `.tile:has(dt:text-is("${name}")) .value`;
}

async function figureIs(page: Page, name: string, value: string): Promise<void> {
  await page
    .locator(tile(name))
    .filter({ hasText: new RegExp(`^${value}$`) })
    .waitFor();
}

/** A queue whose worker the test runs when it wants. */
function quiet(t: TestContext): Project {
  const self = project(t);
  withLog(self);
  startNoWorker(self);
  return self;
}

test('it asks for the token, shows an empty queue with what to do, and then what is written as it happens', {
  skip,
}, async (t) => {
  const self = project(t);
  await showing(
    self,
    async ({ page, server }) => {
      await page.goto(server.url);
      await page.locator('#login').waitFor();
      assert.equal(await page.locator('#main').isVisible(), false);
      await page.fill('#token', 'not the token, and long enough');
      await page.click('#login button');
      await textIs(page, '#login-error', 'the token is wrong');
      await page.fill('#token', tokenOf(self));
      await page.keyboard.press('Enter');
      await live(page);
      assert.equal(await page.locator('#login').isVisible(), false);
      await textIs(page, '#failed-empty', /No entry has failed/);
      await textIs(page, '#jobs-empty', /No jobs yet/);
      await textIs(page, '#entries-empty', /Nothing waits/);
      withLog(self);
      await startWorker(self);
      putEntry(self, logs('a'));
      await figureIs(page, 'Applied', '1');
      await textIs(page, '#state', '●Running');
      await page.locator('#operations button.name', { hasText: /^write$/ }).waitFor();
      await page.locator(tile('Latency p50')).filter({ hasNotText: '–' }).waitFor();
      assert.equal(await page.locator('.uplot canvas').count(), 3);
    },
    { isLoggedIn: false },
  );
});

test('failed entries show error and SQL; retry and discard do so, and say what went wrong', {
  skip,
}, async (t) => {
  const self = quiet(t);
  putEntry(self, 'INSERT INTO later(t) VALUES(:t)', {
    params: { t: 'kept' },
    operation: 'to retry',
  });
  const discarded = putEntry(self, 'INSERT INTO nowhere VALUES(2)', { operation: 'to discard' });
  const gone = putEntry(self, 'INSERT INTO nowhere VALUES(3)', { operation: 'to lose' });
  await once(self, 3);
  startNoWorker(self);
  await showing(self, async ({ page }) => {
    const letter = (operation: string) => page.locator('#failed-list li', { hasText: operation });
    await letter('to lose').waitFor();
    await textIs(page, '#failed-count', '3');
    assert.match((await page.title()) ?? '', /^3 failed/);
    assert.match((await letter('to retry').textContent()) ?? '', /no such table: later/);
    await letter('to retry').locator('summary').click();
    assert.equal(
      await letter('to retry').locator('pre').first().textContent(),
      'INSERT INTO later(t) VALUES(:t)',
    );

    await letter('to retry').getByRole('button', { name: 'Retry' }).click();
    await letter('to retry').waitFor({ state: 'detached' });
    await waitFor('it to be in the queue', () => self.names('pending').length === 1);
    await page.locator('.note', { hasText: 'is back in the queue' }).waitFor();
    // The focus goes to the next one.
    assert.equal(await page.evaluate('document.activeElement.closest("#failed-list li") !== null'), true);

    await letter('to discard').getByRole('button', { name: 'Discard' }).click();
    await page.getByRole('button', { name: 'Keep' }).click();
    assert.ok(self.names('failed').includes(discarded));
    await letter('to discard').getByRole('button', { name: 'Discard' }).click();
    await page.locator('#confirm-yes').click();
    await letter('to discard').waitFor({ state: 'detached' });
    assert.deepEqual(self.names('failed'), [gone]);

    // Someone else was quicker.
    await page.route('**/retry', async (route) => {
      rmSync(join(self.spool, 'failed', gone));
      await route.continue();
    });
    await letter('to lose').getByRole('button', { name: 'Retry' }).click();
    await page.locator('.note.error', { hasText: gone }).waitFor();
  });
});

test('all at once: retry, after a question, and discard', { skip }, async (t) => {
  const self = quiet(t);
  for (let n = 0; n < 60; n++) putEntry(self, `INSERT INTO later(t) VALUES(${n})`);
  await once(self, 3);
  startNoWorker(self);
  await showing(self, async ({ page }) => {
    await textIs(page, '#failed-count', '60');
    await page.locator('#failed-list li').nth(9).waitFor();
    assert.equal(await page.locator('#failed-list li').count(), 10);
    await page.click('#failed-more');
    await page.locator('#failed-list li').nth(59).waitFor();
    await page.click('#retry-all');
    await page.click('#confirm-yes');
    await figureIs(page, 'Waiting', '60');
    await once(self, 3);
    startNoWorker(self);
    await figureIs(page, 'Failed', '60');
    await page.click('#discard-all');
    await textIs(page, '#confirm-text', /^All 60 failed entries will be removed/);
    await page.click('#confirm-yes');
    await figureIs(page, 'Failed', '0');
    await page.locator('#failed-empty').waitFor();
    assert.deepEqual(self.names('failed'), []);
  });
});

const PAYLOADS = [
  '<script>window.pwned = 1</script>',
  '<img src=x onerror="window.pwned = 1">',
  '"><svg onload=window.pwned=1>',
  `javascript:window.pwned=1//';--`,
  '</title><base href="http://127.0.0.1:9/">&lt;b&gt;\u202etxt',
];

test('whatever an entry holds is shown as text', { skip }, async (t) => {
  const self = quiet(t);
  for (const [n, text] of PAYLOADS.entries()) {
    const more = { operation: text, params: { [text]: text }, metadata: { [text]: text }, job: `job-${n}` };
    putEntry(self, `INSERT INTO log(t) VALUES('${text.replaceAll("'", "''")}')`, { operation: text });
    putEntry(self, `INSERT INTO "${text.replaceAll('"', '""')}" VALUES(1)`, more);
  }
  await once(self, 3);
  for (const text of PAYLOADS) putEntry(self, `SELECT '${text.replaceAll("'", "''")}'`, { operation: text });
  startNoWorker(self);
  const jobs = openJobs(spoolAt(self.spool));
  jobs
    .prepare(
      `INSERT INTO jobs(id, name, state, is_sealed, total, processed, failed, created_at, error) VALUES(?, ?, 'failed', 1, 4, 3, 1, 0, ?)`,
    )
    .run(PAYLOADS[1], PAYLOADS[0], PAYLOADS[1]);
  jobs.close();
  await showing(self, async ({ page }) => {
    await page
      .locator('#failed-list li')
      .nth(PAYLOADS.length - 1)
      .waitFor();
    for (const state of ['Failed', 'Applied', 'Waiting']) {
      await page.locator('.filters label', { hasText: state }).click();
      for (const text of PAYLOADS)
        await page.locator('.row .operation').getByText(text, { exact: true }).first().waitFor();
      await page.locator('.row').first().click();
      await page.locator('#details[open]').waitFor();
      await page.keyboard.press('Escape');
    }
    for (const text of PAYLOADS) {
      await page.locator('#failed-list strong').getByText(text, { exact: true }).waitFor();
      await page.locator('#operations .name').getByText(text, { exact: true }).waitFor();
    }
    await page
      .locator('#jobs strong')
      .getByText(PAYLOADS[0] as string, { exact: true })
      .waitFor();
    const found = await page.evaluate(
      '[window.pwned === undefined, document.querySelectorAll("img, base, body script, main svg").length, document.baseURI]',
    );
    assert.deepEqual(found, [true, 0, page.url()]);
  });
});

test('the search finds by operation, SQL and parameters, in each state', { skip }, async (t) => {
  const self = quiet(t);
  putEntry(self, logs('applied one'), { operation: 'alpha' });
  putEntry(self, logs('applied two'), { operation: 'beta', params: { needle: 'haystack', n: 1 } });
  await once(self, 3);
  putEntry(self, logs('waiting one'), { operation: 'alpha', params: { huge: 1 } });
  const exact = entryText(logs('exact'), { operation: 'exact' }).replace(
    '"metadata"',
    '"params":{"n":12345678901234567890},"metadata"',
  );
  writeFileSync(join(self.spool, 'pending', '05_1700000000900000_1.json'), exact, { mode: 0o600 });
  startNoWorker(self);
  await showing(self, async ({ page }) => {
    const rows = async (): Promise<string[]> => page.locator('.row .operation').allTextContents();
    const found = (wanted: string[]) =>
      waitFor(`rows of ${wanted}`, async () => (await rows()).join() === wanted.join());
    await found(['alpha', 'exact']);
    await page.fill('#entries-q', 'EXACT');
    await page.keyboard.press('Enter');
    await found(['exact']);
    await textIs(page, '#entries-count', '1 found');
    // With every digit.
    assert.match((await page.locator('.row').textContent()) ?? '', /12345678901234567890/);
    await page.fill('#entries-q', 'needle');
    await page.click('#entries-form button');
    await page.locator('#entries-empty').waitFor();
    await textIs(page, '#entries-empty', /Nothing is found/);
    await page.locator('.filters label', { hasText: 'Failed' }).click();
    await found(['beta']);
    await page.fill('#entries-q', '');
    await page.locator('.filters label', { hasText: 'Applied' }).click();
    await found(['alpha']);
    await page.locator('#operations .name', { hasText: 'alpha' }).click();
    await found(['alpha']);
    await page.fill('#operations-filter', 'bet');
    await waitFor('one operation', async () => (await page.locator('#operations tbody tr').count()) === 1);
  });
});

test('what was written directly counts as applied, and a queue at rest still has its lines drawn', {
  skip,
}, async (t) => {
  const self = quiet(t);
  const direct = await self.run('queue-write', [logs('past the queue'), 'direct'], {
    env: { USE_QUEUE: 'false' },
  });
  assert.equal(direct.code, 0, direct.stderr);
  const look = async ({ page }: Shown): Promise<void> => {
    await figureIs(page, 'Applied', '1');
    await page.locator('.filters label', { hasText: 'Applied' }).click();
    await page.locator('.row .operation', { hasText: 'direct' }).waitFor();
    await textIs(page, '#entries-count', '1');
    // Blue, as the line of what waits is.
    const isDrawn = `(() => {
      const canvas = document.querySelector('#chart-depth canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      for (let at = 0; at < data.length; at += 4)
        if (data[at + 3] > 200 && data[at + 2] - data[at] > 100) return true;
      return false;
    })()`;
    await waitFor('a line in the chart', () => page.evaluate(isDrawn));
  };
  await showing(self, look, { before: dropReports });
});

/** Nothing changes: the report that the page began with is the last. */
function dropReports(): void {
  // biome-ignore lint/suspicious/noExplicitAny: it runs in the page
  const window = globalThis as any;
  window.EventSource = class extends window.EventSource {
    addEventListener(type: string, listener: unknown): void {
      if (type !== 'status') super.addEventListener(type, listener);
    }
  };
}

test('it asks for the token again when the session is over', { skip }, async (t) => {
  const self = quiet(t);
  await showing(self, async ({ page }) => {
    await page.context().clearCookies();
    await page.getByRole('button', { name: 'Pause queue' }).click();
    await textIs(page, '#login-error', 'The session is over; log in again.');
    await page.fill('#token', tokenOf(self));
    await page.keyboard.press('Enter');
    await live(page);
    await page.locator('#main').waitFor();
  });
});

test('the queue and an operation are paused and resumed, and the page says so without a colour', {
  skip,
}, async (t) => {
  const self = quiet(t);
  putEntry(self, logs('a'), { operation: 'alpha' });
  await once(self);
  await showing(self, async ({ page }) => {
    await page.getByRole('button', { name: 'Pause queue' }).click();
    await textIs(page, '#state', '‖Paused');
    await page.locator('#live p', { hasText: /^Paused: nothing is applied/ }).waitFor({ state: 'attached' });
    await page.getByRole('button', { name: 'Resume queue' }).click();
    await page.getByRole('button', { name: 'Pause queue' }).waitFor();
    await textIs(page, '#state', /Idle|Running/);
    await page.getByRole('button', { name: 'Pause alpha' }).click();
    await textIs(page, '#paused', /alpha is paused/);
    await page.locator('#paused').getByRole('button', { name: 'Resume alpha' }).click();
    await page.locator('#paused').waitFor({ state: 'hidden' });
    await page.getByRole('button', { name: 'Pause alpha' }).waitFor();
  });
});

test('by keyboard alone: every control is reached and shows the focus, rows are read, a letter is discarded', {
  skip,
}, async (t) => {
  const self = quiet(t);
  putEntry(self, 'INSERT INTO nowhere VALUES(1)', { operation: 'bad' });
  await once(self, 3);
  for (let n = 0; n < 300; n++) putEntry(self, logs(String(n)), { operation: `op-${n}` });
  startNoWorker(self);
  await showing(self, async ({ page }) => {
    await page.locator('#failed-list li').waitFor();
    const focused = (): Promise<string> =>
      page.evaluate(
        `(() => { const e = document.activeElement; return e.id || e.getAttribute('aria-label') || e.tagName; })()`,
      );
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate('document.activeElement.className'), 'skip');
    const seen: string[] = [];
    for (let n = 0; n < 60 && seen.at(-1) !== 'entries'; n++) {
      await page.keyboard.press('Tab');
      seen.push(await focused());
      assert.notEqual(
        await page.evaluate('getComputedStyle(document.activeElement).outlineStyle'),
        'none',
        seen.at(-1),
      );
    }
    for (const id of ['pause', 'theme', 'operations-filter', 'entries-operation', 'entries-q', 'entries'])
      assert.ok(seen.includes(id), `${id} is not among ${seen}`);
    assert.ok(
      seen.some((label) => label.startsWith('Retry ')) && seen.some((label) => label.startsWith('Discard ')),
    );

    const active = (): Promise<string> =>
      page.evaluate(
        'document.getElementById(document.activeElement.getAttribute("aria-activedescendant"))?.querySelector(".operation").textContent',
      );
    for (const [key, wanted] of [
      ['ArrowDown', 'op-1'],
      ['ArrowDown', 'op-2'],
      ['ArrowUp', 'op-1'],
      ['Home', 'op-0'],
      ['End', 'op-199'],
    ] as const) {
      await page.keyboard.press(key);
      await waitFor(`${key} to lead to ${wanted}`, async () => (await active()) === wanted);
    }
    // The next page has come meanwhile.
    await waitFor('the last one', async () => {
      await page.keyboard.press('End');
      return (await active()) === 'op-299';
    });
    await page.keyboard.press('Enter');
    await textIs(page, '#details-title', 'op-299');
    assert.match((await page.locator('#details-sql').textContent()) ?? '', /VALUES\('299'\)/);
    await page.keyboard.press('Escape');
    await waitFor('the focus to be back', async () => (await focused()) === 'entries');

    await page.getByRole('button', { name: /^Discard 05_/ }).focus();
    await page.keyboard.press('Enter');
    await page.locator('#confirm[open]').waitFor();
    assert.equal(await focused(), 'confirm-no');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await figureIs(page, 'Failed', '0');
    await waitFor('the focus to be at the title', async () => (await focused()) === 'failed-title');

    // There may be hundreds of operations before the entries.
    await page.locator('.skip', { hasText: 'entries' }).focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate('document.activeElement.name'), 'state');
  });
});

test('on a phone nothing is wider than the screen; the theme that was chosen stays', { skip }, async (t) => {
  const self = quiet(t);
  const long = `operation-${'x'.repeat(300)}`;
  putEntry(self, `INSERT INTO "${'y'.repeat(500)}" VALUES(1)`, { operation: long });
  putEntry(self, logs('z'.repeat(2000)), { operation: long });
  await once(self, 3);
  startNoWorker(self);
  await showing(
    self,
    async ({ page }) => {
      await page.locator('#failed-list summary').click();
      await page.locator('.filters label', { hasText: 'Applied' }).click();
      await page.locator('.row').click();
      const widths = await page.evaluate(
        '[document.documentElement.scrollWidth, innerWidth, document.getElementById("details").getBoundingClientRect().right <= 360]',
      );
      assert.deepEqual(widths, [360, 360, true]);
      await page.keyboard.press('Escape');
      const back = (): Promise<string> =>
        page.evaluate('getComputedStyle(document.body.parentElement).backgroundColor');
      const light = await back();
      await page.click('#theme');
      await page.click('#theme');
      await waitFor('another colour', async () => (await back()) !== light);
      const dark = await back();
      await page.reload();
      await live(page);
      assert.equal(await back(), dark);
    },
    { viewport: { width: 360, height: 740 } },
  );
});

test('it says when the server is gone, and goes on when it is back', { skip }, async (t) => {
  const self = quiet(t);
  await showing(self, async ({ page, server }) => {
    await server.stop();
    await textIs(page, '#link', 'reconnecting …');
    await page.getByRole('button', { name: 'Pause queue' }).click();
    await textIs(page, '#lost', /queue-serve does not answer/);
    await page
      .locator('.note.error', { hasText: /^✕The queue could not be paused: .*can't be reached/ })
      .waitFor();
    const again = await serve(self, Number(new URL(server.url).port));
    try {
      await live(page);
      await page.locator('#lost').waitFor({ state: 'hidden' });
      putEntry(self, logs('a'));
      await figureIs(page, 'Waiting', '1');
    } finally {
      await again.stop();
    }
  });
  assert.deepEqual(logged(self), []);
});

const MANY = 100_000;
const UPDATES = 250;

/** Keeps the page's stream of events, and what took long, where the test finds them. */
function watchSmoothness(): void {
  // biome-ignore lint/suspicious/noExplicitAny: it runs in the page
  const window = globalThis as any;
  const Original = window.EventSource;
  window.EventSource = class extends Original {
    constructor(url: string) {
      super(url);
      window.source = this;
      this.addEventListener('status', (event: { data: string }) => {
        window.report ??= JSON.parse(event.data);
      });
    }
  };
  window.longTasks = [];
  new window.PerformanceObserver((list: { getEntries(): { duration: number }[] }) => {
    for (const { duration } of list.getEntries()) window.longTasks.push(Math.round(duration));
  }).observe({ type: 'longtask' });
}

/** Of a trace: the tasks of the thread that ran the page, by the time of a processor that they had. */
function cpuTimes(trace: Buffer): { tasks: number; over50: number; longest: number } {
  interface TraceEvent {
    name: string;
    pid: number;
    tid: number;
    tdur?: number;
    args?: { name?: string };
  }
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: TraceEvent[] };
  const main = traceEvents.filter(
    ({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain',
  );
  const ids = new Set(main.map(({ pid, tid }) => `${pid} ${tid}`));
  const times = traceEvents
    .filter(({ name, pid, tid }) => /RunTask/.test(name) && ids.has(`${pid} ${tid}`))
    .map(({ tdur = 0 }) => tdur / 1000);
  const longest = Math.round(times.reduce((most, ms) => Math.max(most, ms), 0));
  return { tasks: times.length, over50: times.filter((ms) => ms > 50).length, longest };
}

test('it stays smooth with 100,000 entries and 50 reports a second', { skip }, async (t) => {
  const self = quiet(t);
  ensureSpool(spoolAt(self.spool));
  mkdirSync(join(self.spool, 'pending'), { recursive: true });
  for (let n = 0; n < MANY; n++) {
    const name = `05_${1_700_000_000_000_000 + n}_1.json`;
    writeFileSync(
      join(self.spool, 'pending', name),
      entryText(logs(String(n)), { operation: `op-${n % 200}` }),
      { mode: 0o600 },
    );
  }
  await showing(
    self,
    async ({ page, browser }) => {
      await figureIs(page, 'Waiting', '100,000');
      await page.locator('.row').first().waitFor();
      await page.waitForFunction('window.report !== undefined');
      await browser.startTracing(page, { categories: ['toplevel', 'disabled-by-default-devtools.timeline'] });
      const tasks = (await page.evaluate(`new Promise((done) => {
        longTasks.length = 0;
        const list = document.getElementById('entries');
        let n = 0;
        const timer = setInterval(() => {
          n++;
          const { depths, operations } = report;
          const report_ = structuredClone(report);
          report_.depths = { pending: ${MANY} - n, processing: n % 7, completed: n * 500, failed: 0 };
          report_.appliedPerSecond = 1000 + (n % 50);
          report_.latency = { count: 1000, p50Ms: 1 + n % 9, p95Ms: 10 + n % 30, p99Ms: 50 + n % 100 };
          report_.operations = Array.from({ length: 200 }, (_, i) => ({ operation: 'op-' + i, count: n * i, failed: i % 3, meanMicros: n + i, p95Micros: 2 * n + i }));
          report_.jobs = { jobs: Array.from({ length: 20 }, (_, i) => ({ id: 'job-' + i, name: 'job ' + i, state: 'running', isSealed: true, expected: 1e6, total: 1e6, processed: n * 100 + i, failed: 0, withdrawn: 0, error: null })), states: {} };
          source.dispatchEvent(new MessageEvent('status', { data: JSON.stringify(report_) }));
          list.scrollTop += 200;
          if (n < ${UPDATES}) return;
          clearInterval(timer);
          requestAnimationFrame(() => setTimeout(() => done([...longTasks])));
        }, 20);
      })`)) as number[];
      const cpu = cpuTimes(await browser.stopTracing());
      const longest = Math.max(0, ...tasks);
      t.diagnostic(
        `${tasks.length} tasks over 50 ms, the longest ${longest} ms; of CPU ${cpu.over50}, ${cpu.longest} ms`,
      );
      assert.ok(cpu.tasks > UPDATES, 'tasks were traced');
      // What it takes is printed above. Were everything drawn anew each time, every update would be such a task.
      assert.ok(cpu.over50 < UPDATES / 2, `${cpu.over50} tasks took over 50 ms of CPU`);
      // It has read on while it was scrolled, and holds only what is seen.
      const [rows, height] = (await page.evaluate(
        '[document.querySelectorAll(".row").length, document.getElementById("entries-space").clientHeight]',
      )) as [number, number];
      assert.ok(height / 34 >= 1000, `${height / 34} rows were read`);
      assert.ok(rows < 60, `${rows} rows in the document`);
    },
    { before: watchSmoothness },
  );
});
