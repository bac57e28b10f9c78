/** The SQLite sink through its interface: what an entry does, and what it can't do to its neighbours. */
import assert from 'node:assert/strict';
import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { type Outcome, openSink, type Sink, type SinkOptions } from '../lib/sink/sink.ts';
import type { Entry, Params } from '../lib/spool/entry.ts';
import { type Project, project } from './support/project.ts';

const OPTIONS: SinkOptions = {
  busyTimeout: 0,
  exactlyOnce: true,
  allowAttach: false,
  mustExist: false,
  createDirectory: true,
};

interface Fixture {
  self: Project;
  sink: Sink;
}

/** A sink on a new database that holds t(a UNIQUE). */
function fixture(t: TestContext, options: Partial<SinkOptions> = {}): Fixture {
  const self = project(t);
  const sink = openSink(self.db, { ...OPTIONS, ...options });
  t.after(() => sink.close());
  assert.deepEqual(batch(sink, 'CREATE TABLE t(a UNIQUE)'), ['applied']);
  return { self, sink };
}

let serial = 0;

function entry(sql: string, params?: Params): Entry {
  const plain = { seq: '1', priority: 5, operation: 'write', sql, metadata: {}, created_at: '', retries: 0 };
  return params === undefined ? plain : { ...plain, params };
}

/** Applies the texts in one transaction under new keys; returns the kinds of their outcomes. */
function batch(sink: Sink, ...texts: string[]): string[] {
  sink.begin();
  const kinds = texts.map((sql) => sink.apply(entry(sql), `k${serial++}`).kind);
  sink.commit();
  return kinds;
}

function alone(sink: Sink, sql: string, key = `k${serial++}`): Outcome {
  return sink.applyAlone(entry(sql), key);
}

function errorOf(outcome: Outcome): { code: string; message: string; hint?: string } {
  assert.ok(outcome.kind === 'failed' || outcome.kind === 'broken', `${outcome.kind} is no error`);
  return outcome.error;
}

const values = (self: Project): unknown[] => self.rows('SELECT a FROM t ORDER BY rowid').map(({ a }) => a);
const ledgerSize = (self: Project): unknown => self.rows('SELECT count(*) AS n FROM _queue_ledger')[0]?.n;

test('a new database is a WAL file of mode 0600 in a directory of mode 0700', (t) => {
  const { self } = fixture(t);
  assert.equal(statSync(self.db).mode & 0o777, 0o600);
  assert.equal(statSync(join(self.dir, '.hive-mind')).mode & 0o777, 0o700);
  assert.equal(self.rows('PRAGMA journal_mode')[0]?.journal_mode, 'wal');
});

const SETTINGS = 'SELECT synchronous || foreign_keys FROM pragma_synchronous, pragma_foreign_keys';

test('synchronous is FULL and foreign_keys OFF, also after entries that changed that', (t) => {
  const { self, sink } = fixture(t);
  assert.deepEqual(batch(sink, `INSERT INTO t ${SETTINGS}`), ['applied']);
  const changed = `PRAGMA synchronous=OFF; PRAGMA foreign_keys=ON; INSERT INTO t ${SETTINGS}`;
  assert.equal(alone(sink, changed).kind, 'applied');
  assert.deepEqual(
    batch(sink, `INSERT INTO t ${SETTINGS} WHERE true ON CONFLICT DO UPDATE SET a = a || ' again'`),
    ['applied'],
  );
  assert.deepEqual(values(self), ['20 again', '01']);
});

test('journal_mode is WAL again after an entry that changed it', (t) => {
  const { self, sink } = fixture(t);
  assert.equal(alone(sink, 'PRAGMA journal_mode = DELETE').kind, 'applied');
  batch(sink, 'INSERT INTO t VALUES(1)');
  assert.equal(self.rows('PRAGMA journal_mode')[0]?.journal_mode, 'wal');
});

test('a database in another journal mode is switched to WAL, or used as it is while a reader has it open', (t) => {
  const { self, sink } = fixture(t);
  sink.close();
  const reader = new Database(self.db);
  t.after(() => reader.close());
  assert.equal(reader.pragma('journal_mode = DELETE', { simple: true }), 'delete');
  const rows = reader.prepare('SELECT a FROM t UNION ALL SELECT 0').iterate();
  rows.next();
  sink.begin();
  assert.equal(sink.apply(entry('INSERT INTO t VALUES(1)'), 'x').kind, 'applied');
  rows.return?.();
  sink.commit();
  assert.equal(reader.pragma('journal_mode', { simple: true }), 'delete');
  sink.close();
  assert.deepEqual(batch(sink, 'INSERT INTO t VALUES(2)'), ['applied']);
  assert.equal(self.rows('PRAGMA journal_mode')[0]?.journal_mode, 'wal');
  assert.deepEqual(values(self), [1, 2]);
});

test('an entry is applied once: a second time it is a duplicate, in the batch, alone, and after reopening', (t) => {
  const { self, sink } = fixture(t);
  const one = entry('INSERT INTO t VALUES(NULL)');
  sink.begin();
  assert.equal(sink.apply(one, 'x').kind, 'applied');
  assert.equal(sink.apply(one, 'x').kind, 'duplicate');
  sink.commit();
  sink.close();
  sink.begin();
  assert.equal(sink.apply(one, 'x').kind, 'duplicate');
  assert.equal(sink.apply(one, 'y').kind, 'applied');
  sink.commit();
  assert.equal(sink.applyAlone(one, 'x').kind, 'duplicate');
  assert.equal(sink.applyAlone(one, 'z').kind, 'applied');
  assert.deepEqual(values(self), [null, null, null]);
  assert.deepEqual(sink.applied(['x', 'y', 'z', "it's", 'nowhere']), new Set(['x', 'y', 'z']));
});

test('the ledger row stands or falls with the entry and with the batch', (t) => {
  const { self, sink } = fixture(t);
  sink.begin();
  assert.equal(sink.apply(entry('INSERT INTO nowhere VALUES(1)'), 'bad').kind, 'failed');
  assert.equal(sink.apply(entry('INSERT INTO t VALUES(1)'), 'good').kind, 'applied');
  sink.rollback();
  assert.deepEqual(sink.applied(['bad', 'good']), new Set());
  sink.begin();
  assert.equal(sink.apply(entry('INSERT INTO nowhere VALUES(1)'), 'bad').kind, 'failed');
  assert.equal(sink.apply(entry('INSERT INTO t VALUES(1)'), 'good').kind, 'applied');
  sink.commit();
  assert.deepEqual(sink.applied(['bad', 'good']), new Set(['good']));
  const [row] = self.rows(
    "SELECT applied_at, typeof(applied_at) AS type FROM _queue_ledger WHERE id = 'good'",
  );
  assert.equal(row?.type, 'integer');
  assert.ok(Math.abs(Number(row?.applied_at) - Date.now()) < 60_000);
});

test('without exactlyOnce there is no ledger, and nothing is a duplicate', (t) => {
  const { self, sink } = fixture(t, { exactlyOnce: false });
  sink.begin();
  for (let time = 0; time < 2; time++)
    assert.equal(sink.apply(entry('INSERT INTO t VALUES(NULL)'), 'x').kind, 'applied');
  sink.commit();
  assert.deepEqual(values(self), [null, null]);
  assert.deepEqual(sink.applied(['x']), new Set());
  assert.deepEqual(self.rows("SELECT name FROM sqlite_schema WHERE name LIKE '%queue%'"), []);
});

test('applied() on a database without a ledger is empty', (t) => {
  const { self } = fixture(t, { exactlyOnce: false });
  const other = openSink(self.db, OPTIONS);
  t.after(() => other.close());
  assert.deepEqual(other.applied(['x']), new Set());
});

/** A bad entry between two good ones: [sql, kind in the batch, what the message says]. */
const faults: [sql: string, code: string, message: RegExp][] = [
  ['INSERT INTO t VALUES(1', 'SQLITE_ERROR', /incomplete input/],
  ['SELEC 1', 'SQLITE_ERROR', /near "SELEC": syntax error/],
  ["SELECT 'open", 'SQLITE_ERROR', /unrecognized token/],
  ['INSERT INTO nowhere VALUES(1)', 'SQLITE_ERROR', /no such table: nowhere/],
  ['INSERT INTO t VALUES("text")', 'SQLITE_ERROR', /no such column: "text"/],
  ["INSERT INTO t VALUES('before')", 'SQLITE_CONSTRAINT_UNIQUE', /UNIQUE constraint failed/],
  ["INSERT INTO t VALUES('part'); INSERT INTO nowhere VALUES(1)", 'SQLITE_ERROR', /no such table/],
  ["INSERT OR FAIL INTO t VALUES('part'), ('before')", 'SQLITE_CONSTRAINT_UNIQUE', /UNIQUE/],
  ["SAVEPOINT s; INSERT INTO t VALUES('part'); RELEASE s; SELEC", 'SQLITE_ERROR', /syntax error/],
  ['CREATE TABLE u(a); INSERT INTO t VALUES(abs(-9223372036854775808))', 'SQLITE_ERROR', /integer overflow/],
  ["SELECT abs(value) FROM json_each('[1,2,-9223372036854775808]')", 'SQLITE_ERROR', /integer overflow/],
  ['COMMIT', 'REFUSED', /one atomic unit/],
  ["INSERT INTO t VALUES('part'); ROLLBACK", 'REFUSED', /one atomic unit/],
  ["ATTACH '/nowhere' AS x", 'REFUSED', /ATTACH is not allowed/],
  ['DROP TABLE _queue_ledger', 'REFUSED', /the worker's own/],
  ['-- nothing', 'EMPTY_SQL', /only comments/],
];

for (const [sql, code, message] of faults) {
  test(`neighbours survive: ${sql}`, (t) => {
    const { self, sink } = fixture(t);
    sink.begin();
    assert.equal(sink.apply(entry("INSERT INTO t VALUES('before')"), 'one').kind, 'applied');
    const outcome = sink.apply(entry(sql), 'two');
    assert.equal(sink.apply(entry("INSERT INTO t VALUES('after')"), 'three').kind, 'applied');
    sink.commit();
    assert.equal(outcome.kind === 'failed' && outcome.transient, false);
    const error = errorOf(outcome);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.deepEqual(values(self), ['before', 'after']);
    assert.deepEqual(self.rows("SELECT name FROM sqlite_schema WHERE name = 'u'"), []);
    assert.deepEqual(sink.applied(['one', 'two', 'three']), new Set(['one', 'three']));
  });
}

const hints: [sql: string, hint: RegExp][] = [
  ['INSERT INTO t VALUES("text")', /Double quotes name a column/],
  ['INSERT INTO nowhere VALUES(1)', /Create the table first/],
  ['SELECT 1; COMMIT', /BEGIN first and COMMIT last/],
];

for (const [sql, hint] of hints) {
  test(`hint for ${sql}`, (t) => assert.match(errorOf(alone(fixture(t).sink, sql)).hint ?? '', hint));
}

const breakers = [
  "INSERT OR ROLLBACK INTO t VALUES('before')",
  "CREATE TRIGGER r BEFORE DELETE ON t BEGIN SELECT RAISE(ROLLBACK, 'no'); END; DELETE FROM t",
];

for (const sql of breakers) {
  test(`broken: ${sql}`, (t) => {
    const { self, sink } = fixture(t);
    batch(sink, "INSERT INTO t VALUES('before')");
    sink.begin();
    assert.equal(sink.apply(entry("INSERT INTO t VALUES('one')"), 'one').kind, 'applied');
    const outcome = sink.apply(entry(sql), 'two');
    assert.equal(outcome.kind, 'broken');
    assert.match(errorOf(outcome).code, /^SQLITE_CONSTRAINT/);
    assert.throws(() => sink.apply(entry('SELECT 1'), 'three'), /no open transaction/);
    assert.deepEqual(sink.applied(['one', 'two']), new Set());
    // As the worker does: the others again, this one alone.
    sink.begin();
    assert.equal(sink.apply(entry("INSERT INTO t VALUES('one')"), 'one').kind, 'applied');
    sink.commit();
    const last = alone(sink, sql, 'two');
    assert.equal(last.kind === 'failed' && last.transient, false);
    assert.deepEqual(values(self), ['before', 'one']);
  });
}

test('OR ROLLBACK that finds no conflict is applied in the batch', (t) => {
  const { self, sink } = fixture(t);
  assert.deepEqual(batch(sink, 'INSERT OR ROLLBACK INTO t VALUES(1)', 'INSERT INTO t VALUES(2)'), [
    'applied',
    'applied',
  ]);
  assert.deepEqual(values(self), [1, 2]);
});

const solos = [
  'VACUUM',
  'PRAGMA query_only = 1',
  'PRAGMA foreign_keys = 1; DELETE FROM t',
  'CREATE TEMP TABLE t(a)',
];

for (const sql of solos) {
  test(`solo: ${sql}`, (t) => {
    const { self, sink } = fixture(t);
    assert.deepEqual(batch(sink, 'INSERT INTO t VALUES(1)', sql, 'INSERT INTO t VALUES(2)'), [
      'applied',
      'solo',
      'applied',
    ]);
    assert.deepEqual(values(self), [1, 2]);
    assert.equal(alone(sink, sql, 'solo').kind, 'applied');
    assert.equal(alone(sink, sql, 'solo').kind, 'duplicate');
    assert.deepEqual(batch(sink, 'INSERT INTO t VALUES(3)'), ['applied']);
    assert.equal(values(self).at(-1), 3);
  });
}

test('VACUUM really runs', (t) => {
  const { self, sink } = fixture(t);
  const numbers = 'WITH RECURSIVE c(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM c LIMIT 200)';
  batch(sink, `INSERT INTO t ${numbers} SELECT randomblob(4000) FROM c`);
  assert.equal(values(self).length, 200);
  const pages = (): number => Number(self.rows('PRAGMA page_count')[0]?.page_count);
  const before = pages();
  assert.equal(alone(sink, 'DELETE FROM t; VACUUM').kind, 'applied');
  assert.ok(pages() < before / 2, `${pages()} of ${before} pages are left`);
  assert.equal(alone(sink, 'VACUUM', 'once').kind, 'applied');
  batch(sink, `INSERT INTO t ${numbers} SELECT randomblob(4000) FROM c`, 'DELETE FROM t');
  assert.equal(alone(sink, 'VACUUM', 'once').kind, 'duplicate');
  assert.ok(pages() > before / 2, 'a duplicate is not run');
});

test('a PRAGMA before a transaction works on it, and the transaction is one unit', (t) => {
  const { self, sink } = fixture(t);
  batch(
    sink,
    'CREATE TABLE child(p REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED); CREATE TABLE parent(id PRIMARY KEY)',
  );
  const sql =
    'PRAGMA foreign_keys = ON; BEGIN; INSERT INTO t VALUES(1); INSERT INTO child VALUES(7); COMMIT;';
  const outcome = alone(sink, sql);
  assert.equal(errorOf(outcome).code, 'SQLITE_CONSTRAINT_FOREIGNKEY');
  assert.deepEqual(values(self), []);
  assert.deepEqual(batch(sink, 'INSERT INTO child VALUES(7)'), ['applied'], 'off again');
});

test('a statement after the transaction that fails says that the rest is applied', (t) => {
  const { self, sink } = fixture(t, { allowAttach: true });
  const outcome = alone(sink, 'INSERT INTO t VALUES(1); DETACH nowhere', 'x');
  assert.equal(outcome.kind === 'failed' && outcome.transient, false);
  assert.match(errorOf(outcome).message, /before it are applied, but the last one failed: no such database/);
  assert.deepEqual(values(self), [1]);
  assert.deepEqual(sink.applied(['x']), new Set(['x']));
});

test('a TEMP object does not stand in the way of later entries', (t) => {
  const { self, sink } = fixture(t);
  assert.equal(alone(sink, "CREATE TEMP TABLE t(a); INSERT INTO t VALUES('temp')").kind, 'applied');
  batch(sink, "INSERT INTO t VALUES('main')");
  assert.deepEqual(values(self), ['main']);
});

test('where it is allowed, ATTACH reaches another database', (t) => {
  const { self, sink } = fixture(t, { allowAttach: true });
  const file = join(self.dir, 'other.db');
  const sql =
    'ATTACH :file AS o; CREATE TABLE o.x AS SELECT 1 AS a; INSERT INTO t SELECT a FROM o.x; DETACH o';
  sink.begin();
  assert.equal(sink.apply(entry(sql, { file }), 'x').kind, 'solo');
  sink.rollback();
  assert.equal(sink.applyAlone(entry(sql, { file }), 'x').kind, 'applied');
  assert.deepEqual(values(self), [1]);
});

test('an attached database that is missing or none is the fault of the entry', (t) => {
  const { self, sink } = fixture(t, { allowAttach: true });
  const outcome = alone(sink, `ATTACH '${self.dir}/no/such.db' AS o`);
  assert.equal(outcome.kind === 'failed' && outcome.transient, true);
  assert.equal(errorOf(outcome).code, 'SQLITE_CANTOPEN');
  writeFileSync(join(self.dir, 'garbage'), 'no database'.repeat(1000));
  const garbage = alone(sink, `ATTACH '${self.dir}/garbage' AS o; INSERT INTO t SELECT a FROM o.t`);
  assert.equal(errorOf(garbage).code, 'SQLITE_NOTADB');
  assert.deepEqual(batch(sink, 'INSERT INTO t VALUES(1)'), ['applied']);
});

test('several statements, rows, RETURNING, transactions around the entry, DDL and use of it', (t) => {
  const { self, sink } = fixture(t);
  const texts = [
    'BEGIN; INSERT INTO t VALUES(1); INSERT INTO t VALUES(2); COMMIT;',
    'SELECT * FROM t',
    'INSERT INTO t VALUES(3) RETURNING a',
    'CREATE TABLE u(x); INSERT INTO u VALUES(4); INSERT INTO t SELECT x FROM u; DROP TABLE u',
    'PRAGMA table_info(t)',
    "SELECT '; COMMIT; '",
  ];
  assert.deepEqual(
    batch(sink, ...texts),
    texts.map(() => 'applied'),
  );
  // Again: now they are prepared.
  assert.deepEqual(
    batch(sink, 'DELETE FROM t', ...texts, 'DELETE FROM t', ...texts).filter((kind) => kind !== 'applied'),
    [],
  );
  assert.deepEqual(values(self), [1, 2, 3, 4]);
});

test('rows of a statement with parameters are stepped to the end, and its errors seen', (t) => {
  const { self, sink } = fixture(t);
  const insert = entry("INSERT INTO t SELECT value FROM json_each(:list) WHERE abs(value) RETURNING 'x'", {
    list: [3, 4],
  });
  const overflow = entry('SELECT abs(value) FROM json_each(:list)', { list: [1, -9223372036854775808n] });
  sink.begin();
  assert.equal(sink.apply(insert, 'a').kind, 'applied');
  assert.match(errorOf(sink.apply(overflow, 'b')).message, /integer overflow/);
  assert.equal(sink.apply(entry('INSERT INTO t VALUES(5)'), 'c').kind, 'applied');
  sink.commit();
  assert.deepEqual(values(self), [3, 4, 5]);
});

test('more texts than the cache holds, each twice, and a table that changes under a prepared statement', (t) => {
  const { self, sink } = fixture(t);
  const texts = Array.from({ length: 600 }, (_, index) => `INSERT INTO t VALUES(:v || '-${index}')`);
  for (const round of ['a', 'b']) {
    sink.begin();
    for (const sql of texts)
      assert.equal(sink.apply(entry(sql, { v: round }), `k${serial++}`).kind, 'applied');
    sink.commit();
  }
  assert.equal(values(self).length, 1200);
  const named = (a: string): Entry => entry('INSERT INTO t SELECT :a', { a });
  sink.begin();
  assert.equal(sink.apply(named('x'), 'x').kind, 'applied');
  assert.equal(sink.apply(entry('DROP TABLE t'), 'drop').kind, 'applied');
  assert.match(errorOf(sink.apply(named('y'), 'y')).message, /no such table: t/);
  assert.equal(sink.apply(entry('CREATE TABLE t(a)'), 'new').kind, 'applied');
  assert.equal(sink.apply(named('z'), 'z').kind, 'applied');
  sink.commit();
  assert.deepEqual(values(self), ['z']);
});

test('10 MB of SQL, as one literal and as many statements', (t) => {
  const { self, sink } = fixture(t);
  const literal = `INSERT INTO t VALUES('${"it''s; é ".repeat(1_000_000)}')`;
  const many = `${'INSERT INTO t VALUES(NULL); '.repeat(3000)}-- ${'x'.repeat(10_000_000)}`;
  assert.deepEqual(batch(sink, literal, many), ['applied', 'applied']);
  assert.deepEqual(self.rows('SELECT max(length(a)) AS longest, count(*) AS n FROM t'), [
    { longest: 8_000_000, n: 3001 },
  ]);
});

test('rollback() and close() can be called at any time; begin() starts afresh', (t) => {
  const { self, sink } = fixture(t);
  sink.begin();
  sink.apply(entry('INSERT INTO t VALUES(1)'), 'x');
  sink.begin();
  sink.apply(entry('INSERT INTO t VALUES(2)'), 'y');
  sink.close();
  sink.close();
  sink.rollback();
  assert.deepEqual(values(self), []);
  assert.deepEqual(batch(sink, 'INSERT INTO t VALUES(3)'), ['applied']);
  assert.deepEqual(values(self), [3]);
});

test('changed() tells when the file was renamed, replaced or removed', (t) => {
  const { self, sink } = fixture(t);
  assert.equal(sink.changed(), false);
  renameSync(self.db, `${self.db}.old`);
  assert.equal(sink.changed(), true);
  renameSync(`${self.db}.old`, self.db);
  assert.equal(sink.changed(), false);
  sink.close();
  assert.equal(sink.changed(), false, 'nothing is open');
  sink.begin();
  sink.rollback();
  const other = openSink(`${self.db}.new`, OPTIONS);
  batch(other, 'CREATE TABLE t(a)');
  other.close();
  renameSync(`${self.db}.new`, self.db);
  assert.equal(sink.changed(), true);
  sink.close();
  for (const suffix of ['-wal', '-shm']) rmSync(self.db + suffix, { force: true });
  batch(sink, 'INSERT INTO t VALUES(1)');
  assert.deepEqual(values(self), [1]);
  assert.equal(ledgerSize(self), 2);
});

test('a URL of an unknown scheme is refused without repeating its password', () => {
  assert.throws(
    () => openSink('mysql://me:secret@host/db', OPTIONS),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, 'USAGE');
      assert.match(error.message, /mysql:\/\/ databases/);
      return !error.message.includes('secret');
    },
  );
  assert.throws(() => openSink('', OPTIONS), { code: 'USAGE' });
  assert.throws(() => openSink('/tmp/x.db ', OPTIONS), { code: 'USAGE' });
});
