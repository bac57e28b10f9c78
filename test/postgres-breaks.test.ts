/** Moments at which it is not the entry that fails on a PostgreSQL server, though it looks so; and answers that are lost. */
import assert from 'node:assert/strict';
import { chownSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import pg from 'pg';
import { noPostgres, postgresServer, type Server } from './support/postgres.ts';
import { type Project, project, waitFor } from './support/project.ts';
import { drained, logged, logs, once, putEntry, startWorker, stats, withLog } from './support/queue.ts';
import { lossyRelay } from './support/relay.ts';

const skip = noPostgres();
const server = skip ? ({} as Server) : await postgresServer();
let count = 0;

interface Place {
  readonly self: Project;
  readonly name: string;
  readonly rows: (sql: string) => Promise<Record<string, unknown>[]>;
  readonly texts: () => Promise<unknown[]>;
  readonly add: (text: string, more?: object) => string;
}

/** A project whose database has the table `log`. */
async function place(t: TestContext, env: Record<string, string> = {}): Promise<Place> {
  const name = `breaks_${++count}`;
  await server.database(name);
  const rows = (sql: string) => server.sql(sql, name);
  await rows('CREATE TABLE log(n serial, t text)');
  const self = project(t, { ...server.env(name), ...env });
  return {
    self,
    name,
    rows,
    texts: async () => (await rows('SELECT t FROM log ORDER BY n')).map(({ t: text }) => text),
    add: (text, more = {}) =>
      putEntry(self, 'INSERT INTO log(t) VALUES(:t)', { params: { t: text }, ...more }),
  };
}

/** The message of the outage that stats.json names, once there is one. */
async function outage(self: Project): Promise<string> {
  const all = await waitFor('an outage in stats.json', () =>
    Object.values((stats(self).outages ?? {}) as Record<string, { message: string }>).at(0),
  );
  return all.message;
}

for (const [what, sql] of [
  ['a setting', "SET work_mem = '8MB'; INSERT INTO log(t) VALUES('mine')"],
  [
    'a statement outside of transactions',
    "CREATE INDEX CONCURRENTLY log_t ON log(t); INSERT INTO log(t) VALUES('mine')",
  ],
] as const) {
  test(`an entry that begins with ${what} waits for a read-only server as others do`, { skip }, async (t) => {
    const { self, name, rows, texts, add } = await place(t);
    add('first');
    await once(self);
    await rows(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    putEntry(self, sql);
    await startWorker(self);
    assert.match(await outage(self), /read-only/);
    await server.sql(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
    await drained(self);
    assert.deepEqual([await texts(), self.names('failed')], [['first', 'mine'], []]);
  });
}

test('a standby is an outage for every kind of entry, and its promotion the end of that', {
  skip,
}, async (t) => {
  const { self, rows, texts, add } = await place(t);
  add('first');
  await once(self);
  await server.stop();
  // Without a primary to follow it is one all the same: it recovers for ever, and serves reads.
  const signal = join(server.dir, 'data', 'standby.signal');
  writeFileSync(signal, '');
  if (process.getuid?.() === 0) chownSync(signal, 65534, 65534);
  await server.start();
  const kinds = [
    "INSERT INTO log(t) VALUES('plain')",
    "SET work_mem = '8MB'; INSERT INTO log(t) VALUES('set')",
    "BEGIN ISOLATION LEVEL SERIALIZABLE; INSERT INTO log(t) VALUES('serializable'); COMMIT",
    "VACUUM log; INSERT INTO log(t) VALUES('vacuum')",
  ];
  for (const sql of kinds) {
    const name = putEntry(self, sql);
    await once(self, 1, { SQLITE_BUSY_TIMEOUT: '300' });
    assert.deepEqual([self.names('failed'), self.names('pending')], [[], [name]], sql);
    rmSync(join(self.spool, 'pending', name));
  }
  for (const sql of kinds) putEntry(self, sql);
  await startWorker(self);
  assert.match(await outage(self), /25006|read-only|recovery/);
  await rows('SELECT pg_promote()');
  await drained(self);
  assert.deepEqual(await texts(), ['first', 'plain', 'set', 'serializable', 'vacuum']);
  assert.deepEqual(self.names('failed'), []);
});

test('without a ledger a batch waits for a read-only server too', { skip }, async (t) => {
  const { self, name, rows, texts, add } = await place(t, { QUEUE_EXACTLY_ONCE: 'false' });
  await rows(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
  for (const text of ['a', 'b', 'c']) add(text);
  await startWorker(self);
  assert.match(await outage(self), /read-only/);
  await server.sql(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
  await drained(self);
  assert.deepEqual([await texts(), self.names('failed')], [['a', 'b', 'c'], []]);
});

test('a table of the name of the ledger that can not tell keys apart is an outage', { skip }, async (t) => {
  const { self, rows, texts, add } = await place(t);
  await rows('CREATE TABLE _queue_ledger(id text, applied_at bigint)');
  add('one', { id: 'same' });
  add('two', { id: 'same' });
  await startWorker(self);
  assert.match(await outage(self), /BAD_LEDGER/);
  await rows('ALTER TABLE _queue_ledger ADD PRIMARY KEY (id)');
  await drained(self);
  assert.deepEqual([await texts(), self.names('failed')], [['one'], []]);
});

test('a lock is waited for, however short the time of an entry is', { skip }, async (t) => {
  const { self, name, texts, add } = await place(t, { SQLITE_TIMEOUT: '600' });
  await server.sql("INSERT INTO log(t) VALUES ('old')", name);
  const { port, password } = server;
  const other = new pg.Client({ host: '127.0.0.1', port, user: 'queue', password, database: name });
  await other.connect();
  t.after(() => other.end());
  await other.query('BEGIN; UPDATE log SET n = n');
  add('a');
  putEntry(self, "UPDATE log SET t = 'new' WHERE t = 'old'");
  await startWorker(self);
  assert.match(await outage(self), /55P03/);
  await other.query('COMMIT');
  await drained(self);
  assert.deepEqual([(await texts()).sort(), self.names('failed')], [['a', 'new'], []]);
});

test('an entry on a server that is slow for everybody is not to blame for its time', { skip }, async (t) => {
  const { self, rows, texts, add } = await place(t, { SQLITE_TIMEOUT: '2500' });
  add('first');
  await once(self);
  await rows(`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(TG_ARGV[0]::float); RETURN NEW; END $$;
    CREATE TRIGGER slow BEFORE INSERT ON _queue_ledger FOR EACH ROW EXECUTE FUNCTION slow('1.5');
    CREATE TRIGGER slow BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION slow('60')`);
  add('second');
  await startWorker(self);
  assert.match(await outage(self), /57014/);
  await rows('DROP TRIGGER slow ON log; DROP TRIGGER slow ON _queue_ledger');
  await drained(self);
  assert.deepEqual([await texts(), self.names('failed')], [['first', 'second'], []]);
});

test('a server that answers and commits nothing gets no entry again until it does, and holds up nobody', {
  skip,
}, async (t) => {
  const { self, name, texts, add } = await place(t, { SQLITE_TIMEOUT: '500' });
  const relay = await lossyRelay(server.port);
  t.after(() => relay.close());
  await startWorker(self, { HIVE_DB: `postgres://queue@127.0.0.1:${relay.port}/${name}?sslmode=disable` });
  add('first');
  await drained(self);
  relay.hold('COMMIT');
  add('the one');
  await outage(self);
  // What hangs now is a write of the queue's own, which stands between the entry and five deaths.
  await waitFor('another try', () => relay.held >= 3);
  assert.equal(relay.count('the one'), 1);
  withLog(self, self.db);
  for (let n = 0; n < 10; n++) putEntry(self, logs(`local ${n}`), { db: self.db });
  await waitFor('the other database', () => logged(self).length === 10, 10);
  relay.hold(undefined);
  await drained(self);
  assert.deepEqual([await texts(), self.names('failed')], [['first', 'the one'], []]);
});

test('what is committed stays applied when the connection breaks over what comes after', {
  skip,
}, async (t) => {
  for (const [tag, size] of [
    ['DISCARD ALL', '500'],
    ['DEALLOCATE ALL', '1'],
    ['DEALLOCATE ALL', '500'],
    ['VACUUM', '500'],
  ] as const) {
    const { self, name, rows, texts, add } = await place(t, { QUEUE_BATCH_SIZE: size });
    const relay = await lossyRelay(server.port);
    t.after(() => relay.close());
    await rows('CREATE TABLE typed(t int)');
    const typed = (value: unknown, id: string): string =>
      putEntry(self, 'INSERT INTO typed VALUES(:t)', { params: { t: value }, id });
    if (tag === 'DEALLOCATE ALL') {
      // What is prepared for a number is out of date once the column is a text.
      for (let n = 0; n < 3; n++) typed(n, `number ${n}`);
      putEntry(self, 'ALTER TABLE typed ALTER t TYPE text', { id: 'alter' });
      for (let n = 0; n < 3; n++) typed(`text ${n}`, `text ${n}`);
    } else {
      const sql = "INSERT INTO log(t) VALUES('x')";
      putEntry(self, tag === 'VACUUM' ? `${sql}; VACUUM log` : `SET work_mem = '8MB'; ${sql}`, {
        id: 'mine',
      });
    }
    add('last');
    const sent = self.names('pending').length;
    relay.loseAfter(tag);
    const url = `postgres://queue@127.0.0.1:${relay.port}/${name}?sslmode=disable`;
    await once(self, 0, { HIVE_DB: url, SQLITE_BUSY_TIMEOUT: '30000' });
    assert.deepEqual([tag, relay.lost, self.journal().length], [tag, 1, sent]);
    assert.equal((await texts()).at(-1), 'last');
    assert.equal(new Set(self.journal().map(({ key }) => key)).size, sent);
  }
});
