/** What the tests of queue-serve share: a server on a port of its own, and requests to it. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { DIST, type Project, waitFor } from './project.ts';

export interface Server {
  readonly url: string;
  readonly port: number;
  readonly token: string;
  readonly child: ChildProcess;
  /** With its exit code, or the signal. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  readonly stdout: () => string;
  readonly stderr: () => string;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at any part of an answer.
  readonly body: any;
}

/** Starts queue-serve on a free port and waits until it listens. It is stopped with the test. */
export async function serve(
  self: Project,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<Server> {
  const child = spawn(join(DIST, 'queue-serve'), ['--port', '0', ...args], {
    cwd: self.dir,
    env: { ...self.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk;
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  let hasEnded = false;
  const ended = new Promise<number | NodeJS.Signals | null>((done) => {
    child.once('close', (code, signal) => {
      hasEnded = true;
      done(code ?? signal);
    });
  });
  self.atEnd.push(() => {
    child.kill('SIGKILL');
    return ended;
  });
  const url = await waitFor('queue-serve to listen', () => {
    assert.ok(!hasEnded, `queue-serve has ended: ${stderr}`);
    return /listens on (http:\/\/\S+?),/.exec(stdout)?.[1];
  });
  const file = /the token is in (.*)\n/.exec(stdout)?.[1] as string;
  const token = readFileSync(file, 'utf8').trim();
  const port = Number(new URL(url).port);
  return { url, port, token, child, ended, stdout: () => stdout, stderr: () => stderr };
}

/** A request with the token; `headers` may take it away with an empty text. */
export async function call(
  server: Server,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: unknown; signal?: AbortSignal } = {},
): Promise<Reply> {
  const { body, signal } = options;
  const headers = new Headers({ authorization: `Bearer ${server.token}`, ...options.headers });
  if (headers.get('authorization') === '') headers.delete('authorization');
  if (body !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json');
  const response = await fetch(`${server.url}${path}`, {
    method: options.method ?? (body === undefined ? 'GET' : 'POST'),
    headers,
    redirect: 'manual',
    ...(signal ? { signal } : {}),
    ...(body === undefined
      ? {}
      : { body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json');
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson ? JSON.parse(text) : undefined,
  };
}

/** A request with any headers; fetch sets Host and Origin itself. */
export function raw(
  server: Server,
  path: string,
  headers: Record<string, string>,
  method = 'GET',
  body = '',
): Promise<{ status: number; headers: IncomingHttpHeaders; text: string }> {
  return new Promise((done, fail) => {
    const call = request(`${server.url}${path}`, { method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => done({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    call.on('error', fail);
    call.end(body);
  });
}

/** A connection that speaks for itself. */
export function open(
  t: TestContext,
  server: Server,
): { socket: Socket; text: () => string; closed: Promise<void> } {
  const socket = connect(server.port, '127.0.0.1');
  t.after(() => socket.destroy());
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => {});
  const closed = new Promise<void>((done) => socket.once('close', () => done()));
  return { socket, text: () => text, closed };
}

/** Pushes items. */
export function push(
  server: Server,
  items: readonly unknown[],
  more: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<Reply> {
  return call(server, '/api/v1/push', { body: { items, ...more }, headers });
}

/** Items that add texts to the table of `withLog`. */
export function logItems(texts: readonly string[], more: Record<string, unknown> = {}) {
  return texts.map((text) => ({ sql: 'INSERT INTO log(t) VALUES(:t)', params: { t: text }, ...more }));
}

/** The states of a push's results, in order. */
export function statesOf({ body }: Reply): string[] {
  return (body.results as { state: string }[]).map(({ state }) => state);
}

/** PREFIX 0, PREFIX 1, ... */
export function series(prefix: string, count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix} ${from + index}`);
}
