/** queue-serve and a real browser, for the tests of the page. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { DIST, type Project } from './project.ts';
import { unless } from './queue.ts';

const PROGRAM = 'chromium';

/** A skip reason. */
export const noBrowser = (): string | false => unless(PROGRAM, ['--version'], 'chromium (Debian: chromium)');

export interface Served {
  readonly url: string;
  /** The server ends, and what it had open. */
  stop(): Promise<void>;
}

export async function serve(self: Project, port = 0): Promise<Served> {
  const child = spawn(join(DIST, 'queue-serve'), ['--port', String(port)], {
    cwd: self.dir,
    env: self.env,
  });
  let text = '';
  const url = await new Promise<string>((done, fail) => {
    const read = (chunk: Buffer): void => {
      text += chunk;
      const found = /listens on (http:\S+),/.exec(text)?.[1];
      if (found) done(found);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('error', fail);
    child.on('exit', (code) => fail(new Error(`queue-serve has left with ${code}: ${text}`)));
  });
  const ended = new Promise<void>((done) => child.on('exit', () => done()));
  return {
    url,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

export function tokenOf(self: Project): string {
  return readFileSync(join(self.spool, 'serve.token'), 'utf8').trim();
}

export interface Shown {
  readonly page: Page;
  readonly browser: Browser;
  readonly server: Served;
}

interface ShowOptions {
  readonly viewport?: { width: number; height: number };
  /** Runs in the page before its own script. */
  readonly before?: () => void;
  /** false: `body` logs in itself. */
  readonly isLoggedIn?: boolean;
}

/**
 * Serves the project's queue and shows it in a browser while `body` runs. Nothing may go wrong in the page: a script
 * that throws, or something that its Content-Security-Policy forbids, fails the test.
 */
export async function showing(
  self: Project,
  body: (shown: Shown) => Promise<void>,
  options: ShowOptions = {},
): Promise<void> {
  const server = await serve(self);
  const { CLAUDE_PROJECT_DIR: _dir, HOME: _home, ...env } = process.env as Record<string, string>;
  const browser = await chromium.launch({
    executablePath: `/usr/bin/${PROGRAM}`,
    args: ['--no-sandbox'],
    env,
  });
  try {
    const page = await browser.newPage({ viewport: options.viewport ?? { width: 1280, height: 900 } });
    page.setDefaultTimeout(60_000);
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => {
      // What the browser says of an answer such as 401 the page has shown.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        faults.push(message.text());
    });
    if (options.before) await page.addInitScript(options.before);
    if (options.isLoggedIn !== false) {
      const { stdout } = await self.run('queue-serve', ['--url', '--port', new URL(server.url).port]);
      await page.goto(stdout.trim());
      await live(page);
    }
    await body({ page, browser, server });
    assert.deepEqual(faults, []);
  } finally {
    await browser.close();
    await server.stop();
  }
}

/** Waits until the page gets reports. */
export async function live(page: Page): Promise<void> {
  await textIs(page, '#link', 'live');
}

/** Waits until the text of the element is, or matches, this. */
export async function textIs(page: Page, selector: string, wanted: string | RegExp): Promise<void> {
  const source = typeof wanted === 'string' ? { text: wanted } : { pattern: wanted.source };
  await page.waitForFunction(
    ({ selector, text, pattern }: { selector: string; text?: string; pattern?: string }) => {
      // biome-ignore lint/suspicious/noExplicitAny: the document is the browser's, and this file is Node's
      const found = (globalThis as any).document.querySelector(selector)?.textContent?.trim();
      return text === undefined ? new RegExp(pattern as string).test(found ?? '') : found === text;
    },
    { selector, ...source },
  );
}
