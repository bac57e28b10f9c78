/**
 * Alerts of a PostgreSQL server that is killed or frozen: one message when it can't be used, one when it can again.
 */
import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { noPostgres, postgresServer, type Server } from './support/postgres.ts';
import { type Project, project, waitFor } from './support/project.ts';
import { drained, ended, isAlive, putEntry, startWorker, stopWorker, workerLog } from './support/queue.ts';
import { lossyRelay } from './support/relay.ts';
import { type Webhook, webhook } from './support/webhook.ts';

const skip = noPostgres();
const server = skip ? ({} as Server) : await postgresServer();
let count = 0;

async function watched(
  t: TestContext,
  env: Record<string, string> = {},
): Promise<{ self: Project; hook: Webhook; name: string }> {
  const name = `alerts_${++count}`;
  await server.database(name);
  await server.sql('CREATE TABLE log(n serial PRIMARY KEY, t text)', name);
  const hook = await webhook(t);
  const self = project(t, {
    ...server.env(name),
    QUEUE_ALERT_URL: hook.url,
    QUEUE_ALERT_DISK: '0',
    QUEUE_ALERT_AGE: '0',
    QUEUE_ALERT_OUTAGE: '0.2',
    QUEUE_ALERT_INTERVAL: '0',
    ...env,
  });
  return { self, hook, name };
}

function putRow(self: Project, text: string): void {
  putEntry(self, 'INSERT INTO log(t) VALUES(:t)', { params: { t: text } });
}

for (const how of ['killed', 'frozen'] as const) {
  test(`a server that is ${how} is told of once, and its return once`, { skip }, async (t) => {
    const { self, hook, name } = await watched(t);
    await startWorker(self);
    putRow(self, 'before');
    await drained(self);
    let goOn = async (): Promise<void> => {};
    if (how === 'killed') {
      await server.kill();
      goOn = () => server.start();
    } else {
      const thaw = server.freeze();
      goOn = async () => thaw();
    }
    try {
      putRow(self, 'meanwhile');
      await waitFor('the outage to be told', () => hook.told().length > 0);
      putRow(self, 'later');
    } finally {
      await goOn();
    }
    await drained(self);
    await waitFor('its end to be told', () => hook.told().length > 1);
    await stopWorker(self);
    assert.deepEqual(hook.told(), ['outage start', 'outage end']);
    const place = `127.0.0.1:${server.port}/${name}`;
    assert.ok(hook.alerts[0]?.what.startsWith(`${place} can't be used: `), hook.alerts[0]?.what);
    assert.equal(hook.alerts.at(-1)?.what, `${place} can be used again`);
    for (const secret of [server.password, encodeURIComponent(server.password)]) {
      assert.ok(!JSON.stringify(hook.alerts).includes(JSON.stringify(secret).slice(1, -1)));
      assert.ok(!workerLog(self).includes(secret));
    }
    assert.deepEqual(
      (await server.sql('SELECT t FROM log ORDER BY n', name)).map((row) => row.t),
      ['before', 'meanwhile', 'later'],
    );
  });
}

test('an outage that ends with nothing left to do is over, though another entry still waits for its time', {
  skip,
}, async (t) => {
  const { self, hook, name } = await watched(t);
  // A deferred trigger runs inside COMMIT, so that the way to the server can be closed meanwhile.
  await server.sql(
    `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END $$;
     CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON log DEFERRABLE INITIALLY DEFERRED
     FOR EACH ROW WHEN (NEW.t = 'slow') EXECUTE FUNCTION slow()`,
    name,
  );
  const relay = await lossyRelay(server.port);
  t.after(() => relay.close());
  const place = `127.0.0.1:${relay.port}/${name}`;
  await startWorker(self, { HIVE_DB: `postgres://queue@${place}?sslmode=disable` });
  putRow(self, 'before');
  await drained(self);
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
  putEntry(self, "INSERT INTO log(t) VALUES('later')", { not_before: tomorrow });
  relay.loseAfter('COMMIT');
  putRow(self, 'slow');
  await waitFor('the COMMIT', async () => {
    const running = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    return (await server.sql(running)).length > 0;
  });
  relay.close();
  await waitFor('the outage to be told', () => hook.told().length > 0);
  assert.equal(relay.lost, 1, 'the answer to the COMMIT was lost');
  const back = createServer((client) => {
    const upstream = connect(server.port, '127.0.0.1');
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    client.pipe(upstream).pipe(client);
  });
  t.after(() => back.close());
  await new Promise<void>((done) => back.listen(relay.port, '127.0.0.1', done));
  await waitFor('its end to be told', () => hook.told().length > 1);
  await stopWorker(self);
  assert.deepEqual(hook.told(), ['outage start', 'outage end']);
  assert.equal(hook.alerts.at(-1)?.what, `nothing waits for ${place} any more`);
  assert.equal(self.names('pending').length, 1);
  const rows = await server.sql('SELECT t FROM log ORDER BY n', name);
  assert.deepEqual(
    rows.map((row) => row.t),
    ['before', 'slow'],
  );
});

test('the end of an outage is told by the next worker, when the first was killed meanwhile', {
  skip,
}, async (t) => {
  const { self, hook, name } = await watched(t, { QUEUE_IDLE_EXIT: '0' });
  await server.kill();
  try {
    putRow(self, 'meanwhile');
    const first = await startWorker(self);
    await waitFor('the outage to be told', () => hook.told().length > 0);
    assert.ok(isAlive(first), 'it stays, idle or not, while an entry waits for its database');
    process.kill(first, 'SIGKILL');
    await ended(first);
  } finally {
    await server.start();
  }
  // One that leaves at once may have to leave the sending to the next.
  await startWorker(self, { QUEUE_IDLE_EXIT: '60' });
  await waitFor('its end to be told', () => hook.told().length > 1);
  assert.deepEqual(hook.told(), ['outage start', 'outage end']);
  assert.equal(hook.alerts.at(-1)?.what, `127.0.0.1:${server.port}/${name} can be used again`);
});
