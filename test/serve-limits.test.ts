/** queue-serve under clients, files and moments that are not as they should be. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Project, project, waitFor, workerPid } from './support/project.ts';
import {
  drained,
  entryText,
  lockDatabase,
  logged,
  logs,
  nameOf,
  put,
  startNoWorker,
  startWorker,
  withLog,
} from './support/queue.ts';
import { call, logItems, open, push, raw, type Server, serve, statesOf } from './support/serve.ts';

/** The head of a request with the token, and what of its body has come so far. */
function begun({ token }: Server, path: string, length: number, body = ''): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`;
}

const noProc = existsSync('/proc/self/fd') ? false : 'needs /proc';

/** Sockets that the server has open. */
function sockets({ child }: Server): number {
  const directory = `/proc/${child.pid}/fd`;
  return readdirSync(directory).filter((fd) => {
    try {
      return readlinkSync(join(directory, fd)).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;
}

test('who has no token takes neither room nor memory of those who have', async (t) => {
  const self = project(t);
  const server = await serve(self);
  const slow = Array.from({ length: 80 }, () => open(t, server));
  for (const { socket } of slow) socket.write(begun({ ...server, token: '' }, '/login', 4000, '{"token":"'));
  const busy = await waitFor('the others to be refused', async () => {
    const reply = await call(server, '/login', { headers: { authorization: '' }, body: { token: 'x' } });
    return reply.status === 503 && reply;
  });
  assert.deepEqual([busy.body.error.code, busy.headers.get('retry-after')], ['BUSY', '1']);
  assert.equal((await call(server, '/health')).status, 200);
  assert.deepEqual(statesOf(await push(server, [{ sql: 'SELECT 1' }])), ['applied']);
  for (const { socket } of slow) socket.destroy();
  await waitFor('room again', async () => {
    const reply = await call(server, '/login', {
      headers: { authorization: '' },
      body: { token: 'x'.repeat(5000) },
    });
    return reply.status === 413;
  });
});

test('what is refused before it has a route is counted as what it was answered', async (t) => {
  const self = project(t);
  const server = await serve(self);
  for (let i = 0; i < 3; i++)
    assert.equal((await raw(server, '/health', { host: 'evil.example' })).status, 403);
  const { text } = await call(server, '/metrics');
  assert.match(text, /^hookspool_serve_requests_total\{code="403"\} 3$/m);
  assert.doesNotMatch(text, /code="200"/);
});

test('HEAD opens no stream of events', async (t) => {
  const self = project(t);
  const server = await serve(self);
  for (let i = 0; i < 40; i++)
    assert.equal((await call(server, '/api/v1/events', { method: 'HEAD' })).status, 200);
  assert.match((await call(server, '/metrics')).text, /^hookspool_serve_event_streams 0$/m);
});

test('JSON that is nested deeper than any item may be is refused before it is parsed', async (t) => {
  const self = project(t);
  withLog(self);
  const server = await serve(self);
  const nested = (levels: number, more = '') =>
    `{"items":[{"sql":"INSERT INTO log(t) VALUES(length(:a))","params":{${more}"a":${'['.repeat(levels)}${']'.repeat(levels)}}}]}`;
  const status = async (body: string) => (await call(server, '/api/v1/push', { body })).status;
  assert.equal(await status(nested(5_000_000)), 400);
  assert.equal(await status(nested(100_000)), 400);
  // A long number has it parsed twice, the second time with a function that calls itself.
  assert.equal(await status(nested(100_000, '"n":12345678901234567890,')), 400);
  assert.equal(await status(nested(1050)), 422);
  assert.equal(await status(nested(900)), 200);
  // Brackets in a text are none.
  const text = `${'['.repeat(3000)}\\"${'{'.repeat(3000)}`;
  assert.equal((await push(server, logItems([text]))).status, 200);
  assert.deepEqual(logged(self), [1800, text]);
});

test('a token file that is no file, or no token, is refused at once', async (t) => {
  const self = project(t);
  const path = (name: string) => join(self.dir, name);
  assert.equal(spawnSync('mkfifo', [path('fifo')]).status, 0);
  mkdirSync(path('directory'));
  writeFileSync(path('empty'), '');
  writeFileSync(path('two lines'), `${'x'.repeat(30)}\n${'x'.repeat(30)}\n`);
  writeFileSync(path('large'), 'x'.repeat(10_000_000));
  const refused = async (name: string) =>
    (await self.run('queue-serve', ['--port', '0', '--token-file', name])).stderr;
  for (const name of [path('fifo'), path('directory'), '/dev/zero'])
    assert.match(await refused(name), /is not a file/);
  for (const name of ['empty', 'two lines', 'large'])
    assert.match(await refused(path(name)), /is no line of 20/);
  assert.match(await refused(path('missing')), /no such file/);
});

test('an address for one login is not good for a second one after a restart', async (t) => {
  const self = project(t);
  const first = await serve(self);
  const login = (server: Server, path: string) => call(server, path, { headers: { authorization: '' } });
  const address = async (server: Server) =>
    (await self.run('queue-serve', ['--url', '--port', String(server.port)])).stdout
      .trim()
      .slice(server.url.length);
  const path = await address(first);
  const made = Math.floor(Date.now() / 1000);
  assert.equal((await login(first, path)).status, 303);
  first.child.kill('SIGKILL');
  await first.ended;
  await waitFor('the next second', () => Math.floor(Date.now() / 1000) > made);
  const second = await serve(self);
  assert.equal((await login(second, path)).status, 401);
  assert.equal((await login(second, await address(second))).status, 303);
});

test('a page of entries ends when it has looked at many bytes, and has a next one', async (t) => {
  const self = project(t);
  startNoWorker(self);
  for (const text of ['a', 'b', 'c']) {
    put(self, entryText(logs(text), { params: { v: text.repeat(10_000_000) } }), nameOf());
  }
  const server = await serve(self);
  const page = async (query: string) => (await call(server, `/api/v1/entries?${query}`)).body;
  for (const query of ['state=pending', 'state=pending&q=ccc']) {
    const first = await page(query);
    const second = await page(`${query}&after=${first.next}`);
    assert.deepEqual([first.entries.length < 3, second.next, second.entries.length], [true, null, 1], query);
  }
});

test('a client that does not read its answers is cut off', { skip: noProc }, async (t) => {
  const self = project(t);
  startNoWorker(self);
  for (let i = 0; i < 300; i++) {
    put(
      self,
      entryText(logs(`${i}`), { params: { v: 'x'.repeat(3500) }, metadata: { v: 'x'.repeat(3500) } }),
      nameOf(),
    );
  }
  const server = await serve(self, ['--request-timeout', '3']);
  const head = `Host: localhost\r\nAuthorization: Bearer ${server.token}\r\n\r\n`;
  const reader = open(t, server);
  reader.socket.write(`GET /api/v1/events HTTP/1.1\r\n${head}`);
  await waitFor('an event', () => reader.text().includes('event: status'));
  const before = sockets(server);
  const deaf = open(t, server);
  deaf.socket.pause();
  for (let i = 0; i < 20; i++) deaf.socket.write(`GET /api/v1/entries?limit=500 HTTP/1.1\r\n${head}`);
  await waitFor('its connection', () => sockets(server) === before + 1);
  await waitFor('it to be cut off', () => sockets(server) === before);
  // One that has nothing to read is not.
  assert.equal(reader.socket.readyState, 'open');
  assert.equal((await call(server, '/health')).status, 200);
});

test('at the end a client that goes on asking is told to go, and a second signal waits for nobody', async (t) => {
  const self = project(t);
  const server = await serve(self);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const health = () =>
    new Promise<string | undefined>((done, fail) => {
      const asked = request(`${server.url}/health`, { agent }, (response) => {
        response.resume().on('end', () => done(response.headers.connection));
      });
      asked.on('error', fail).end();
    });
  assert.equal(await health(), 'keep-alive');
  let last: string | undefined;
  const asking = (async () => {
    for (;;) last = await health();
  })().catch(() => {});
  const half = open(t, server);
  half.socket.write(begun(server, '/api/v1/push', 100, '{'));
  await waitFor('both', () => last === 'keep-alive');
  server.child.kill('SIGTERM');
  await asking;
  assert.notEqual(last, undefined);
  await new Promise((done) => setTimeout(done, 200));
  assert.equal(server.child.exitCode, null, 'it waits for the half of a request');
  server.child.kill('SIGTERM');
  assert.equal(await server.ended, 0);
});

test('after an outage the database is found to be there again, without a push', async (t) => {
  const self = project(t);
  withLog(self);
  const server = await serve(self);
  const isHealthy = async () => (await call(server, '/api/v1/status/buffers')).body.dbHealthy;
  assert.equal(await isHealthy(), true);
  const unlock = lockDatabase(self);
  t.after(unlock);
  const reply = await push(server, logItems(['a']));
  assert.deepEqual([statesOf(reply), reply.body.dbHealthy, await isHealthy()], [['spooled'], false, false]);
  unlock();
  await waitFor('health', isHealthy);
  assert.match((await call(server, '/metrics')).text, /^hookspool_database_up 1$/m);
  await drained(self);
  assert.deepEqual(logged(self), ['a']);
});

test('a worker that was stopped stays so until the next push; one that was killed does not', async (t) => {
  const self = project(t);
  withLog(self);
  const server = await serve(self);
  const unlock = lockDatabase(self);
  t.after(unlock);
  await push(server, logItems(['a']), { bufferMs: 0 });
  const first = await waitFor('a worker', () => workerPid(self));
  await new Promise((done) => setTimeout(done, 1500));
  process.kill(first, 'SIGKILL');
  await waitFor('another', () => isOther(self, first));
  await new Promise((done) => setTimeout(done, 1500));
  assert.match((await self.run('queue-worker', ['stop'])).stdout, /worker stopped/);
  unlock();
  await new Promise((done) => setTimeout(done, 2500));
  assert.deepEqual([workerPid(self), logged(self)], [undefined, []]);
  assert.deepEqual(statesOf(await push(server, logItems(['b']))), ['spooled']);
  await drained(self);
  assert.deepEqual(logged(self), ['a', 'b']);
});

function isOther(self: Project, pid: number): boolean {
  const now = workerPid(self);
  return now !== undefined && now !== pid;
}

test('what a killed door has left is not overtaken either when the clock was set back since', async (t) => {
  const self = project(t);
  withLog(self);
  startNoWorker(self);
  writeFileSync(join(self.spool, '.seq'), `${(Date.now() + 3_600_000) * 1000}\n`, { mode: 0o600 });
  const first = await serve(self);
  await push(first, logItems(['a']), { bufferMs: 0 });
  first.child.kill('SIGKILL');
  await first.ended;
  const second = await serve(self);
  assert.deepEqual(statesOf(await push(second, logItems(['b']))), ['spooled']);
  await startWorker(self);
  await drained(self);
  assert.deepEqual(logged(self), ['a', 'b']);
});

test('without a descriptor left it takes what it can, and goes on when there are some', {
  skip: noProc,
}, async (t) => {
  const self = project(t, { QUEUE_IDLE_EXIT: '60' });
  withLog(self);
  await startWorker(self);
  const node = join(self.dir, 'few-files');
  writeFileSync(node, `#!/bin/sh\nulimit -n 64\nexec '${process.execPath}' "$@"\n`, { mode: 0o755 });
  const server = await serve(self, [], { QUEUE_NODE: node });
  const others = Array.from({ length: 80 }, () => open(t, server));
  for (const { socket } of others) socket.write('GET /hea');
  await waitFor('no descriptor to be left', () => readdirSync(`/proc/${server.child.pid}/fd`).length >= 64);
  const sent: string[] = [];
  for (const [index, { socket }] of others.entries()) {
    socket.destroy();
    if (index % 4) continue;
    const text = `text ${index}`;
    const reply = await push(server, logItems([text])).catch(() => undefined);
    if (reply?.body.pushed === 1) sent.push(text);
  }
  await waitFor('a direct write', async () => {
    const reply = await push(server, [{ sql: 'SELECT 1' }]);
    return statesOf(reply)[0] === 'applied';
  });
  assert.equal(server.child.exitCode, null, server.stderr());
  await drained(self);
  assert.ok(sent.length > 0);
  assert.deepEqual(
    (logged(self) as string[]).filter((text) => sent.includes(text)).toSorted(),
    sent.toSorted(),
  );
});
