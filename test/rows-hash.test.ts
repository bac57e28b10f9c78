/** Content hashes of structured rows: what is a duplicate, what is none, and that no crash makes a row twice. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { exactJson } from '../lib/exact-json.ts';
import { canonicalJson, hashOf } from '../lib/sink/row.ts';
import { SEED } from './support/faults.ts';
import { DIST, type Project, project, waitFor } from './support/project.ts';
import {
  background,
  execute,
  letter,
  once,
  putEntry,
  startNoWorker,
  stats,
  unless,
  write,
} from './support/queue.ts';

const HASHED = 'CALL queue_insert(:table, :data, :hash_fields)';

function withTable(t: TestContext, sql: string): Project {
  const self = project(t);
  execute(self, sql);
  startNoWorker(self);
  return self;
}

/** Puts a row into the queue, hashed over these fields. */
function put(self: Project, table: string, data: object, fields: string): string {
  return putEntry(self, HASHED, { params: { table, data: JSON.stringify(data), hash_fields: fields } });
}

const duplicatesOf = (self: Project): unknown => stats(self).duplicates;

for (const [what, sql, key] of [
  ['rowids', 'CREATE TABLE t(a, b, c)', 'rowid'],
  ['a column called rowid', 'CREATE TABLE t(a, b, c, rowid)', 'oid'],
  ['a primary key and no rowid', 'CREATE TABLE t(a, b, c, PRIMARY KEY(b, a)) WITHOUT ROWID', 'a'],
] as const) {
  test(`with ${what} a row is a duplicate while the row of its hash is there, and only then`, async (t) => {
    const self = withTable(t, sql);
    const rows = (): unknown[] => self.rows('SELECT a, b, c FROM t ORDER BY a');
    put(self, 't', { a: 1, b: 1.5, c: 'first' }, 'a,b');
    put(self, 't', { a: 1, b: 1.5, c: 'again' }, 'b, a');
    const third = put(self, 't', { b: 1.5, a: 1, c: 'later' }, 'a,b');
    await once(self);
    assert.deepEqual(rows(), [{ a: 1, b: 1.5, c: 'first' }]);
    assert.equal(duplicatesOf(self), 2);
    assert.equal(stats(self).processed, 1);
    assert.deepEqual(
      self.journal().map((line) => line.duplicate_row),
      [undefined, true, true],
    );
    assert.equal(self.journal().at(2)?.name, third);
    // SQLite gives the rowid to the next row: that is not the row of the hash.
    execute(self, 'DELETE FROM t');
    put(self, 't', { a: 2, b: 2, c: 'other' }, 'a');
    put(self, 't', { a: 1, b: 1.5, c: 'back' }, 'a,b');
    await once(self);
    assert.deepEqual(rows(), [
      { a: 1, b: 1.5, c: 'back' },
      { a: 2, b: 2, c: 'other' },
    ]);
    assert.equal(duplicatesOf(self), 2);
    assert.equal(self.rows(`SELECT count(DISTINCT row_key) AS n FROM _queue_hashes`)[0]?.n, 2, key);
  });
}

test('a key of any kind finds its row again', async (t) => {
  const self = withTable(t, "CREATE TABLE t(k DEFAULT (unhex('00ff')), a, PRIMARY KEY(k)) WITHOUT ROWID");
  const keys = ['"text"', '"\\u0000"', '9007199254740993', '0.1', '1e300', '9e999', undefined];
  for (const _twice of [1, 2]) {
    for (const [a, k] of keys.entries()) {
      const data = k === undefined ? `{"a":${a}}` : `{"k":${k},"a":${a}}`;
      putEntry(self, HASHED, { params: { table: 't', data, hash_fields: ['a'] } });
    }
  }
  await once(self);
  assert.equal(self.rows('SELECT * FROM t').length, keys.length);
  assert.equal(duplicatesOf(self), keys.length);
});

test('VACUUM leaves every hash with its row, in a table without a key as well', async (t) => {
  const self = withTable(t, 'CREATE TABLE t(a)');
  for (const a of [1, 2, 3, 4]) put(self, 't', { a }, 'a');
  await once(self);
  execute(self, 'DELETE FROM t WHERE a = 2; VACUUM');
  for (const a of [1, 2, 3, 4]) put(self, 't', { a }, 'a');
  await once(self);
  assert.deepEqual(self.rows('SELECT a FROM t ORDER BY a'), [{ a: 1 }, { a: 2 }, { a: 3 }, { a: 4 }]);
  // It is in no column's way, and a table of the old one's name gets its own.
  execute(
    self,
    'ALTER TABLE t ADD COLUMN b; ALTER TABLE t DROP COLUMN a; ALTER TABLE t RENAME TO u; CREATE TABLE t(a)',
  );
  put(self, 't', { a: 1 }, 'a');
  await once(self);
  const [indexes] = self.rows(
    "SELECT count(*) AS n FROM sqlite_schema WHERE name LIKE '\\_queue\\_rowids%' ESCAPE '\\'",
  );
  assert.equal(indexes?.n, 2);
});

test('a row that is written over gives up its hash; one that is ignored gets none', async (t) => {
  const self = withTable(t, 'CREATE TABLE t(k PRIMARY KEY, v)');
  const sql = 'CALL queue_insert(:table, :data, :content_hash, :on_conflict)';
  const send = (v: number, hash: string, how: string): string =>
    putEntry(self, sql, {
      params: { table: 't', data: `{"k":1,"v":${v}}`, content_hash: hash, on_conflict: how },
    });
  const v = (): unknown => self.rows('SELECT v FROM t')[0]?.v;
  send(1, 'one', 'update');
  send(2, 'two', 'update');
  await once(self);
  assert.equal(v(), 2);
  // What it was once, it is no more: this is news.
  send(1, 'one', 'update');
  await once(self);
  assert.equal(v(), 1);
  assert.equal(duplicatesOf(self), 0);
  send(3, 'three', 'ignore');
  await once(self);
  assert.equal(v(), 1);
  assert.equal(duplicatesOf(self), 1);
  // Written without a hash, too.
  putEntry(self, 'CALL queue_insert(:table, :data, :on_conflict)', {
    params: { table: 't', data: '{"k":1,"v":4}', on_conflict: 'replace' },
  });
  send(3, 'three', 'replace');
  await once(self);
  assert.equal(v(), 3);
  // The row that had this hash was replaced by one that has none.
  send(1, 'one', 'replace');
  await once(self);
  assert.equal(v(), 1);
  assert.equal(duplicatesOf(self), 1);
});

test('rows that fail, tables that change and rows that follow them share a batch', async (t) => {
  const self = withTable(t, 'CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES(1); CREATE TABLE u(a)');
  const sql = (text: string): string => putEntry(self, text);
  // The first makes the table of hashes, and takes it back with itself; the next schema has the same version.
  const bad = put(self, 't', { a: 1 }, 'a');
  sql('CREATE TABLE w(x)');
  putEntry(self, 'CALL queue_insert(:table, :data)', { params: { table: 't', data: '{"a":2}' } });
  put(self, 't', { a: 3 }, 'a');
  put(self, 'u', { a: 1 }, 'a');
  sql('ALTER TABLE u ADD COLUMN b');
  put(self, 'u', { a: 1, b: 2 }, 'b');
  sql('ALTER TABLE u DROP COLUMN a');
  const gone = put(self, 'u', { a: 2, b: 3 }, 'b');
  put(self, 'u', { b: 4 }, 'b');
  sql('DROP TABLE u; CREATE TABLE u(b PRIMARY KEY) WITHOUT ROWID');
  put(self, 'u', { b: 4 }, 'b');
  const afterwards = putEntry(self, "INSERT INTO _queue_hashes VALUES('t', 'x', 1, NULL, 0)");
  await once(self, 3);
  assert.deepEqual(self.names('failed'), [bad, gone, afterwards].sort());
  assert.equal(letter(self, bad).code, 'SQLITE_CONSTRAINT_UNIQUE');
  assert.match(letter(self, gone).message, /no column "a"/);
  assert.equal(letter(self, afterwards).code, 'REFUSED');
  assert.deepEqual(self.rows('SELECT a FROM t'), [{ a: 1 }, { a: 2 }, { a: 3 }]);
  assert.deepEqual(self.rows('SELECT * FROM u'), [{ b: 4 }]);
});

test('--wait says that a row is there already', async (t) => {
  const self = project(t);
  execute(self, 'CREATE TABLE t(a)');
  const args = ['--table', 't', '--data', '{"a":1}', '--hash-fields', 'a', '--wait', '30'];
  const results = [await self.run('queue-write', args), await self.run('queue-write', args)];
  assert.deepEqual(
    results.map(({ code, stdout, stderr }) => [code, stdout, stderr]),
    [
      [0, '', ''],
      [0, 'duplicate: the row is there already\n', ''],
    ],
  );
});

test('eight producers at once write the same rows: each is there once', async (t) => {
  const self = project(t);
  execute(self, 'CREATE TABLE t(a, who)');
  const script = `for i in {1..50}; do queue_insert t "{\\"a\\":$i,\\"who\\":$1}" "$1" a || exit; done`;
  const results = await Promise.all(Array.from({ length: 8 }, (_, who) => self.bash(script, [String(who)])));
  for (const { code, stderr } of results) assert.deepEqual([code, stderr], [0, '']);
  await waitFor('all entries to be applied', () => self.journal().length === 400);
  assert.equal(self.rows('SELECT * FROM t').length, 50);
  assert.equal(self.rows('SELECT DISTINCT a FROM t').length, 50);
  assert.equal(self.journal().filter((line) => line.duplicate_row).length, 350);
  await waitFor('the statistics', () => duplicatesOf(self) === 350);
});

test('SIGKILL of the worker makes no row twice and loses none', async (t) => {
  const self = withTable(t, 'CREATE TABLE t(a, n)');
  for (let n = 0; n < 2000; n++) put(self, 't', { a: n % 500, n }, 'a');
  for (const mark of [1900, 1500, 1100, 700, 300]) {
    const worker = background(t, self, join(DIST, 'queue-worker'), ['run', '--once'], {
      QUEUE_BATCH_SIZE: '50',
    });
    await waitFor(`${mark} entries to be left`, () => self.names('pending').length <= mark);
    process.kill(worker.pid, 'SIGKILL');
    await worker.ended;
  }
  await once(self);
  assert.deepEqual(
    self.rows('SELECT a, n FROM t ORDER BY n').map(({ a, n }) => [a, n]),
    Array.from({ length: 500 }, (_, n) => [n, n]),
  );
  assert.equal(self.rows('SELECT * FROM _queue_hashes').length, 500);
  assert.equal(self.journal().length, 2000);
});

test('a restore replays rows and knows the hashes of its backup', async (t) => {
  const self = withTable(t, 'CREATE TABLE t(a)');
  put(self, 't', { a: 1 }, 'a');
  await once(self);
  const backup = await self.run('queue-maint', ['backup', '--json']);
  assert.equal(backup.code, 0, backup.stderr);
  const { path } = JSON.parse(backup.stdout) as { path: string };
  put(self, 't', { a: 1 }, 'a');
  put(self, 't', { a: 2 }, 'a');
  put(self, 't', { a: 2 }, 'a');
  await once(self);
  execute(self, 'DELETE FROM t; DELETE FROM _queue_hashes');
  const restore = await self.run('queue-maint', ['restore', path, '--yes', '--json']);
  assert.equal(restore.code, 0, restore.stderr);
  const { applied, duplicates } = JSON.parse(restore.stdout) as Record<string, unknown>;
  assert.deepEqual([applied, duplicates], [1, 2]);
  assert.deepEqual(self.rows('SELECT a FROM t'), [{ a: 1 }, { a: 2 }]);
  put(self, 't', { a: 2 }, 'a');
  await once(self);
  assert.equal(self.rows('SELECT a FROM t').length, 2);
});

const noPython = { skip: unless('python3', ['-c', ''], 'python3') };

test("Python's json and hashlib make the same hash", noPython, async (t) => {
  const self = withTable(t, 'CREATE TABLE t(a, b, c, d)');
  const data =
    '{"d":{"z":[1,2.5,null,true],"a":"ü\\"\\\\\\n\\u0001\\u007f😀"},"b":9007199254740993,"a":"x","c":-0.001}';
  await write(self, '--table', 't', '--data', data, '--hash-fields', 'd,b,c');
  await once(self);
  const program = `import hashlib, json, sys
row = json.loads(sys.argv[1])
text = json.dumps({k: row[k] for k in ('b', 'c', 'd')}, sort_keys=True, separators=(',', ':'), ensure_ascii=False)
print(hashlib.sha256(text.encode()).hexdigest())`;
  const python = await self.run('python3', ['-c', program, data], { env: { PYTHONUTF8: '1' } });
  assert.deepEqual(
    self.rows('SELECT hash FROM _queue_hashes'),
    [{ hash: python.stdout.trim() }],
    python.stderr,
  );
});

test('the hash is of the content, however its text is laid out', () => {
  const order = fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.jsonValue()), { minLength: 1 });
  fc.assert(
    fc.property(order, (pairs) => {
      const one = Object.fromEntries(pairs);
      const other = Object.fromEntries([...Object.entries(one)].reverse());
      const hash = (data: Record<string, unknown>) =>
        hashOf({ table: '', data, hashFields: Object.keys(data).filter((name) => name !== '__proto__') });
      assert.equal(hash(one), hash(other));
      assert.deepEqual(JSON.parse(canonicalJson(one)), JSON.parse(exactJson(one)));
    }),
    { seed: SEED },
  );
});

test('any JSON object that fits a table comes back as it was', async (t) => {
  const self = withTable(t, 'CREATE TABLE t(a, b, "c d", __proto__)');
  const text = fc.string({ unit: 'binary' }).filter((value) => value.isWellFormed());
  // Between 2^63 and 1e21 JSON.stringify writes a double as a whole number, which is refused: it has too many digits.
  const double = fc.double({ noNaN: true, noDefaultInfinity: true });
  const fits = (value: number): boolean => Math.abs(value) < 2 ** 63 || Math.abs(value) >= 1e21;
  const number = fc.oneof(fc.maxSafeInteger(), double.filter(fits));
  const scalar = fc.oneof(text, number, fc.boolean(), fc.constant(null));
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      scalar,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(text, tie('value'), { maxKeys: 4 }),
    ),
  }));
  const names = ['a', 'b', 'c d', '__proto__'];
  const objects = fc.sample(fc.tuple(value, value, value, value), { seed: SEED, numRuns: 200 });
  for (const [id, values] of objects.entries()) {
    const data = `{${names.map((name, i) => `${JSON.stringify(name)}:${JSON.stringify(values[i])}`).join()}}`;
    putEntry(self, 'CALL queue_insert(:table, :data)', { params: { table: 't', data }, id: `${id}` });
  }
  await once(self);
  const rows = self.rows('SELECT a, b, "c d" AS c, __proto__ AS d FROM t ORDER BY rowid');
  assert.equal(rows.length, objects.length);
  for (const [id, values] of objects.entries()) {
    const row = Object.values(rows[id] ?? {});
    for (const [i, sent] of values.entries()) {
      const is = typeof sent === 'object' && sent !== null ? JSON.parse(row[i] as string) : row[i];
      // SQLite has one zero, and 1 for true; through JSON, as it was sent.
      const was = typeof sent === 'boolean' ? Number(sent) : (JSON.parse(JSON.stringify(sent)) as unknown);
      assert.deepEqual(is, was, `row ${id}: ${JSON.stringify(values)}`);
    }
  }
});
