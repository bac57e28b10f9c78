/** What stands around the sink, with PostgreSQL behind it: jobs, pauses, queue-serve, queue-status. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { create, queueJob, show } from './support/jobs.ts';
import { noPostgres, postgresServer, type Server } from './support/postgres.ts';
import { type Project, project, waitFor } from './support/project.ts';
import { drained, nodeWrite, once, startNoWorker, startWorker, stats } from './support/queue.ts';
import { lossyRelay } from './support/relay.ts';
import { call, push, type Reply, serve, statesOf } from './support/serve.ts';

const skip = noPostgres();
const server = skip ? ({} as Server) : await postgresServer();
let count = 0;

async function place(t: TestContext): Promise<{
  self: Project;
  name: string;
  texts: () => Promise<unknown[]>;
}> {
  const name = `wings_${++count}`;
  await server.database(name);
  await server.sql('CREATE TABLE log(n serial PRIMARY KEY, t text UNIQUE)', name);
  const self = project(t, server.env(name));
  const texts = async () =>
    (await server.sql('SELECT t FROM log ORDER BY n', name)).map(({ t: text }) => text);
  return { self, name, texts };
}

async function putItem(self: Project, job: string, text: string, ...more: string[]): Promise<void> {
  startNoWorker(self);
  const args = ['--job', job, ...more, 'INSERT INTO log(t) VALUES(:t)', '--param', `t=${text}`];
  const result = await nodeWrite(self, args);
  assert.equal(result.code, 0, result.stderr);
}

test('items of a job: each has its result, whatever became of the others in its batch', {
  skip,
}, async (t) => {
  const { self, texts } = await place(t);
  const id = await create(self, '--total', '5');
  await putItem(self, id, 'a', '--id', 'one');
  await putItem(self, id, 'a', '--id', 'taken');
  await putItem(self, id, 'c', '--id', 'one');
  startNoWorker(self);
  for (const text of ['row', 'again']) {
    const data = JSON.stringify({ t: text });
    const args = ['--job', id, '--id', text, '--table', 'log', '--data', data, '--content-hash', 'same'];
    assert.equal((await nodeWrite(self, args)).code, 0);
  }
  await once(self, 3);
  assert.deepEqual(await texts(), ['a', 'row']);
  const { state, processed, failed, total } = await show(self, id);
  assert.deepEqual([state, processed, failed, total], ['failed', 5, 1, 5]);
  const { stdout } = await queueJob(self, ['results', id, '--json']);
  const results = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    results.map(({ item, state: own }) => `${item} ${own}`),
    ['one done', 'taken failed', 'one done', 'row done', 'again done'],
  );
});

test('a job whose COMMIT has no answer is completed, each item once', { skip }, async (t) => {
  const { self, name, texts } = await place(t);
  const id = await create(self, '--total', '3');
  for (const text of ['a', 'b', 'c']) await putItem(self, id, text);
  const relay = await lossyRelay(server.port);
  t.after(() => relay.close());
  relay.loseAfter('COMMIT');
  const url = `postgres://queue@127.0.0.1:${relay.port}/${name}?sslmode=disable`;
  await startWorker(self, { HIVE_DB: url });
  await drained(self);
  assert.ok(relay.lost > 0, 'an answer was lost');
  const { state, processed, failed } = await waitFor('the job to end', async () => {
    const job = await show(self, id);
    return job.state === 'completed' && job;
  });
  assert.deepEqual([state, processed, failed], ['completed', 3, 0]);
  assert.deepEqual(await texts(), ['a', 'b', 'c']);
  assert.equal(self.journal().length, 3);
});

test('queue-serve writes directly, holds what is paused, and spools while the server is down', {
  skip,
}, async (t) => {
  const { self, texts } = await place(t);
  const door = await serve(self);
  const item = (text: string, more: object = {}) => ({
    sql: 'INSERT INTO log(t) VALUES(:t)',
    params: { t: text },
    ...more,
  });
  // The first connection may take longer than a request waits for it.
  await waitFor('a direct write', async () => {
    const reply = await push(door, [{ sql: 'SELECT 1' }]);
    return statesOf(reply)[0] === 'applied';
  });
  await drained(self);
  const row = { sql: 'CALL queue_insert(:table, :data, :content_hash)' };
  const params = { table: 'log', data: { t: 'row' }, content_hash: 'same' };
  const reply = await push(door, [item('a'), item('a'), { ...row, params }, { ...row, params }]);
  assert.deepEqual(statesOf(reply), ['applied', 'failed', 'applied', 'duplicate']);
  assert.equal(reply.body.results[1].error.code, '23505');
  await call(door, '/api/v1/queue/pause', { body: { operation: 'slow' } });
  const held = await push(door, [item('held', { operation: 'slow' })]);
  assert.deepEqual(statesOf(held), ['spooled']);
  await startWorker(self);
  await waitFor('it to be held', () => stats(self).held === 1);
  const status = JSON.parse((await self.run('queue-status', ['--json'])).stdout);
  assert.deepEqual(status.paused, { all: false, operations: ['slow'], held: 1 });
  await call(door, '/api/v1/queue/resume', { body: { operation: 'slow' } });
  await drained(self);
  const buffers = { pending: 0, failed: 0, dbHealthy: true };
  await waitFor('it to be seen', async () => {
    const { body } = await call(door, '/api/v1/status/buffers');
    return isDeepStrictEqual(body, buffers);
  });
  assert.match((await call(door, '/metrics')).text, /^hookspool_database_up 1$/m);
  const event = await call(door, '/hooks/claude', { body: { hook_event_name: 'PostToolUse' } });
  assert.deepEqual([event.status, event.body.error.code], [409, 'WRONG_DATABASE']);
  const thaw = server.freeze();
  let late: Reply;
  try {
    late = await push(door, [item('late')]);
  } finally {
    thaw();
  }
  assert.equal(late.body.pushed, 1);
  await drained(self);
  assert.deepEqual(await texts(), ['a', 'row', 'held', 'late']);
  assert.deepEqual(self.names('failed'), []);
});
