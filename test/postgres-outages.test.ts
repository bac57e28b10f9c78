/** PostgreSQL servers that are down, killed, frozen, full or read-only: everything waits, nothing is lost or doubled. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import pg from 'pg';
import { noPostgres, postgresServer, type Server } from './support/postgres.ts';
import { type Project, project, waitFor } from './support/project.ts';
import {
  drained,
  ended,
  entryText,
  execute,
  logged,
  logs,
  once,
  put,
  putEntry,
  startWorker,
  stats,
  withLog,
  workerLog,
} from './support/queue.ts';
import { lossyRelay } from './support/relay.ts';

const skip = noPostgres();
const server = skip ? ({} as Server) : await postgresServer(['max_connections=12']);
let count = 0;

interface Place {
  readonly self: Project;
  readonly name: string;
  readonly texts: () => Promise<unknown[]>;
}

/** A project whose database has the table `log`. */
async function place(t: TestContext, env: Record<string, string> = {}): Promise<Place> {
  const name = `outages_${++count}`;
  await server.database(name);
  await server.sql('CREATE TABLE log(n serial PRIMARY KEY, t text)', name);
  const texts = async (): Promise<unknown[]> =>
    (await server.sql('SELECT t FROM log ORDER BY n', name)).map(({ t }) => t);
  return { self: project(t, { ...server.env(name), ...env }), name, texts };
}

function putRows(self: Project, from: number, to: number): string[] {
  const texts = Array.from({ length: to - from }, (_, index) => `row ${from + index}`);
  for (const text of texts) putEntry(self, 'INSERT INTO log(t) VALUES(:t)', { params: { t: text } });
  return texts;
}

/** The message of the outage that stats.json names, once there is one. */
async function outage(self: Project): Promise<string> {
  const all = await waitFor('an outage in stats.json', () =>
    Object.values((stats(self).outages ?? {}) as Record<string, { message: string }>).at(0),
  );
  return all.message;
}

test('a server that is down: status says so, and the entries arrive when it is back', { skip }, async (t) => {
  const { self, texts } = await place(t);
  await server.stop();
  const sent = putRows(self, 0, 20);
  await startWorker(self);
  assert.match(await outage(self), /ECONNREFUSED/);
  const status = await self.run('queue-status', []);
  assert.match(status.stdout, /WAITING/);
  assert.doesNotMatch(status.stdout, /secret/);
  await server.start();
  await drained(self);
  assert.deepEqual(await texts(), sent);
  assert.deepEqual(self.names('failed'), []);
  assert.doesNotMatch(workerLog(self), /secret/);
});

test('SIGKILL of the server again and again costs nothing', { skip }, async (t) => {
  const { self, texts } = await place(t);
  await startWorker(self);
  const sent: string[] = [];
  for (let round = 0; round < 6; round++) {
    sent.push(...putRows(self, sent.length, sent.length + 300));
    await waitFor('some rows', async () => (await texts()).length > sent.length - 300 + round * 10);
    if (round % 2 === 0) await server.kill();
    else await server.stop(round === 1 ? 'immediate' : 'fast');
    await server.start();
  }
  await drained(self);
  assert.deepEqual(await texts(), sent);
  assert.deepEqual(self.names('failed'), []);
  assert.equal(self.journal().length, sent.length);
});

test('SIGKILL of the worker in the middle costs nothing', { skip }, async (t) => {
  const { self, texts } = await place(t);
  const sent = putRows(self, 0, 3000);
  for (let round = 0; round < 4; round++) {
    const pid = await startWorker(self);
    await waitFor('rows', async () => (await texts()).length > round * 400);
    process.kill(pid, 'SIGKILL');
    await ended(pid);
  }
  await startWorker(self);
  await drained(self);
  assert.deepEqual(await texts(), sent);
  assert.equal(self.journal().length, sent.length);
});

test('the answer to a COMMIT is lost: the ledger is asked, and the journal has each entry once', {
  skip,
}, async (t) => {
  const { self, name, texts } = await place(t);
  // A deferred trigger runs inside COMMIT: while it sleeps, the server commits or dies as we please.
  await server.sql(
    `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END $$;
     CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON log DEFERRABLE INITIALLY DEFERRED
     FOR EACH ROW WHEN (NEW.t = 'row 2') EXECUTE FUNCTION slow()`,
    name,
  );
  const sent = putRows(self, 0, 3);
  putEntry(self, "INSERT INTO log(t) VALUES('mine')", { id: 'mine' });
  const relay = await lossyRelay(server.port);
  t.after(() => relay.close());
  const url = `postgres://queue@127.0.0.1:${relay.port}/${name}?sslmode=disable`;
  const pid = await startWorker(self, { HIVE_DB: url });
  relay.loseAfter('COMMIT');
  await drained(self);
  assert.ok(relay.lost > 0, 'an answer was lost');
  assert.deepEqual(await texts(), [...sent, 'mine']);
  assert.equal(self.journal().length, 4);
  assert.deepEqual(self.names('failed'), []);
  process.kill(pid, 'SIGTERM');
});

test('a frozen server is an outage within seconds, and holds up no other database', { skip }, async (t) => {
  const { self, texts } = await place(t);
  await startWorker(self);
  const sent = putRows(self, 0, 5);
  await drained(self);
  const thaw = server.freeze();
  try {
    sent.push(...putRows(self, 5, 10));
    assert.match(await outage(self), /does not answer/);
    withLog(self, self.db);
    for (let n = 0; n < 5; n++) putEntry(self, logs(`local ${n}`), { db: self.db });
    await waitFor('the other database', () => logged(self).length === 5, 10);
  } finally {
    thaw();
  }
  await drained(self);
  assert.deepEqual(await texts(), sent);
  assert.deepEqual(self.names('failed'), []);
});

test('a read-only server is an outage; it goes on when writing is allowed', { skip }, async (t) => {
  const { self, name, texts } = await place(t);
  await server.sql(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
  const sent = putRows(self, 0, 3);
  await startWorker(self);
  assert.match(await outage(self), /read-only/);
  await server.sql(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
  await drained(self);
  assert.deepEqual(await texts(), sent);
  // Now that there is a ledger.
  await server.sql(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
  await server.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`);
  sent.push(...putRows(self, 3, 6));
  // That its session was ended may be what it sees first.
  await waitFor('what it finds then', async () => /read-only/.test(await outage(self)));
  await server.sql(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
  await drained(self);
  assert.deepEqual(await texts(), sent);
  assert.deepEqual(self.names('failed'), []);
});

test('out of connections is an outage', { skip }, async (t) => {
  const { self, name, texts } = await place(t);
  await server.sql(`CREATE ROLE plain LOGIN PASSWORD 'x'; GRANT ALL ON DATABASE ${name} TO plain;`);
  await server.sql(`ALTER TABLE log OWNER TO plain; GRANT ALL ON SCHEMA public TO plain`, name);
  const connection = { host: '127.0.0.1', port: server.port, user: 'plain', password: 'x', database: name };
  const others: pg.Client[] = [];
  const release = async (): Promise<void> => {
    for (const other of others.splice(0)) await other.end();
  };
  t.after(release);
  for (;;) {
    const client = new pg.Client(connection);
    client.on('error', () => {});
    try {
      await client.connect();
      others.push(client);
    } catch {
      break;
    }
  }
  const sent = putRows(self, 0, 3);
  await startWorker(self, { HIVE_DB: server.url(name).replace('queue@', 'plain@'), PGPASSWORD: 'x' });
  assert.match(await outage(self), /53300/);
  await release();
  await drained(self);
  assert.deepEqual(await texts(), sent);
});

test('a wrong password and a missing database are outages that say what to do', { skip }, async (t) => {
  const { self, name } = await place(t);
  putRows(self, 0, 1);
  const wrong = await once(self, 1, { PGPASSWORD: 'not it', SQLITE_BUSY_TIMEOUT: '300' });
  assert.match(wrong.stderr, /28P01/);
  assert.doesNotMatch(wrong.stderr, /not it/);
  const none = await once(self, 1, { PGPASSWORD: '', SQLITE_BUSY_TIMEOUT: '300' });
  assert.match(none.stderr, /asks for a password, and there is none \(28P01\)/);
  const port = await once(self, 1, { HIVE_DB: 'postgres://queue@:abc/x', SQLITE_BUSY_TIMEOUT: '300' });
  assert.match(port.stderr, /one host and one port/);
  const missing = await once(self, 1, { HIVE_DB: server.url('nowhere'), SQLITE_BUSY_TIMEOUT: '300' });
  assert.match(missing.stderr, /"nowhere" does not exist \(3D000\)/);
  await once(self, 0, server.env(name));
  assert.deepEqual(self.names('failed'), []);
});

test('a lock that another session holds is waited for; nobody spends a retry', { skip }, async (t) => {
  const { self, name, texts } = await place(t);
  await server.sql('CREATE TABLE counter(n int); INSERT INTO counter VALUES (0)', name);
  const other = new pg.Client({
    host: '127.0.0.1',
    port: server.port,
    user: 'queue',
    password: server.password,
    database: name,
  });
  await other.connect();
  t.after(() => other.end());
  await other.query('BEGIN; UPDATE counter SET n = n + 1');
  const sent = putRows(self, 0, 3);
  putEntry(self, 'UPDATE counter SET n = n + 10');
  sent.push(...putRows(self, 3, 6));
  await startWorker(self);
  assert.match(await outage(self), /55P03/);
  await other.query('COMMIT');
  await drained(self);
  assert.deepEqual(await texts(), sent);
  assert.deepEqual(await server.sql('SELECT n FROM counter', name), [{ n: 11 }]);
  assert.equal(stats(self).retried, 0);
});

test('a deadlock with another session is resolved, whoever is chosen', { skip }, async (t) => {
  const { self, name } = await place(t);
  await server.sql('CREATE TABLE a(n int); INSERT INTO a VALUES (0), (0)', name);
  await server.sql(
    "ALTER TABLE a ADD COLUMN k text; UPDATE a SET k = 'x' WHERE ctid = (SELECT min(ctid) FROM a)",
    name,
  );
  await server.sql("UPDATE a SET k = 'y' WHERE k IS NULL", name);
  const other = new pg.Client({
    host: '127.0.0.1',
    port: server.port,
    user: 'queue',
    password: server.password,
    database: name,
  });
  await other.connect();
  t.after(() => other.end());
  // Ours is to be the victim: it finds the deadlock first.
  await other.query("SET deadlock_timeout = '30s'");
  await other.query("BEGIN; UPDATE a SET n = n + 1 WHERE k = 'y'");
  putEntry(self, "UPDATE a SET n = n + 10 WHERE k = 'x'; UPDATE a SET n = n + 10 WHERE k = 'y'");
  await startWorker(self);
  await waitFor('ours to wait', async () => {
    const waiting = await server.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'", name);
    return waiting.length > 0;
  });
  await other.query("UPDATE a SET n = n + 1 WHERE k = 'x'");
  await other.query('COMMIT');
  await drained(self);
  assert.deepEqual(self.names('failed'), []);
  assert.deepEqual(await server.sql('SELECT n FROM a ORDER BY k', name), [{ n: 11 }, { n: 11 }]);
});

test('serialization failures are tried again', { skip }, async (t) => {
  const { self, name } = await place(t, { QUEUE_MAX_RETRIES: '0' });
  await server.sql(`CREATE TABLE c(n int); INSERT INTO c VALUES (0)`, name);
  await server.sql(`ALTER DATABASE ${name} SET default_transaction_isolation = 'serializable'`);
  await startWorker(self);
  const sums = Array.from({ length: 40 }, () => putEntry(self, 'UPDATE c SET n = n + 1'));
  for (let n = 0; n < 40; n++) {
    await server
      .sql('BEGIN ISOLATION LEVEL SERIALIZABLE; UPDATE c SET n = n + 1000; COMMIT', name)
      .catch(() => undefined);
  }
  await drained(self);
  assert.deepEqual(self.names('failed'), []);
  const [row] = await server.sql('SELECT n FROM c', name);
  assert.equal((row?.n as number) % 1000, sums.length);
});

test('an SQLite database and a server from one spool: one that is down holds up no other', {
  skip,
}, async (t) => {
  const { self, texts } = await place(t);
  const other = join(self.dir, 'other.db');
  execute(self, 'CREATE TABLE log(n INTEGER PRIMARY KEY, t)', other);
  await startWorker(self);
  await server.stop();
  const sent = putRows(self, 0, 10);
  for (let n = 0; n < 10; n++) putEntry(self, logs(`local ${n}`), { db: other });
  await waitFor('the file', () => logged(self, other).length === 10);
  assert.deepEqual(await outage(self).then((message) => /secret/.test(message)), false);
  await server.start();
  await drained(self);
  assert.deepEqual(await texts(), sent);
});

test('two spools into one database take nothing of each other, and make the ledger together', {
  skip,
}, async (t) => {
  const one = await place(t);
  const two = project(t, server.env(one.name));
  const three = project(t, server.env(one.name));
  const all = [one.self, two, three];
  // The same names in each: only the spool's own name tells their keys apart.
  for (let n = 0; n < 200; n++) {
    const text = entryText('INSERT INTO log(t) VALUES($1)', { priority: 5, params: [`row ${n}`] });
    for (const self of all) put(self, text, `05_${1_700_000_000_000_000 + n}_1.json`);
  }
  await Promise.all(all.map((self) => once(self)));
  assert.equal((await one.texts()).length, 600);
  assert.deepEqual(
    all.flatMap((self) => self.names('failed')),
    [],
  );
});
