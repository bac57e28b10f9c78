/** Structured rows on PostgreSQL: tables, types, conflicts, content hashes; on a real server. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { noPostgres, postgresServer, type Server } from './support/postgres.ts';
import { DIST, type Project, project } from './support/project.ts';
import { background, letter, once, putEntry, stats } from './support/queue.ts';

const skip = noPostgres();
const server = skip ? ({} as Server) : await postgresServer();
let count = 0;

interface Place {
  readonly self: Project;
  readonly name: string;
  readonly rows: (sql: string) => Promise<Record<string, unknown>[]>;
}

async function onServer(t: TestContext, ...sql: readonly string[]): Promise<Place> {
  const name = `rows_${++count}`;
  await server.database(name);
  const rows: Place['rows'] = (text) => server.sql(text, name);
  for (const text of sql) await rows(text);
  return { self: project(t, server.env(name)), name, rows };
}

function put(
  self: Project,
  table: string,
  data: object | string,
  more: Record<string, unknown> = {},
): string {
  const parts = ['source', 'hash_fields', 'content_hash', 'on_conflict'].filter((part) => part in more);
  const sql = `CALL queue_insert(${['table', 'data', ...parts].map((part) => `:${part}`).join(', ')})`;
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  return putEntry(self, sql, { params: { table, data: text, ...more } });
}

/** Writes a row of t, and waits until it is there. */
async function wrote(self: Project, data: string): Promise<void> {
  const result = await self.run('queue-write', ['--wait', '--table', 't', '--data', data]);
  assert.equal(result.code, 0, result.stderr);
}

/** What became of entries: of each its error, or ''. */
async function fates(self: Project, names: readonly string[]): Promise<string[]> {
  await self.run('queue-worker', ['--once']);
  assert.deepEqual(self.names('pending'), []);
  const failed = new Set(self.names('failed'));
  return names.map((name) => {
    if (!failed.has(name)) return '';
    const { code, message } = letter(self, name);
    return `${code}: ${message}`;
  });
}

test('fields become columns of their types, by queue-write and directly too', { skip }, async (t) => {
  const { self, rows } = await onServer(
    t,
    'CREATE TABLE v(a text, b bigint, c double precision, d boolean, e jsonb, f numeric, g varchar(3), h int DEFAULT 7)',
  );
  const odd = `it's "odd" \\ $1 :x \u{1f600} \n`;
  const big = '9007199254740993';
  put(
    self,
    'v',
    `{"a":${JSON.stringify(odd)},"b":${big},"c":0.1,"d":true,"e":{"k":[1,null]},"f":12.5,"g":null}`,
  );
  put(self, 'V', { A: true, h: false });
  const data = ['--table', 'v', '--data', '{"a":"direct"}'];
  await once(self);
  const queued = await self.run('queue-write', ['--wait', ...data]);
  assert.equal(queued.code, 0, queued.stderr);
  const direct = await self.run('queue-write', data, { env: { USE_QUEUE: 'false' } });
  assert.equal(direct.code, 0, direct.stderr);
  const [first, second, ...others] = await rows('SELECT * FROM v ORDER BY b NULLS LAST, h, a');
  assert.deepEqual(
    [first?.a, first?.b, first?.c, first?.d, first?.e, first?.f, first?.g, first?.h],
    [odd, big, 0.1, true, { k: [1, null] }, '12.5', null, 7],
  );
  assert.deepEqual([second?.a, second?.h], ['1', 0]);
  assert.deepEqual(
    others.map(({ a, h }) => [a, h]),
    [
      ['direct', 7],
      ['direct', 7],
    ],
  );
});

test('a table is found along the search path, as a name with its schema, and after it was changed', {
  skip,
}, async (t) => {
  const { self, rows } = await onServer(
    t,
    'CREATE SCHEMA "Other"',
    'CREATE TABLE "Other"."Mixed"(a int)',
    'CREATE TABLE t(a int)',
    'CREATE FUNCTION make() RETURNS void LANGUAGE sql AS $$ CREATE TABLE late(a int) $$',
  );
  const names = [
    put(self, 'Other.Mixed', { a: 1 }),
    put(self, 't', { a: 1 }),
    putEntry(self, 'ALTER TABLE t ADD b int; CREATE TABLE u(a int)'),
    put(self, 't', { a: 2, b: 2 }),
    put(self, 'u', { a: 1 }),
    putEntry(self, 'SELECT make()'),
    put(self, 'late', { a: 1 }),
    putEntry(self, 'ALTER TABLE t DROP b'),
    put(self, 't', { a: 3, b: 3 }),
    put(self, 't', { a: 4 }),
  ];
  assert.deepEqual(
    (await fates(self, names)).map((fate, at) => (fate === '' ? '' : `${at} ${fate}`)).filter(Boolean),
    ['8 BAD_ROW: the table "public.t" has no column "b"; it has "a"'],
  );
  assert.deepEqual(await rows('SELECT a FROM t ORDER BY a'), [{ a: 1 }, { a: 2 }, { a: 4 }]);
  assert.deepEqual(
    await rows('SELECT (SELECT a FROM u) + (SELECT a FROM late) + (SELECT a FROM "Other"."Mixed") AS n'),
    [{ n: 3 }],
  );
});

test('a change that another session makes while the worker has its look is seen', { skip }, async (t) => {
  const { self, rows } = await onServer(t, 'CREATE TABLE t(a int, b int)');
  await wrote(self, '{"a":1,"b":1}');
  await rows('ALTER TABLE t DROP b');
  await rows('ALTER TABLE t ADD c int');
  await wrote(self, '{"a":2,"c":2}');
  await rows('ALTER TABLE t RENAME TO gone');
  const refused = await self.run('queue-write', ['--wait', '--table', 't', '--data', '{"a":3}']);
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /there is no table "t"/);
  assert.deepEqual(await rows('SELECT a, c FROM gone ORDER BY a'), [
    { a: 1, c: null },
    { a: 2, c: 2 },
  ]);
});

test('what does not fit is said with names, and its neighbours are written', { skip }, async (t) => {
  const { self, rows } = await onServer(
    t,
    'CREATE TABLE t(id int PRIMARY KEY, name text NOT NULL, g int GENERATED ALWAYS AS (id * 2) STORED)',
    'CREATE VIEW w AS SELECT 1 AS a',
  );
  const bad: [string, object | string, RegExp][] = [
    ['tt', { id: 1 }, /^BAD_ROW: there is no table "tt"; the search path has "t"/],
    ['w', { a: 1 }, /^BAD_ROW: "w" is no ordinary table but a view/],
    ['_queue_ledger', { id: 1 }, /^BAD_ROW: .* is not for rows/],
    ['pg_catalog.pg_class', { relname: 'x' }, /^BAD_ROW: .* is not for rows/],
    ['t', { id: 1, nam: 'x' }, /^BAD_ROW: the table "public\.t" has no column "nam"; it has "name"/],
    ['t', { id: 1, ID: 2 }, /^BAD_ROW: data has two fields for the column "ID"/],
    ['t', { g: 1 }, /^BAD_ROW: the column "g" .* is generated/],
    ['t', {}, /^BAD_ROW: data holds no field/],
    ['t', { id: 1, name: 'a\0b' }, /^BAD_ROW: the field "name" holds U\+0000/],
    ['t', { id: 'x', name: 'x' }, /^22P02: /],
    ['t', { id: 1 }, /^23502: /],
  ];
  const names = bad.map(([table, data]) => put(self, table, data));
  names.push(put(self, 't', { id: 7, name: 'good' }));
  names.push(putEntry(self, 'CALL queue_insert(:table)', { params: { table: 't' } }));
  names.push(putEntry(self, 'CALL queue_other(1)'));
  const found = await fates(self, names);
  for (const [at, [, , expected]] of bad.entries()) assert.match(found[at] as string, expected);
  assert.equal(found[bad.length], '');
  assert.match(found[bad.length + 1] as string, /^BAD_ROW: the call is not CALL queue_insert/);
  assert.match(found[bad.length + 2] as string, /^REFUSED: CALL queue_other/);
  assert.deepEqual(await rows('SELECT id, name, g FROM t'), [{ id: 7, name: 'good', g: 14 }]);
});

test('on_conflict: by the primary key, else the only unique key, else an error that says so', {
  skip,
}, async (t) => {
  const { self, rows } = await onServer(
    t,
    "CREATE TABLE p(id int PRIMARY KEY, u int UNIQUE, v text DEFAULT 'none')",
    'CREATE TABLE o(a int NOT NULL UNIQUE, v text)',
    'CREATE TABLE m(a int UNIQUE, b int UNIQUE)',
    'CREATE TABLE n(a int)',
    "INSERT INTO p VALUES(1, 1, 'old'), (2, 2, 'old'), (3, 3, 'old'); INSERT INTO o VALUES(1, 'old')",
  );
  const good = [
    put(self, 'p', { id: 1, v: 'x' }, { on_conflict: 'ignore' }),
    put(self, 'p', { id: 9, u: 1 }, { on_conflict: 'ignore' }),
    put(self, 'p', { id: 2, v: 'updated' }, { on_conflict: 'update' }),
    put(self, 'p', { id: 3, u: 33 }, { on_conflict: 'replace' }),
    put(self, 'o', { a: 1, v: 'updated' }, { on_conflict: 'update' }),
    put(self, 'n', { a: 1 }, { on_conflict: 'ignore' }),
  ];
  const bad = [
    put(self, 'p', { id: 1 }),
    put(self, 'p', { id: 9, u: 1 }, { on_conflict: 'update' }),
    put(self, 'm', { a: 1 }, { on_conflict: 'update' }),
    put(self, 'n', { a: 1 }, { on_conflict: 'replace' }),
  ];
  const found = await fates(self, [...good, ...bad]);
  assert.deepEqual(
    found.map((fate) => fate.slice(0, 7)),
    ['', '', '', '', '', '', '23505: ', '23505: ', 'BAD_ROW', 'BAD_ROW'],
  );
  assert.match(found[8] as string, /no primary key and several unique keys/);
  assert.match(found[9] as string, /no primary key and no unique key/);
  assert.deepEqual(await rows('SELECT * FROM p ORDER BY id'), [
    { id: 1, u: 1, v: 'old' },
    { id: 2, u: 2, v: 'updated' },
    { id: 3, u: 33, v: 'none' },
  ]);
  assert.deepEqual(await rows('SELECT * FROM o'), [{ a: 1, v: 'updated' }]);
  assert.deepEqual([stats(self).processed, stats(self).duplicates], [4, 2]);
});

test('a row is a duplicate while the row of its hash is there; without a primary key, for good', {
  skip,
}, async (t) => {
  const { self, rows } = await onServer(
    t,
    'CREATE TABLE k(a int, b text, c text, PRIMARY KEY(b, a))',
    'CREATE TABLE n(a int, c text)',
  );
  const hash = { hash_fields: 'a', source: 'here' };
  put(self, 'k', { a: 1, b: 'x"', c: 'first' }, hash);
  put(self, 'k', { a: 1, b: 'y', c: 'again' }, hash);
  put(self, 'n', { a: 1, c: 'first' }, hash);
  put(self, 'n', { a: 1, c: 'again' }, hash);
  await once(self);
  assert.deepEqual(await rows('SELECT c FROM k'), [{ c: 'first' }]);
  assert.deepEqual(await rows('SELECT c FROM n'), [{ c: 'first' }]);
  assert.deepEqual([stats(self).processed, stats(self).duplicates], [2, 2]);
  assert.deepEqual(
    self.journal().map((line) => line.duplicate_row),
    [undefined, true, undefined, true],
  );
  assert.deepEqual(await rows('SELECT tbl, row_key, source FROM _queue_hashes ORDER BY tbl'), [
    { tbl: 'public.k', row_key: '["x\\"", 1]', source: 'here' },
    { tbl: 'public.n', row_key: null, source: 'here' },
  ]);
  await rows('DELETE FROM k; DELETE FROM n');
  put(self, 'k', { a: 1, b: 'y', c: 'back' }, hash);
  put(self, 'n', { a: 1, c: 'back' }, hash);
  // The place of a row belongs to what was written there last.
  put(self, 'k', { a: 1, b: 'y', c: 'other' }, { content_hash: 'mine', on_conflict: 'update' });
  put(self, 'k', { a: 1, b: 'z', c: 'free' }, hash);
  // A row without a hash takes claims away as well.
  put(self, 'k', { a: 1, b: 'y', c: 'plain' }, { on_conflict: 'update' });
  put(self, 'k', { a: 2, b: 'w', c: 'mine again' }, { content_hash: 'mine' });
  await once(self);
  assert.deepEqual(await rows('SELECT b, c FROM k ORDER BY b'), [
    { b: 'w', c: 'mine again' },
    { b: 'y', c: 'plain' },
    { b: 'z', c: 'free' },
  ]);
  assert.deepEqual(await rows('SELECT c FROM n'), []);
});

test('spools that insert the same contents at once make each row once', { skip }, async (t) => {
  const { self, rows, name } = await onServer(t, 'CREATE TABLE t(id serial PRIMARY KEY, a int)');
  const spools = [self, project(t, server.env(name)), project(t, server.env(name))];
  for (let a = 0; a < 300; a++) {
    for (const spool of spools) put(spool, 't', { a }, { hash_fields: 'a' });
  }
  const workers = spools.map((spool) => background(t, spool, join(DIST, 'queue-worker'), ['--once']));
  for (const worker of workers) assert.equal(await worker.ended, 0);
  assert.deepEqual(await rows('SELECT count(*)::int AS n, count(DISTINCT a)::int AS d FROM t'), [
    { n: 300, d: 300 },
  ]);
  const sum = (name: string): number => spools.reduce((all, spool) => all + Number(stats(spool)[name]), 0);
  assert.deepEqual([sum('processed'), sum('duplicates'), sum('failed')], [300, 600, 0]);
});
