/** Entries on PostgreSQL: values, outcomes, what is refused, migrations; on a real server. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { noPostgres, postgresServer, type Server } from './support/postgres.ts';
import { type Project, project } from './support/project.ts';
import { letter, nodeWrite, once, putEntry, stats, workerLog } from './support/queue.ts';

const skip = noPostgres();
const server = skip ? ({} as Server) : await postgresServer();
let count = 0;

type Rows = (sql: string) => Promise<Record<string, unknown>[]>;

async function onServer(
  t: TestContext,
  env: Record<string, string> = {},
): Promise<{ self: Project; rows: Rows; name: string }> {
  const name = `entries_${++count}`;
  await server.database(name);
  const self = project(t, { ...server.env(name), ...env });
  return { self, rows: (sql) => server.sql(sql, name), name };
}

test('entries arrive in order, each with its ledger row and journal line', { skip }, async (t) => {
  const { self, rows } = await onServer(t);
  putEntry(self, 'CREATE TABLE log(n serial PRIMARY KEY, t text)', { priority: 1 });
  const sent = Array.from({ length: 50 }, (_, n) => `row ${n}`);
  for (const text of sent) putEntry(self, 'INSERT INTO log(t) VALUES(:t)', { params: { t: text } });
  await once(self);
  assert.deepEqual(self.names('pending'), []);
  assert.deepEqual(
    (await rows('SELECT t FROM log ORDER BY n')).map(({ t: text }) => text),
    sent,
  );
  assert.deepEqual(await rows('SELECT count(*)::int AS n FROM _queue_ledger'), [{ n: 51 }]);
  assert.equal(self.journal().length, 51);
});

test('values arrive as they are, with the types of their columns', { skip }, async (t) => {
  const { self, rows } = await onServer(t);
  await rows(
    'CREATE TABLE v(a text, b bigint, c double precision, d boolean, e jsonb, f numeric, g text[], h text)',
  );
  const odd = `it's "odd" \\ $1 :x \u{1f600} \n`;
  putEntry(self, 'INSERT INTO v VALUES(:a, :b, :c, :d, :e, :f, :g, :h)', {
    params: {
      a: odd,
      b: 2 ** 53,
      c: 0.1,
      d: true,
      e: { k: [1, null, odd] },
      f: 12.5,
      g: '{x,"y z"}',
      h: null,
    },
  });
  putEntry(self, 'INSERT INTO v(a, e, h) VALUES(:hook, :hook, :hook::jsonb #>> $${tool,name}$$)', {
    params: { hook: '{"tool": {"name": "Bash"}}' },
  });
  putEntry(self, 'INSERT INTO v(b, a, h) VALUES($2, $1, $1); UPDATE v SET c = $3 WHERE b = $2', {
    params: ['third', 7, 1.5],
  });
  await once(self);
  const [first, second, third] = await rows(
    'SELECT *, e::text AS e FROM v ORDER BY a COLLATE "C" = \'third\', c IS NULL',
  );
  assert.deepEqual([first?.a, first?.b, first?.c, first?.d], [odd, String(2 ** 53), 0.1, true]);
  assert.deepEqual(JSON.parse(first?.e as string), { k: [1, null, odd] });
  assert.deepEqual([first?.f, first?.g, first?.h], ['12.5', ['x', 'y z'], null]);
  assert.deepEqual([second?.a, second?.h], ['{"tool": {"name": "Bash"}}', 'Bash']);
  assert.deepEqual([third?.a, third?.b, third?.c, third?.h], ['third', '7', 1.5, 'third']);
});

test('each entry has an outcome of its own, with the SQLSTATE; its neighbours are applied once', {
  skip,
}, async (t) => {
  const { self, rows } = await onServer(t);
  await rows("CREATE TABLE log(n serial, t text UNIQUE, CHECK (t <> 'bad'))");
  await rows('CREATE TABLE parent(id int PRIMARY KEY)');
  await rows('CREATE TABLE child(id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)');
  const cases: Record<string, string> = {
    "INSERT INTO log(t) VALUES('bad')": '23514',
    'INSERT INTO nowhere VALUES(1)': '42P01',
    'INSERT INTO log(t) VALUES(1/0)': '22012',
    'SELEC 1': '42601',
    "INSERT INTO log(t) VALUES('half'); SELECT 1/0": '22012',
    'INSERT INTO child VALUES (1)': '23503',
    "INSERT INTO log(t) VALUES('half'); COMMIT": 'REFUSED',
    ROLLBACK: 'REFUSED',
    'SAVEPOINT a; RELEASE _queue_entry': 'REFUSED',
    'DELETE FROM _queue_ledger': 'REFUSED',
    'DELETE FROM "_queue_ledger"': 'REFUSED',
    'COPY log FROM STDIN': 'REFUSED',
    'CALL queue_insert(1)': 'BAD_ROW',
    'CALL queue_other(1)': 'REFUSED',
    'SELECT 1; VACUUM; SELECT 2': 'REFUSED',
    'SELECT :a': 'BAD_PARAMS',
    '-- nothing': 'EMPTY_SQL',
    'DO $$ BEGIN COMMIT; END $$': '2D000',
    'SET TRANSACTION READ ONLY; INSERT INTO log(t) VALUES(9)': '25006',
  };
  const names = new Map<string, string>();
  const sent: string[] = [];
  for (const sql of Object.keys(cases)) {
    for (const place of ['before', 'after']) {
      if (place === 'after') names.set(sql, putEntry(self, sql));
      sent.push(`${place} ${sql}`);
      putEntry(self, 'INSERT INTO log(t) VALUES(:t)', { params: { t: `${place} ${sql}` } });
    }
  }
  await once(self, 3);
  for (const [sql, name] of names) assert.equal(letter(self, name).code, cases[sql], sql);
  assert.deepEqual(
    (await rows('SELECT t FROM log ORDER BY n')).map(({ t: text }) => text),
    sent,
  );
  assert.equal(self.journal().length, sent.length);
  assert.match(
    letter(self, names.get('INSERT INTO nowhere VALUES(1)') as string).hint ?? '',
    /Create the table/,
  );
});

test('a key that was applied is a duplicate, also twice in one batch and when it is long', {
  skip,
}, async (t) => {
  const { self, rows } = await onServer(t);
  await rows('CREATE TABLE log(n serial, t text)');
  const ids = ['once', 'x'.repeat(5000), `quo"te\\ {},`];
  for (const round of [1, 2]) {
    for (const id of [...ids, ...ids]) putEntry(self, `INSERT INTO log(t) VALUES('${round}')`, { id });
    await once(self);
  }
  assert.deepEqual(await rows('SELECT t, count(*)::int AS n FROM log GROUP BY t'), [{ t: '1', n: 3 }]);
  assert.equal(stats(self).duplicates, 9);
});

test('what needs no transaction, and what changes the session, runs alone and leaves no trace', {
  skip,
}, async (t) => {
  const { self, rows, name } = await onServer(t);
  await rows(
    'CREATE SCHEMA other; CREATE TABLE log(n serial, t text); CREATE TABLE other.log(n serial, t text)',
  );
  const add = (text: string): string => putEntry(self, `INSERT INTO log(t) VALUES('${text}')`);
  add('a');
  putEntry(self, "SET search_path TO other; INSERT INTO log(t) VALUES('elsewhere')");
  add('b');
  putEntry(self, 'CREATE TEMP TABLE log(n serial, t text)');
  add('c');
  putEntry(self, "INSERT INTO log(t) VALUES('d'); CREATE INDEX CONCURRENTLY log_t ON log(t); VACUUM log");
  putEntry(
    self,
    "BEGIN ISOLATION LEVEL SERIALIZABLE; INSERT INTO log(t) SELECT current_setting('transaction_isolation'); COMMIT",
  );
  putEntry(self, 'SELECT set_config($$search_path$$, $$other$$, false)');
  putEntry(self, 'SET statement_timeout = 1');
  add('e');
  putEntry(
    self,
    'CREATE FUNCTION f() RETURNS int LANGUAGE SQL BEGIN ATOMIC SELECT 1; SELECT 2; END; INSERT INTO log(t) SELECT f()',
  );
  await once(self);
  const texts = (await rows('SELECT t FROM log ORDER BY n')).map(({ t: text }) => text);
  assert.deepEqual(texts, ['a', 'b', 'c', 'd', 'serializable', 'e', '2']);
  assert.deepEqual(await rows('SELECT t FROM other.log'), [{ t: 'elsewhere' }]);
  assert.deepEqual(
    await server.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'log_t'::regclass", name),
    [{ indisvalid: true }],
  );
});

test('an entry that runs too long is stopped and is the only one to fail', { skip }, async (t) => {
  const { self, rows } = await onServer(t, { SQLITE_TIMEOUT: '700' });
  await rows('CREATE TABLE log(n serial, t text)');
  for (let n = 0; n < 5; n++) putEntry(self, `INSERT INTO log(t) VALUES('${n}')`);
  const slow = putEntry(self, "INSERT INTO log(t) VALUES('slow'); SELECT pg_sleep(60)");
  for (let n = 5; n < 10; n++) putEntry(self, `INSERT INTO log(t) VALUES('${n}')`);
  await once(self, 3);
  const { code, message, hint } = letter(self, slow);
  assert.deepEqual([code, message], ['57014', 'it ran longer than 700 ms and was stopped']);
  assert.match(hint ?? '', /SQLITE_TIMEOUT/);
  assert.equal((await rows('SELECT * FROM log')).length, 10);
  assert.equal(stats(self).retried, 0);
});

test('an entry that breaks the connection each time is put away, and the others are applied', {
  skip,
}, async (t) => {
  const { self, rows } = await onServer(t);
  await rows('CREATE TABLE log(n serial, t text)');
  for (let n = 0; n < 5; n++) putEntry(self, `INSERT INTO log(t) VALUES('${n}')`);
  const deadly = putEntry(self, 'SELECT pg_terminate_backend(pg_backend_pid())');
  for (let n = 5; n < 10; n++) putEntry(self, `INSERT INTO log(t) VALUES('${n}')`);
  await once(self, 3, { SQLITE_BUSY_TIMEOUT: '30000' });
  assert.equal(letter(self, deadly).code, 'POISON');
  assert.equal((await rows('SELECT * FROM log')).length, 10);
  assert.equal(self.journal().length, 10);
});

for (const size of ['500', '1']) {
  test(`what was prepared for other types fails no entry, QUEUE_BATCH_SIZE=${size}`, { skip }, async (t) => {
    const { self, rows } = await onServer(t, { QUEUE_BATCH_SIZE: size });
    await rows('CREATE TABLE log(t int)');
    const add = (value: unknown): string =>
      putEntry(self, 'INSERT INTO log(t) VALUES(:t)', { params: { t: value } });
    for (let n = 0; n < 5; n++) add(n);
    putEntry(self, 'ALTER TABLE log ALTER t TYPE text');
    for (let n = 0; n < 5; n++) add(`text ${n}`);
    await once(self);
    assert.equal((await rows('SELECT * FROM log')).length, 10);
  });
}

test('migrations are applied once, by two spools at the same time too', { skip }, async (t) => {
  const { self, rows, name } = await onServer(t);
  const other = project(t, server.env(name));
  const file = join(self.dir, 'events.sql');
  const first = '-- schema: events\n-- migration 1: the table\nCREATE TABLE calls(n serial, tool text);\n';
  writeFileSync(file, `${first}-- migration 2: more\nINSERT INTO calls(tool) VALUES('made; once');\n`);
  for (const each of [self, other]) putEntry(each, "INSERT INTO calls(tool) VALUES('x')", { schema: file });
  await Promise.all([once(self), once(other)]);
  assert.deepEqual(await rows('SELECT schema, version, title FROM _queue_migrations ORDER BY version'), [
    { schema: 'events', version: 1, title: 'the table' },
    { schema: 'events', version: 2, title: 'more' },
  ]);
  assert.equal((await rows('SELECT * FROM calls')).length, 3);
  writeFileSync(file, `${first}-- migration 2: more\n-- migration 3: wrong\n\nSELECT 1/0;\n`);
  const bad = putEntry(self, 'SELECT 1', { schema: file });
  await once(self, 3);
  assert.equal(letter(self, bad).code, 'BAD_SCHEMA');
  assert.match(letter(self, bad).message, /line 7.*22012/);
});

test('an entry may name a URL without a password, and one with is refused', { skip }, async (t) => {
  const { rows, name } = await onServer(t);
  await rows('CREATE TABLE log(t text)');
  const self = project(t, { PGPASSWORD: server.password });
  const given = ['--wait', '--db', server.url(name), "INSERT INTO log VALUES('there')"];
  const done = await self.run('queue-write', given);
  assert.deepEqual([done.code, done.stderr], [0, '']);
  assert.deepEqual(await rows('SELECT t FROM log'), [{ t: 'there' }]);
  const url = server.url(name).replace('queue@', 'queue:hidden@');
  for (const run of [
    self.run('queue-write', ['--db', url, 'SELECT 1']),
    nodeWrite(self, ['--db', url, 'SELECT 1']),
  ]) {
    const { code, stderr } = await run;
    assert.equal(code, 2);
    assert.match(stderr, /pgpass/);
    assert.doesNotMatch(stderr, /hidden/);
  }
  await self.run('queue-worker', ['stop']);
  const byHand = putEntry(self, 'SELECT 1', { db: url });
  await once(self, 3);
  assert.equal(letter(self, byHand).code, 'BAD_TARGET');
  assert.doesNotMatch(workerLog(self), /hidden/);
});

test('a direct write is there when it returns', { skip }, async (t) => {
  const { self, rows } = await onServer(t, { USE_QUEUE: 'false' });
  await rows('CREATE TABLE log(t text)');
  const done = await self.run('queue-write', ["INSERT INTO log VALUES('direct')"]);
  assert.deepEqual([done.code, done.stderr], [0, '']);
  assert.deepEqual(await rows('SELECT t FROM log'), [{ t: 'direct' }]);
  const failing = await self.run('queue-write', ['INSERT INTO nowhere VALUES(1)']);
  assert.equal(failing.code, 1);
  assert.match(failing.stderr, /42P01/);
  const nobody = await self.run('queue-write', ['SELECT 1'], {
    env: { HIVE_DB: 'postgres://queue@127.0.0.1:1/x', SQLITE_BUSY_TIMEOUT: '200' },
  });
  assert.equal(nobody.code, 1);
  assert.match(nobody.stderr, /ECONNREFUSED/);
});

test('queue-init, --verify and queue-status know a server, and show no password', { skip }, async (t) => {
  const { self, name, rows } = await onServer(t);
  const env = {
    HIVE_DB: server.url(name).replace('queue@', `queue:${encodeURIComponent(server.password)}@`),
    PGPASSWORD: '',
  };
  const init = await self.run('queue-init', [], { env });
  assert.equal(init.code, 0, init.stderr);
  assert.equal((await rows("SELECT to_regclass('_queue_ledger') IS NOT NULL AS there"))[0]?.there, true);
  const verify = await self.run('queue-init', ['--verify'], { env });
  assert.match(verify.stdout, /a write transaction can be started/);
  const status = await self.run('queue-status', ['--json'], { env });
  assert.equal((JSON.parse(status.stdout) as { database: { state: string } }).database.state, 'remote');
  const maint = await self.run('queue-maint', ['backup'], { env });
  assert.equal(maint.code, 2);
  const wrong = await self.run('queue-init', ['--verify'], {
    env: { PGPASSWORD: 'wrong', SQLITE_BUSY_TIMEOUT: '500' },
  });
  assert.match(wrong.stdout, /28P01/);
  assert.doesNotMatch(wrong.stdout, /^ok +ledger/m, 'nobody has looked at it');
  for (const { stdout, stderr } of [init, verify, status, maint, wrong])
    assert.doesNotMatch(stdout + stderr, /secret/);
});
