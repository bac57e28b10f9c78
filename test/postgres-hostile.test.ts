/** Entries that do to their PostgreSQL session, and to the ledger, what they should not: the others are none the worse. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { noPostgres, postgresServer, type Server } from './support/postgres.ts';
import { type Project, project } from './support/project.ts';
import { letter, once, putEntry, workerLog } from './support/queue.ts';

const skip = noPostgres();
const server = skip ? ({} as Server) : await postgresServer();
let count = 0;

interface Place {
  readonly self: Project;
  readonly name: string;
  readonly rows: (sql: string) => Promise<Record<string, unknown>[]>;
  readonly texts: (table?: string) => Promise<unknown[]>;
  /** Puts an entry that adds a text to the table `log`. */
  readonly add: (text: string, more?: object) => string;
}

/** A project whose database has the table `log`. */
async function place(t: TestContext, { env = {}, options = '' } = {}): Promise<Place> {
  const name = `hostile_${++count}`;
  await server.sql(`CREATE DATABASE ${name} ${options}`);
  const rows = (sql: string) => server.sql(sql, name);
  await rows('CREATE TABLE log(n serial, t text)');
  const self = project(t, { ...server.env(name), ...env });
  return {
    self,
    name,
    rows,
    texts: async (table = 'log') =>
      (await rows(`SELECT t FROM ${table} ORDER BY n`)).map(({ t: text }) => text),
    add: (text, more = {}) =>
      putEntry(self, 'INSERT INTO log(t) VALUES(:t)', { params: { t: text }, ...more }),
  };
}

test('more parameters than a statement can have are the fault of their entry alone', { skip }, async (t) => {
  const { self, texts, add } = await place(t);
  add('before');
  const letters = [65_536, 200_000].map((length) => {
    const list = Array.from({ length }, (_, index) => `($${index + 1})`).join(',');
    return putEntry(self, `INSERT INTO log(t) VALUES ${list}`, { params: new Array(length).fill('x') });
  });
  const places = Array.from({ length: 65_535 }, (_, index) => `$${index + 1}`).join(',');
  putEntry(self, `INSERT INTO log(t) SELECT 'most' WHERE 'x' IN (${places})`, {
    params: new Array(65_535).fill('x'),
  });
  add('after');
  await once(self, 3);
  for (const name of letters) assert.equal(letter(self, name).code, 'BAD_PARAMS');
  assert.deepEqual(await texts(), ['before', 'most', 'after']);
});

test('what a DO block or a function sets in the session ends with it', { skip }, async (t) => {
  const { self, rows, texts, add } = await place(t, { env: { QUEUE_BATCH_SIZE: '1' } });
  await rows('CREATE SCHEMA other; CREATE TABLE other.log(n serial, t text)');
  await rows(`CREATE FUNCTION elsewhere() RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN PERFORM set_config('search_path', 'other', false), set_config('TimeZone', 'Asia/Tokyo', false); END $$`);
  add('a');
  putEntry(self, 'DO $$ BEGIN SET search_path TO other; END $$');
  add('b');
  putEntry(self, 'SELECT elsewhere()');
  add('c');
  await once(self);
  assert.deepEqual(await texts(), ['a', 'b', 'c']);
  assert.deepEqual(await texts('other.log'), []);
});

test('a key that the encoding of the database lacks is a key like any other', { skip }, async (t) => {
  const options = "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0";
  const { self, texts, add } = await place(t, { options });
  add('a');
  add('b', { id: 'ключ' });
  add('c', { id: 'ключ' });
  const lost = add('текст');
  add('d', { id: 'κλειδί' });
  await once(self, 3);
  assert.deepEqual(await texts(), ['a', 'b', 'd']);
  assert.equal(letter(self, lost).code, '22P05');
});

test('an entry whose transaction the server ends by ending the session is put away', { skip }, async (t) => {
  const { self, texts, add } = await place(t);
  add('a');
  const slow = putEntry(self, 'SET LOCAL transaction_timeout = 100; SELECT pg_sleep(1)');
  add('b');
  await once(self, 3, { SQLITE_BUSY_TIMEOUT: '30000' });
  assert.equal(letter(self, slow).code, 'POISON');
  assert.match(letter(self, slow).message, /transaction timeout \(25P04\)/);
  assert.deepEqual(await texts(), ['a', 'b']);
});

test('an entry that drops the ledger behind a function holds up nobody', { skip }, async (t) => {
  const { self, rows, texts, add } = await place(t);
  await rows(`CREATE FUNCTION away() RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN EXECUTE 'DROP TABLE _queue_ledger'; END $$`);
  add('a');
  putEntry(self, 'SELECT away()');
  add('b');
  const bad = putEntry(self, 'SELECT 1/0');
  add('c');
  await once(self, 3, { SQLITE_BUSY_TIMEOUT: '30000' });
  assert.equal(letter(self, bad).code, '22012');
  assert.deepEqual(await texts(), ['a', 'b', 'c']);
});

test('an entry may be another role than the one that keeps the ledger', { skip }, async (t) => {
  const { self, rows, texts, add, name } = await place(t);
  await rows(
    `CREATE ROLE ${name}; CREATE TABLE report(n serial, t text); ALTER TABLE report OWNER TO ${name}`,
  );
  add('a');
  putEntry(self, `SET ROLE ${name}; INSERT INTO report(t) VALUES (current_user)`);
  putEntry(self, `SET SESSION AUTHORIZATION ${name}; INSERT INTO report(t) VALUES (session_user)`);
  putEntry(
    self,
    `SET ROLE ${name}; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; RESET ROLE;
     INSERT INTO log(t) SELECT current_setting('transaction_isolation')`,
  );
  add('b');
  const result = await once(self, 3);
  // The ledger's row comes after what must come first, and that role may not write it.
  assert.match(
    result.stdout + result.stderr + workerLog(self),
    /42501: permission denied for table _queue_ledger/,
  );
  assert.deepEqual(await texts(), ['a', 'b']);
  assert.deepEqual(await texts('report'), [name, name]);
});

test('a prepared statement that is gone is prepared again', { skip }, async (t) => {
  const { self, rows, texts, add } = await place(t, { env: { QUEUE_BATCH_SIZE: '2' } });
  await rows(`CREATE FUNCTION gone() RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$`);
  for (let n = 0; n < 7; n++) add(`a ${n}`);
  putEntry(self, 'SELECT gone()');
  for (let n = 0; n < 6; n++) add(`b ${n}`);
  const own = putEntry(self, 'EXECUTE nothing');
  await once(self, 3);
  assert.equal((await texts()).length, 13);
  assert.equal(letter(self, own).code, '26000');
  assert.doesNotMatch(workerLog(self), /waiting|tried again/);
});

test('an entry of very many statements is stopped, and takes no longer for each of them', {
  skip,
}, async (t) => {
  const { self, texts, add } = await place(t);
  add('before');
  const dump = putEntry(self, 'SELECT pg_sleep(0.001);\n'.repeat(3000));
  add('after');
  await once(self, 3, { SQLITE_TIMEOUT: '300' });
  assert.equal(letter(self, dump).code, '57014');
  assert.doesNotMatch(workerLog(self), /waiting/);
  const whole = putEntry(self, `${'SELECT 1;\n'.repeat(25_000)}INSERT INTO log(t) VALUES('whole')`);
  await once(self, 0, { SQLITE_TIMEOUT: '60000' });
  assert.ok(!self.names('failed').includes(whole));
  assert.deepEqual(await texts(), ['before', 'after', 'whole']);
});
