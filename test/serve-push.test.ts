/** Pushing: what becomes of each item, in which order, and what a window promises. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { project, waitFor } from './support/project.ts';
import {
  drained,
  execute,
  lockDatabase,
  logged,
  noStrace,
  putEntry,
  startNoWorker,
  startWorker,
  stopWorker,
  withLog,
} from './support/queue.ts';
import { call, logItems, push, series, serve, statesOf } from './support/serve.ts';

test('items without buffer fields are in the database when the answer is there, and in the journal', async (t) => {
  const self = project(t);
  withLog(self);
  const server = await serve(self);
  const { status, body } = await push(server, [
    ...logItems(['a', 'b']),
    {
      sql: 'INSERT INTO log(t) VALUES(?)',
      params: ['c'],
      operation: 'third',
      priority: 1,
      metadata: { m: 1 },
      id: 'own',
    },
  ]);
  assert.deepEqual(logged(self), ['a', 'b', 'c']);
  assert.equal(status, 200);
  assert.deepEqual([body.pushed, body.qos0, body.failover, body.dbHealthy], [3, 0, false, true]);
  assert.deepEqual(
    body.results.map(({ id, state }: { id: string; state: string }) => [id, state]),
    [
      [null, 'applied'],
      [null, 'applied'],
      ['own', 'applied'],
    ],
  );
  const lines = self.journal();
  assert.deepEqual(
    lines.map(({ name, key }) => [name, String(key).endsWith('/x') || key === 'own']),
    body.results.map(({ name, id }: { name: string; id: string | null }) => [name, id === 'own']),
  );
  assert.deepEqual(lines[2]?.metadata, { m: 1 });
  assert.equal((await call(server, '/api/v1/status')).body.statistics.direct, 3);
});

test('an id is applied once, whichever way it comes', async (t) => {
  const self = project(t);
  withLog(self);
  const server = await serve(self);
  const item = logItems(['a'], { id: 'k' });
  assert.deepEqual(statesOf(await push(server, [...item, ...item])), ['applied', 'duplicate']);
  assert.deepEqual(statesOf(await push(server, item)), ['duplicate']);
  assert.deepEqual(statesOf(await push(server, item, { bufferMs: 0 })), ['spooled']);
  await drained(self);
  assert.deepEqual(logged(self), ['a']);
});

test('each item has a state of its own; what fails directly is not spooled', async (t) => {
  const self = project(t);
  withLog(self);
  const server = await serve(self);
  const items = [
    ...logItems(['a']),
    { sql: 'INSERT INTO nowhere VALUES(1)' },
    { sql: '' },
    { sql: 'SELECT 1', priority: 11 },
    { sql: 'SELECT 1', prio: 1 },
    { sql: 'SELECT 1', id: '' },
    { sql: 'SELECT 1', params: 5 },
    'no object',
    { sql: 'INSERT INTO log(t) VALUES(:t)', params: {} },
    { sql: 'INSERT INTO log(n, t) VALUES(1, 2); INSERT INTO log(n, t) VALUES(1, 3)' },
    { sql: 'INSERT OR ROLLBACK INTO log(n, t) VALUES(1, 3)' },
    ...logItems(['b']),
  ];
  const reply = await push(server, items);
  assert.equal(reply.status, 207);
  const { results } = reply.body;
  assert.deepEqual(
    statesOf(reply).map((state, index) => `${state} ${results[index].error?.code ?? ''}`.trim()),
    [
      'applied',
      'failed SQLITE_ERROR',
      ...Array(6).fill('refused BAD_ITEM'),
      'failed BAD_PARAMS',
      'failed SQLITE_CONSTRAINT_PRIMARYKEY',
      'failed SQLITE_CONSTRAINT_PRIMARYKEY',
      'applied',
    ],
  );
  assert.match(results[1].error.message, /no such table: nowhere/);
  assert.match(results[3].error.message, /priority 11/);
  assert.match(results[4].error.message, /unknown field 'prio'/);
  assert.deepEqual([logged(self), self.names('pending'), self.names('failed')], [['a', 'b'], [], []]);
  assert.equal((await push(server, [{ sql: '' }])).status, 422);
  assert.equal((await push(server, [])).status, 200);
});

test('numbers keep their digits, directly and by way of the spool', async (t) => {
  const self = project(t);
  execute(self, 'CREATE TABLE n(v)');
  const server = await serve(self);
  for (const buffer of ['', ',"bufferMs":0']) {
    const body = `{"items":[{"sql":"INSERT INTO n VALUES(?),(?),(?),(?)","params":[5,5.5,9007199254740993,1e2]}]${buffer}}`;
    assert.equal((await call(server, '/api/v1/push', { body })).body.pushed, 1);
    await drained(self);
  }
  const row = ['integer 5', 'real 5.5', 'integer 9007199254740993', 'integer 100'];
  assert.deepEqual(
    self.rows("SELECT typeof(v) || ' ' || v AS t FROM n").map(({ t }) => t),
    [...row, ...row],
  );
});

test('while the database is locked everything is spooled, and follows in order when it is free', async (t) => {
  const self = project(t);
  withLog(self);
  const server = await serve(self);
  await push(server, logItems(series('a', 10)));
  const unlock = lockDatabase(self);
  t.after(unlock);
  const first = await push(server, logItems(series('b', 10)));
  assert.deepEqual(
    [first.status, first.body.pushed, first.body.qos0, first.body.failover, first.body.dbHealthy],
    [200, 10, 10, true, false],
  );
  const buffers = await call(server, '/api/v1/status/buffers');
  assert.deepEqual(buffers.body, { pending: 10, failed: 0, dbHealthy: false });
  await push(server, logItems(series('c', 10)));
  unlock();
  // Whatever the database does now: those that are spooled come first.
  const texts = [...series('a', 10), ...series('b', 10), ...series('c', 10)];
  for (let round = 0; ; round++) {
    const reply = await push(server, logItems([`d ${round}`]));
    texts.push(`d ${round}`);
    if (statesOf(reply)[0] === 'applied') break;
  }
  assert.deepEqual(logged(self), texts);
  await waitFor(
    'a healthy database',
    async () => (await call(server, '/api/v1/status/buffers')).body.dbHealthy,
  );
});

test('a database that was moved away is waited for, not made anew', async (t) => {
  const self = project(t);
  withLog(self);
  const server = await serve(self);
  await push(server, logItems(['a']));
  await waitFor('the connection to be closed', () => !existsSync(`${self.db}-wal`));
  renameSync(self.db, `${self.db}.away`);
  const reply = await push(server, logItems(['b']));
  assert.deepEqual([statesOf(reply), reply.body.failover], [['spooled'], true]);
  assert.ok(!existsSync(self.db));
  renameSync(`${self.db}.away`, self.db);
  await drained(self);
  assert.deepEqual(logged(self), ['a', 'b']);
});

test('one source waits for its own entries only', async (t) => {
  const self = project(t);
  withLog(self);
  startNoWorker(self);
  const server = await serve(self);
  assert.deepEqual(statesOf(await push(server, logItems(['a1']), { bufferMs: 0 }, { 'x-source': 'a' })), [
    'spooled',
  ]);
  assert.deepEqual(statesOf(await push(server, logItems(['a2']), {}, { 'x-source': 'a' })), ['spooled']);
  assert.deepEqual(statesOf(await push(server, logItems(['b1']), {}, { 'x-source': 'b' })), ['applied']);
  assert.deepEqual(statesOf(await push(server, logItems(['none']))), ['applied']);
  await startWorker(self);
  await drained(self);
  assert.deepEqual(statesOf(await push(server, logItems(['a3']), {}, { 'x-source': 'a' })), ['applied']);
  assert.deepEqual(logged(self), ['b1', 'none', 'a1', 'a2', 'a3']);
});

test('requests of one source that come at once are applied in the order in which they came', async (t) => {
  const self = project(t);
  withLog(self);
  const server = await serve(self);
  const replies: Promise<unknown>[] = [];
  const texts: string[] = [];
  for (let i = 0; i < 40; i++) {
    const own = series(`r${i}`, 5);
    texts.push(...own);
    // One after the other on the way there, all at once in the server.
    replies.push(push(server, logItems(own), i % 3 === 1 ? { bufferMs: 20, bufferMax: 50 } : {}));
    await new Promise((done) => setTimeout(done, 2));
  }
  await Promise.all(replies);
  await drained(self);
  const rows = logged(self) as string[];
  assert.equal(rows.length, texts.length);
  for (let i = 0; i < 40; i++) {
    const own = rows.filter((text) => text.startsWith(`r${i} `));
    assert.deepEqual(own, series(`r${i}`, 5));
  }
});

test('a paused queue, or operation, is passed by nobody', async (t) => {
  const self = project(t);
  withLog(self);
  startNoWorker(self);
  const server = await serve(self);
  const pause = (verb: string, operation?: string) =>
    call(server, `/api/v1/queue/${verb}`, { body: operation === undefined ? {} : { operation } });
  assert.deepEqual((await pause('pause', 'slow')).body, { changed: true, operation: 'slow' });
  const states = statesOf(
    await push(server, [...logItems(['a']), ...logItems(['b'], { operation: 'slow' }), ...logItems(['c'])]),
  );
  assert.deepEqual(states, ['applied', 'spooled', 'spooled']);
  assert.deepEqual((await pause('resume', 'slow')).body, { changed: true, operation: 'slow' });
  assert.deepEqual((await pause('pause')).body, { changed: true, operation: null });
  assert.deepEqual(statesOf(await push(server, logItems(['d']), {}, { 'x-source': 'other' })), ['spooled']);
  assert.deepEqual((await pause('resume')).body, { changed: true, operation: null });
  assert.deepEqual((await pause('resume')).body, { changed: false, operation: null });
  await startWorker(self);
  await drained(self);
  assert.deepEqual(logged(self), ['a', 'b', 'c', 'd']);
});

test('an item of a job is spooled and counts for it; one of no job that takes it is refused', async (t) => {
  const self = project(t);
  withLog(self);
  startNoWorker(self);
  const server = await serve(self);
  const reply = await push(server, [...logItems(['a'], { job: 'nothing' }), ...logItems(['b'])]);
  assert.deepEqual(statesOf(reply), ['refused', 'spooled']);
  assert.match(reply.body.results[0].error.message, /no job 'nothing'/);
});

test('the worker waits for a window to end, or to be full, and for nobody else', async (t) => {
  const self = project(t);
  withLog(self);
  const server = await serve(self);
  await startWorker(self);
  const rows = (): number => logged(self).length;
  const window = { bufferMs: 60_000, bufferMax: 20 };
  for (let i = 0; i < 19; i++) await push(server, logItems([`a ${i}`]), window);
  assert.deepEqual([rows(), self.names('pending').length], [0, 19]);
  await push(server, logItems(['a 19']), window);
  await waitFor('a full window to be applied', () => rows() === 20);
  // Another producer's entry ends the wait for all.
  await push(server, logItems(['b']), window);
  assert.equal(rows(), 20);
  putEntry(self, "INSERT INTO log(t) VALUES('c')", { priority: 10 });
  await waitFor('all to be applied', () => rows() === 22);
  const start = performance.now();
  await push(server, logItems(['d']), { bufferMs: 300, bufferMax: 20 });
  await waitFor('the window to end', () => rows() === 23);
  assert.ok(performance.now() - start >= 299, 'it was applied before its window had ended');
  // A worker that is told to drain by hand waits for nothing.
  await push(server, logItems(['e']), window);
  // The door itself would start another.
  server.child.kill('SIGKILL');
  await server.ended;
  await stopWorker(self);
  assert.equal((await self.run('queue-worker', ['--once'])).code, 0);
  assert.equal(rows(), 24);
});

test('the window of a door that was killed ends as it would have', async (t) => {
  const self = project(t);
  withLog(self);
  const server = await serve(self);
  await startWorker(self);
  await push(server, logItems(['a']), { bufferMs: 1500, bufferMax: 100 });
  server.child.kill('SIGKILL');
  await drained(self);
  assert.deepEqual(logged(self), ['a']);
  const [note] = readdirSync(join(self.spool, 'doors'));
  assert.equal(note, String(server.child.pid));
  // The next door takes note of it, and takes it away.
  const next = await serve(self);
  assert.deepEqual(statesOf(await push(next, logItems(['b']))), ['applied']);
  next.child.kill('SIGTERM');
  assert.equal(await next.ended, 0);
  assert.deepEqual(readdirSync(join(self.spool, 'doors')), []);
});

test('what a door that was killed has left in pending/ is overtaken by no direct write', async (t) => {
  const self = project(t);
  withLog(self);
  startNoWorker(self);
  const first = await serve(self);
  await push(first, logItems(['a']), { bufferMs: 0 }, { 'x-source': 's' });
  first.child.kill('SIGKILL');
  await first.ended;
  const second = await serve(self);
  assert.deepEqual(statesOf(await push(second, logItems(['b']), {}, { 'x-source': 's' })), ['spooled']);
  await startWorker(self);
  await drained(self);
  await waitFor('a direct write', async () => statesOf(await push(second, logItems(['c'])))[0] === 'applied');
  assert.deepEqual((logged(self) as string[]).slice(0, 2), ['a', 'b']);
});

test('a direct write that is killed behind its COMMIT has its line in the journal', {
  skip: noStrace(),
}, async (t) => {
  const self = project(t);
  withLog(self);
  startNoWorker(self);
  const node = join(self.dir, 'killed');
  // It counts itself, in .direct, before it writes its lines.
  const inject = `-D -f -o /dev/null -P '${self.spool}/.direct' -e trace=openat -e inject=openat:signal=KILL:when=1`;
  writeFileSync(node, `#!/bin/sh\nexec strace ${inject} '${process.execPath}' "$@"\n`, { mode: 0o755 });
  const lines = () =>
    self
      .names('completed')
      .flatMap((name) =>
        readFileSync(join(self.spool, 'completed', name), 'utf8')
          .split('\n')
          .slice(0, -1),
      )
      .map((line) => JSON.parse(line).params.t);
  const first = await serve(self, [], { QUEUE_NODE: node });
  const items = [...logItems(['a']), ...logItems(['b'], { id: 'b' })];
  assert.deepEqual(statesOf(await push(first, items)), ['spooled', 'spooled']);
  assert.deepEqual([logged(self), lines()], [['a', 'b'], []]);
  first.child.kill('SIGKILL');
  await first.ended;
  await serve(self);
  await waitFor('the lines', () => lines().length > 0);
  assert.deepEqual(lines(), ['a', 'b']);
  await startWorker(self);
  await drained(self);
  assert.deepEqual(
    [logged(self), lines()],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
  );
});

test('a statement that never ends is stopped, its neighbours are applied once, and others are served', async (t) => {
  const self = project(t, { SQLITE_TIMEOUT: '1000' });
  withLog(self);
  const server = await serve(self);
  const endless =
    'INSERT INTO log(t) WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r) SELECT max(n) FROM r';
  const slow = push(server, [...logItems(['a', 'b']), { sql: endless }, ...logItems(['c'])]);
  await new Promise((done) => setTimeout(done, 100));
  assert.equal((await call(server, '/health')).status, 200);
  const meanwhile = await push(server, logItems(['other']), {}, { 'x-source': 'other' });
  assert.ok(['applied', 'spooled'].includes(statesOf(meanwhile)[0] as string));
  const reply = await slow;
  assert.deepEqual(
    statesOf(reply).map((state) => (state === 'spooled' ? 'applied' : state)),
    ['applied', 'applied', 'failed', 'applied'],
  );
  assert.equal(reply.body.results[2].error.code, 'SQLITE_TIMEOUT');
  await drained(self);
  const rows = logged(self) as string[];
  assert.deepEqual(
    rows.filter((text) => text !== 'other'),
    ['a', 'b', 'c'],
  );
  assert.equal(rows.length, 4);
  assert.deepEqual(
    self
      .journal()
      .map(({ params }) => (params as { t: string }).t)
      .sort(),
    ['a', 'b', 'c', 'other'],
  );
});

test('USE_QUEUE=false writes directly or not at all', async (t) => {
  const self = project(t, { USE_QUEUE: 'false' });
  withLog(self);
  const server = await serve(self);
  const first = await push(server, logItems(['a']), { bufferMs: 10 });
  assert.equal(first.status, 200, first.text);
  assert.deepEqual(statesOf(first), ['applied']);
  const unlock = lockDatabase(self);
  t.after(unlock);
  const reply = await push(server, logItems(['b']));
  assert.deepEqual([reply.status, reply.body.error.code], [503, 'DATABASE']);
  assert.deepEqual(self.names('pending'), []);
});

test('a hook of Claude Code is logged as tool-log.sh logs it', async (t) => {
  const self = project(t);
  const server = await serve(self);
  const fixtures = join(import.meta.dirname, 'fixtures', 'hook-payloads');
  const payloads = readdirSync(fixtures).filter((name) => /^(PostToolUse|UserPrompt|PreCompact)/.test(name));
  assert.ok(payloads.length > 4);
  const send = (body: string) => call(server, '/hooks/claude', { body });
  for (const name of payloads) {
    const payload = readFileSync(join(fixtures, name), 'utf8');
    const reply = await send(payload);
    assert.deepEqual([reply.status, reply.body], [200, {}]);
    const hook = await self.run(join(import.meta.dirname, '..', 'hooks', 'tool-log.sh'), [], {
      input: payload,
    });
    assert.equal(hook.code, 0);
  }
  assert.equal((await send('no JSON')).status, 200);
  await drained(self);
  const count = self.rows('SELECT count(*) AS n FROM events')[0]?.n;
  assert.equal(count, payloads.length * 2 + 1);
  const columns = 'event, session_id, tool, ok, duration_ms, detail, payload';
  const pairs = self.rows(
    `SELECT count(*) AS n FROM events WHERE json_valid(payload) GROUP BY ${columns} ORDER BY n DESC`,
  );
  assert.deepEqual(
    pairs.map(({ n }) => n),
    payloads.map(() => 2),
  );
});

test('dead letters are put back and thrown away, one and all', async (t) => {
  const self = project(t);
  withLog(self);
  const server = await serve(self);
  const names: string[] = [];
  for (let i = 0; i < 4; i++) {
    const reply = await push(server, [{ sql: `INSERT INTO later(v) VALUES(${i})` }], { bufferMs: 0 });
    names.push(reply.body.results[0].name);
  }
  await waitFor('four dead letters', () => self.names('failed').length === 4);
  const listed = await call(server, '/api/v1/entries?state=failed&limit=3');
  assert.deepEqual(
    listed.body.entries.map(({ name }: { name: string }) => name),
    names.slice(0, 3),
  );
  assert.match(listed.body.entries[0].error.message, /no such table: later/);
  const rest = await call(server, `/api/v1/entries?state=failed&limit=3&after=${listed.body.next}`);
  assert.deepEqual([rest.body.entries.length, rest.body.next], [1, null]);
  const post = (path: string) => call(server, path, { method: 'POST' });
  const gone = await post(`/api/v1/failed/${names[0]}/discard`);
  assert.deepEqual(gone.body, { done: [names[0]], refused: [] });
  assert.equal((await post(`/api/v1/failed/${names[0]}/discard`)).status, 404);
  assert.equal((await post('/api/v1/failed/..%2f..%2fhive.db/discard')).status, 400);
  execute(self, 'CREATE TABLE later(v)');
  assert.deepEqual((await post(`/api/v1/failed/${names[1]}/retry`)).body.done, [names[1]]);
  await waitFor('it to be applied', () => self.rows('SELECT v FROM later').length === 1);
  assert.deepEqual((await post('/api/v1/failed/all/retry')).body.done, names.slice(2));
  await waitFor('all to be applied', () => self.rows('SELECT v FROM later').length === 3);
});
