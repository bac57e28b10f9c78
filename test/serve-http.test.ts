/** The HTTP side of queue-serve: who may come in, what a request may take, the end of a server. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { project, waitFor } from './support/project.ts';
import {
  drained,
  entryText,
  lockDatabase,
  logged,
  logs,
  nameOf,
  put,
  putEntry,
  startNoWorker,
  startWorker,
  withLog,
  workerLog,
} from './support/queue.ts';
import { call, logItems, open, push, raw, type Server, series, serve, statesOf } from './support/serve.ts';

test('everything but /health and the page needs the token', async (t) => {
  const self = project(t);
  const server = await serve(self);
  const paths = [
    'GET /api/v1/status',
    'GET /api/v1/status/buffers',
    'GET /api/v1/entries',
    'GET /api/v1/events',
    'GET /api/v1/jobs',
    'GET /api/v1/jobs/x',
    'GET /metrics',
    'POST /api/v1/push',
    'POST /api/v1/failed/x/retry',
    'POST /api/v1/failed/x/discard',
    'POST /api/v1/queue/pause',
    'POST /api/v1/queue/resume',
    'POST /hooks/claude',
  ];
  for (const authorization of [
    '',
    'Bearer wrong',
    `Bearer ${server.token}x`,
    `Basic ${server.token}`,
    'Bearer ',
  ]) {
    for (const line of paths) {
      const [method, path] = line.split(' ') as [string, string];
      const body = method === 'POST' ? { body: '{}' } : {};
      const reply = await call(server, path, { method, headers: { authorization }, ...body });
      assert.deepEqual(
        [reply.status, reply.body?.error.code],
        [401, 'UNAUTHORIZED'],
        `${line} ${authorization}`,
      );
      assert.match(reply.headers.get('www-authenticate') ?? '', /^Bearer/);
    }
  }
  const open = await call(server, '/health', { headers: { authorization: '' } });
  assert.deepEqual([open.status, open.body], [200, { status: 'ok' }]);
  assert.equal((await call(server, '/', { headers: { authorization: '' } })).status, 200);
  assert.equal((await call(server, '/nothing')).status, 404);
  for (const [method, path, allowed] of [
    ['GET', '/api/v1/push', 'POST'],
    ['POST', '/api/v1/status', 'GET'],
    ['GET', '/api/v1/failed/x/retry', 'POST'],
  ] as const) {
    const { status, headers } = await call(server, path, { method });
    assert.deepEqual([status, headers.get('allow')], [405, allowed], path);
  }
  assert.equal((await call(server, '/nothing')).body.error.code, 'NOT_FOUND');
});

test("the token is the owner's alone, and shows up nowhere", async (t) => {
  const self = project(t);
  const server = await serve(self);
  const path = join(self.spool, 'serve.token');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.ok(server.token.length >= 40);
  await push(server, [{ sql: '' }]);
  for (const text of [
    server.stdout(),
    server.stderr(),
    workerLog(self),
    readFileSync(`/proc/${server.child.pid}/cmdline`, 'utf8'),
  ]) {
    assert.ok(!text.includes(server.token));
  }
  assert.equal(server.stdout().split('\n').length, 2, 'one line');
  server.child.kill('SIGTERM');
  await server.ended;
  // The same one again.
  const again = await serve(self);
  assert.equal(again.token, server.token);
  const own = join(self.dir, 'own-token');
  writeFileSync(own, `${'t'.repeat(32)}\n`);
  const third = await serve(self, ['--token-file', own]);
  assert.equal((await call(third, '/api/v1/jobs')).status, 200);
  assert.equal(
    (await call(third, '/api/v1/jobs', { headers: { authorization: `Bearer ${server.token}` } })).status,
    401,
  );
  chmodSync(path, 0o644);
  const refused = await self.run('queue-serve', ['--port', '0']);
  assert.deepEqual([refused.code, /is open to group or others/.test(refused.stderr)], [1, true]);
  writeFileSync(own, 'short\n');
  assert.match((await self.run('queue-serve', ['--port', '0', '--token-file', own])).stderr, /20 or more/);
  const missing = await self.run('queue-serve', ['--port', '0', '--token-file', `${own}-not`]);
  assert.match(missing.stderr, /can't be read from .*own-token-not: ENOENT.*\n.*Correct --token-file/);
});

test('a planted token is not used', async (t) => {
  const self = project(t);
  startNoWorker(self);
  writeFileSync(join(self.dir, 'theirs'), 'x'.repeat(40), { mode: 0o600 });
  symlinkSync(join(self.dir, 'theirs'), join(self.spool, 'serve.token'));
  const refused = await self.run('queue-serve', ['--port', '0']);
  assert.deepEqual([refused.code, /is not a file/.test(refused.stderr)], [1, true], refused.stderr);
});

test('a browser logs in once with an address, or with the token, and has a cookie then', async (t) => {
  const self = project(t);
  const server = await serve(self);
  const bare = { authorization: '' };
  const printed = await self.run('queue-serve', ['--url', '--port', String(server.port)]);
  const address = printed.stdout.trim();
  assert.match(address, new RegExp(`^${server.url}/login\\?code=\\S+$`));
  assert.ok(!address.includes(server.token));
  const path = address.slice(server.url.length);
  const first = await call(server, path, { headers: bare });
  assert.deepEqual([first.status, first.headers.get('location')], [303, '/']);
  const cookie = first.headers.get('set-cookie') ?? '';
  assert.match(cookie, /^hookspool-[0-9a-f]{12}=\S+; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Strict$/);
  assert.equal((await call(server, path, { headers: bare })).status, 401, 'a second time');
  const browser = await call(server, path, { headers: { ...bare, accept: 'text/html,*/*' } });
  assert.deepEqual([browser.status, browser.headers.get('location')], [303, '/?login=over']);
  assert.equal(browser.headers.get('set-cookie'), null);
  const session = cookie.split(';')[0] as string;
  const own = { ...bare, cookie: session };
  assert.equal((await call(server, '/api/v1/status', { headers: own })).status, 200);
  // Changing something takes an Origin as well, which is ours.
  const pause = (headers: Record<string, string>) =>
    call(server, '/api/v1/queue/pause', { method: 'POST', headers });
  assert.deepEqual([(await pause(own)).status, (await pause(own)).body.error.code], [403, 'BAD_ORIGIN']);
  assert.equal((await pause({ ...own, origin: 'http://127.0.0.1:1' })).status, 403);
  assert.equal((await pause({ ...own, origin: server.url })).status, 200);
  for (const wrong of [`${session}x`, session.replace(/=\d+/, '=9999999999'), 'hookspool=1']) {
    assert.equal(
      (await call(server, '/api/v1/status', { headers: { ...bare, cookie: wrong } })).status,
      401,
      wrong,
    );
  }
  const login = (token: string) => call(server, '/login', { headers: bare, body: { token } });
  assert.equal((await login('wrong')).status, 401);
  const second = await login(server.token);
  assert.deepEqual([second.status, /HttpOnly/.test(second.headers.get('set-cookie') ?? '')], [204, true]);
});

test('Host and Origin must be ours', async (t) => {
  const self = project(t);
  const server = await serve(self, ['--allow-host', 'queue.example']);
  const get = (headers: Record<string, string>) =>
    raw(server, '/api/v1/jobs', { authorization: `Bearer ${server.token}`, ...headers });
  for (const host of [
    '127.0.0.1',
    `localhost:${server.port}`,
    '[::1]:1',
    'QUEUE.example',
    'queue.example:443',
  ]) {
    assert.equal((await get({ host })).status, 200, host);
  }
  for (const host of ['evil.example', 'evil.example:80', '127.0.0.1.evil.example', '10.0.0.1']) {
    const { status, text } = await get({ host });
    assert.equal(status, 403, host);
    assert.equal(JSON.parse(text).error.code, 'BAD_HOST');
    assert.equal((await raw(server, '/', { host })).status, 403);
  }
  // What is no host at all.
  assert.ok((await get({ host: 'localhost@evil.example' })).status >= 400);
  const host = `localhost:${server.port}`;
  assert.equal((await get({ host, origin: `http://${host}` })).status, 200);
  for (const origin of [
    'http://evil.example',
    `http://127.0.0.1:${server.port}`,
    'null',
    'http://localhost',
  ]) {
    assert.equal((await get({ host, origin })).status, 403, origin);
  }
  assert.equal((await get({ host, 'sec-fetch-site': 'cross-site' })).status, 403);
  // A page at another port of this machine, by an image or the like; and by a link.
  assert.equal((await get({ host, 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' })).status, 403);
  assert.equal(
    (await get({ host, 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'navigate' })).status,
    200,
  );
});

test('the page is served with headers that shut others out, and an ETag', async (t) => {
  const self = project(t);
  const server = await serve(self);
  const reply = await call(server, '/', { headers: { authorization: '' } });
  const policy = reply.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'.*frame-ancestors 'none'/);
  assert.ok(!policy.includes('unsafe'));
  assert.equal(reply.headers.get('x-content-type-options'), 'nosniff');
  const etag = reply.headers.get('etag') as string;
  const again = await call(server, '/index.html', { headers: { 'if-none-match': etag } });
  assert.deepEqual([again.status, again.text], [304, '']);
});

test('bodies: too large, no JSON, not UTF-8, of another type, too many items', async (t) => {
  const self = project(t);
  withLog(self);
  const server = await serve(self, ['--max-body', '20000']);
  const status = async (body: string | Buffer, headers = {}) => {
    const reply = await call(server, '/api/v1/push', { body, headers });
    assert.equal(typeof reply.body.error.message, 'string');
    return `${reply.status} ${reply.body.error.code}`;
  };
  assert.equal(await status(JSON.stringify({ items: logItems(['x'.repeat(30_000)]) })), '413 TOO_LARGE');
  assert.equal(await status('{"items":'), '400 BAD_REQUEST');
  assert.equal(await status('[]'), '400 BAD_REQUEST');
  assert.equal(await status('{}'), '400 BAD_REQUEST');
  assert.equal(await status('{"items":[],"buffer":1}'), '400 BAD_REQUEST');
  assert.equal(await status('{"items":[],"bufferMs":-1}'), '400 BAD_REQUEST');
  assert.equal(await status('{"items":[],"bufferMs":1e9}'), '400 BAD_REQUEST');
  assert.equal(await status('{"items":[],"bufferMax":0}'), '400 BAD_REQUEST');
  assert.equal(
    await status(Buffer.from('{"items":[{"sql":"SELECT \'\xff\'"}]}', 'latin1')),
    '400 BAD_REQUEST',
  );
  assert.equal(await status('{"items":[]}', { 'content-type': 'text/plain' }), '415 NOT_JSON');
  assert.equal(await status('{"items":[]}', { 'x-source': 's'.repeat(201) }), '400 BAD_REQUEST');
  const many = await serve(self);
  const items = Array.from({ length: 10_001 }, () => ({ sql: 'SELECT 1' }));
  assert.equal((await push(many, items)).status, 413);
  // Without a length, in pieces.
  const { socket, text } = open(t, server);
  socket.write(
    `POST /api/v1/push HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${server.token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
  );
  for (let i = 0; i < 30; i++) socket.write(`3e8\r\n${'x'.repeat(1000)}\r\n`);
  socket.write('0\r\n\r\n');
  await waitFor('an answer', () => text().includes('\r\n\r\n'));
  assert.match(text(), /^HTTP\/1.1 413 /);
  assert.deepEqual(logged(self), []);
});

test('headers that are too large, and requests that come too slowly, are cut off', async (t) => {
  const self = project(t);
  const server = await serve(self, ['--request-timeout', '1']);
  const large = open(t, server);
  large.socket.write(`GET /health HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
  await large.closed;
  assert.match(large.text(), /^HTTP\/1.1 431 /);
  const slow = [
    'GET /health HTTP/1.1\r\nHost: loc',
    `POST /api/v1/push HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${server.token}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"items"`,
  ].map((text) => {
    const own = open(t, server);
    own.socket.write(text);
    return own;
  });
  await Promise.all(slow.map(({ closed }) => closed));
  for (const { text } of slow) assert.match(text(), /^(HTTP\/1.1 4|$)/);
  assert.equal((await call(server, '/health')).status, 200);
});

test('more requests at once than are allowed are answered with 503', async (t) => {
  const self = project(t, { SQLITE_TIMEOUT: '60000' });
  withLog(self);
  const server = await serve(self, ['--max-requests', '2']);
  const bodies = [0, 1].map(() => {
    const own = open(t, server);
    own.socket.write(
      `POST /api/v1/push HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${server.token}\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n`,
    );
    return own;
  });
  const busy = await waitFor('503', async () => {
    const reply = await call(server, '/api/v1/jobs');
    return reply.status === 503 && reply;
  });
  assert.deepEqual([busy.body.error.code, busy.headers.get('retry-after')], ['BUSY', '1']);
  for (const { socket } of bodies) socket.end('{"items":[]}');
  await waitFor('room again', async () => (await call(server, '/api/v1/jobs')).status === 200);
});

test('SIGTERM finishes the requests in hand and takes no more', async (t) => {
  const self = project(t);
  withLog(self);
  const server = await serve(self);
  await push(server, logItems(['a']));
  const unlock = lockDatabase(self);
  t.after(unlock);
  const { socket, text } = open(t, server);
  const body = JSON.stringify({ items: logItems(series('b', 5)) });
  socket.write(
    `POST /api/v1/push HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${server.token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 20)}`,
  );
  const events = open(t, server);
  events.socket.write(
    `GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${server.token}\r\n\r\n`,
  );
  await waitFor('an event', () => events.text().includes('event: status'));
  server.child.kill('SIGTERM');
  await events.closed;
  await waitFor('the port to be closed', () =>
    call(server, '/health').then(
      () => false,
      () => true,
    ),
  );
  socket.write(body.slice(20));
  assert.equal(await server.ended, 0);
  assert.match(text(), /^HTTP\/1.1 200 [\s\S]*"qos0":5/);
  // Its client asks no more on that connection.
  assert.match(text(), /\r\nconnection: close\r\n/i);
  unlock();
  await drained(self);
  assert.deepEqual(logged(self), ['a', ...series('b', 5)]);
});

test('a port in use, an address of others, and what is no option are refused', async (t) => {
  const self = project(t);
  const server = await serve(self);
  const run = (...args: string[]) => self.run('queue-serve', args);
  const taken = await run('--port', String(server.port));
  assert.deepEqual([taken.code, taken.stdout], [1, '']);
  assert.match(taken.stderr, new RegExp(`port ${server.port} of 127.0.0.1 is in use`));
  const others = await run('--port', '0', '--host', '0.0.0.0');
  assert.deepEqual([others.code, /not be encrypted/.test(others.stderr)], [2, true]);
  assert.match((await run('--port', '70000')).stderr, /--port is '70000'/);
  assert.match((await run('--host', '192.0.2.1', '--insecure-http')).stderr, /is no address of this machine/);
  assert.equal((await run('x')).code, 2);
  const wide = await serve(self, ['--host', '0.0.0.0', '--insecure-http']);
  assert.match(wide.url, /^http:\/\/0\.0\.0\.0:/);
});

test('--idle-exit leaves when nobody asks, and not while someone listens', async (t) => {
  const self = project(t);
  const server = await serve(self, ['--idle-exit', '1']);
  const events = open(t, server);
  events.socket.write(
    `GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${server.token}\r\n\r\n`,
  );
  await waitFor('an event', () => events.text().includes('event: status'));
  await new Promise((done) => setTimeout(done, 1500));
  assert.equal(server.child.exitCode, null);
  events.socket.destroy();
  assert.equal(await server.ended, 0);
  assert.ok(existsSync(join(self.spool, 'serve.token')));
});

test('entries of each state, page by page, by operation and text', async (t) => {
  const self = project(t);
  withLog(self);
  startNoWorker(self);
  const names = series('e', 25).map((text, index) =>
    put(self, entryText(logs(text), { operation: index % 5 === 0 ? 'fifth' : 'other', id: text }), nameOf(5)),
  );
  const server = await serve(self);
  const page = async (query: string) => (await call(server, `/api/v1/entries?${query}`)).body;
  const namesOf = ({ entries }: { entries: { name: string }[] }) => entries.map(({ name }) => name);
  const seen: string[] = [];
  for (let after = ''; ; ) {
    const body = await page(`state=pending&limit=7${after}`);
    seen.push(...namesOf(body));
    if (body.next === null) break;
    after = `&after=${body.next}`;
  }
  assert.deepEqual(seen, names);
  assert.deepEqual(
    namesOf(await page('operation=fifth')),
    names.filter((_, index) => index % 5 === 0),
  );
  assert.deepEqual(namesOf(await page('q=E%2024')), [names[24]]);
  put(self, 'garbage\n', nameOf(6));
  const odd = (await page('state=pending&limit=100')).entries.at(-1);
  assert.match(odd.error.message, /not JSON/);
  putEntry(self, 'SELECT :v', { priority: 10, operation: 'long', params: { v: 'x'.repeat(5000) } });
  const long = (await page('operation=long')).entries[0];
  assert.deepEqual([long.isCut, long.params], [true, null]);
  await startWorker(self);
  await drained(self);
  const done: string[] = [];
  for (let after = ''; ; ) {
    const body = await page(`state=completed&limit=7${after}`);
    done.push(...namesOf(body));
    if (body.next === null) break;
    after = `&after=${body.next}`;
  }
  // Newest first; the long one came last.
  assert.deepEqual(done.slice(1), names.toReversed());
  assert.deepEqual(namesOf(await page('state=completed&q=e%203&operation=other')), [names[3]]);
  assert.deepEqual((await page('state=processing')).entries, []);
  assert.equal((await page('state=failed')).entries.length, 1);
  for (const query of [
    'state=x',
    'limit=0',
    'limit=501',
    'limit=x',
    'state=completed&after=x',
    'after=..%2fx',
  ]) {
    assert.equal((await call(server, `/api/v1/entries?${query}`)).status, 400, query);
  }
});

test('events come when something has changed, to all who listen', async (t) => {
  const self = project(t);
  withLog(self);
  const server = await serve(self);
  const listeners = [0, 1, 2].map(() => {
    const own = open(t, server);
    own.socket.write(
      `GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${server.token}\r\n\r\n`,
    );
    return own;
  });
  const last = (text: string) =>
    JSON.parse(
      /data: (.*)\n\n(?![\s\S]*data: )/.exec(text.replaceAll(/\r\n[0-9a-f]+\r\n/g, ''))?.[1] ?? '{}',
    );
  for (const { text } of listeners) await waitFor('a report', () => last(text()).state);
  await push(server, logItems(series('a', 3)), { bufferMs: 0 });
  for (const { text } of listeners) {
    await waitFor('the change', () => last(text()).statistics?.processed === 3);
    const report = last(text());
    assert.deepEqual([report.depths.pending, report.latency.count, report.paused.all], [0, 3, false]);
    assert.ok(report.latency.p99Ms >= report.latency.p50Ms);
  }
  const full: { socket: Socket; text: () => string }[] = [];
  for (let i = 3; i < 33; i++) {
    const own = open(t, server);
    own.socket.write(
      `GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${server.token}\r\n\r\n`,
    );
    await waitFor('an answer', () => own.text().includes('\r\n\r\n'));
    full.push(own);
  }
  assert.match(full.at(-1)?.text() ?? '', /^HTTP\/1.1 429 /);
  assert.match(full.at(-2)?.text() ?? '', /^HTTP\/1.1 200 /);
});

/** The text format of Prometheus, version 0.0.4: what a scraper would refuse fails here. */
function parseMetrics(
  text: string,
): Map<string, { type: string; samples: { labels: string; value: number }[] }> {
  assert.ok(text.endsWith('\n'));
  const families = new Map<string, { type: string; samples: { labels: string; value: number }[] }>();
  let helped = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const help = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    const type = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge)$/.exec(line);
    const sample =
      /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\n"])*",?)+\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/.exec(
        line,
      );
    if (help) {
      assert.ok(!families.has(help[1] as string), `twice: ${line}`);
      helped = help[1] as string;
    } else if (type) {
      assert.equal(type[1], helped, line);
      assert.equal(type[2] === 'counter', (type[1] as string).endsWith('_total'), line);
      families.set(helped, { type: type[2] as string, samples: [] });
    } else {
      assert.ok(sample, `no sample: ${line}`);
      assert.equal(sample[1], helped, line);
      const { samples } = families.get(helped) as { samples: { labels: string; value: number }[] };
      assert.ok(!samples.some(({ labels }) => labels === (sample[2] ?? '')), `twice: ${line}`);
      samples.push({ labels: sample[2] ?? '', value: Number(sample[3]) });
    }
  }
  return families;
}

test('/metrics is what Prometheus reads, whatever an operation is called', async (t) => {
  const self = project(t);
  withLog(self);
  const server = await serve(self);
  const odd = 'a"b\\c\nd{e="f"}';
  await push(server, logItems(['a'], { operation: odd }), { bufferMs: 0 });
  await push(server, [{ sql: 'INSERT INTO nowhere VALUES(1)' }], { bufferMs: 0 });
  await waitFor('a dead letter', () => self.names('failed').length === 1);
  const metrics = await waitFor('both to be counted', async () => {
    const reply = await call(server, '/metrics');
    assert.equal(reply.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    const parsed = parseMetrics(reply.text);
    const value = (name: string) => parsed.get(`hookspool_${name}`)?.samples[0]?.value;
    return value('entries_applied_total') === 1 && value('entry_failures_total') === 1 && parsed;
  });
  const value = (name: string, labels = '') =>
    metrics.get(`hookspool_${name}`)?.samples.find((sample) => sample.labels === labels)?.value;
  assert.equal(value('entries_pending'), 0);
  assert.equal(value('entries_failed'), 1);
  assert.equal(value('database_up'), 1);
  assert.equal(value('worker_up'), 1);
  assert.equal(value('serve_items_total', '{state="spooled"}'), 2);
  assert.equal(value('operation_entries_applied_total', '{operation="a\\"b\\\\c\\nd{e=\\"f\\"}"}'), 1);
});

test('two doors on one spool work side by side', async (t) => {
  const self = project(t);
  withLog(self);
  const servers = [await serve(self), await serve(self)];
  const texts: string[] = [];
  await Promise.all(
    servers.map(async (server, number) => {
      for (let i = 0; i < 20; i++) {
        const own = series(`door ${number} push ${i}`, 10);
        texts.push(...own);
        const reply = await push(server, logItems(own), i % 2 ? { bufferMs: 10 } : {});
        assert.equal(reply.body.pushed, 10, reply.text);
      }
    }),
  );
  await drained(self);
  const rows = logged(self) as string[];
  assert.deepEqual(rows.toSorted(), texts.toSorted());
  for (const number of [0, 1]) {
    assert.deepEqual(
      rows.filter((text) => text.startsWith(`door ${number} `)),
      texts.filter((text) => text.startsWith(`door ${number} `)),
    );
  }
  assert.deepEqual(statesOf(await push(servers[0] as Server, logItems(['x']))), ['applied']);
});
