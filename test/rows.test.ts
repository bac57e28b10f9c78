/** Structured rows: queue-write --table, queue_insert and insert(), from a JSON object to the row in its table. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { fakeWorker, spooled } from './support/producer.ts';
import { DIST, type Project, project, QUEUE_LIB, ROOT } from './support/project.ts';
import {
  execute,
  letter,
  nodeWrite,
  noStrace,
  once,
  putEntry,
  startNoWorker,
  write,
} from './support/queue.ts';

const { openQueue, QueueError } = (await import(
  pathToFileURL(join(DIST, 'index.mjs')).href
)) as typeof import('../lib/index.ts');

const TABLE =
  'CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT UNIQUE, n, g GENERATED ALWAYS AS (n) VIRTUAL)';
const CALL = 'CALL queue_insert(:table, :data)';

/** A project whose database has the tables, and that starts no worker. */
function withTable(t: Parameters<typeof project>[0], sql = TABLE): Project {
  const self = project(t);
  execute(self, sql);
  startNoWorker(self);
  return self;
}

/** What becomes of entries for rows: of each its error, or ''. */
async function fates(self: Project, entries: readonly { params: object; sql?: string }[]): Promise<string[]> {
  const names = entries.map(({ params, sql = CALL }) => putEntry(self, sql, { params }));
  await self.run('queue-worker', ['--once']);
  assert.deepEqual(self.names('pending'), []);
  const failed = new Set(self.names('failed'));
  return names.map((name) => {
    if (!failed.has(name)) return '';
    const { code, message } = letter(self, name);
    return `${code}: ${message}`;
  });
}

test('a row arrives by queue-write, queue_insert and insert(), as one entry of one form', async (t) => {
  const self = withTable(t);
  await write(
    self,
    '--table',
    't',
    '--data',
    '{"id":1,"name":"a"}',
    '--source',
    's',
    '--hash-fields',
    'name',
  );
  const bash = await self.bash(`queue_insert t '{"id":2,"name":"b"}' s name`);
  assert.deepEqual([bash.code, bash.stdout, bash.stderr], [0, '', '']);
  const parts = { table: 't', data: { id: 3, name: 'c' }, source: 's', hashFields: ['name'] };
  openQueue(self.env).insert(parts);
  const entries = spooled(self).map(({ entry }) => entry);
  assert.deepEqual(
    entries.map(({ sql, operation, priority }) => [sql, operation, priority]),
    Array(3).fill(['CALL queue_insert(:table, :data, :source, :hash_fields)', 'insert', 5]),
  );
  assert.deepEqual(entries[1]?.params, { ...entries[0]?.params, data: '{"id":2,"name":"b"}' });
  await once(self);
  assert.deepEqual(self.rows('SELECT id, name FROM t'), [
    { id: 1, name: 'a' },
    { id: 2, name: 'b' },
    { id: 3, name: 'c' },
  ]);
  assert.deepEqual(self.rows('SELECT tbl, row_key, source FROM _queue_hashes ORDER BY row_key').at(2), {
    tbl: 't',
    row_key: 3,
    source: 's',
  });
});

test('queue_insert takes two to four arguments, long and odd values, and says what is missing', async (t) => {
  const self = withTable(t, 'CREATE TABLE "odd ""name"(a, "b c")');
  const long = 'ü"\\\n'.repeat(5000);
  for (const shell of ['bash', 'dash']) {
    const library = `QUEUE_HOME=${ROOT}; . "${QUEUE_LIB}"`;
    const script = `set -eu; ${library}; queue_insert "$1" "$2"; queue_insert "$1" '{"a":2}' ''; queue_insert "$1" '{"a":"${shell}"}' '' a`;
    const result = await self.run(shell, ['-c', script, shell, 'odd "name', JSON.stringify({ 'b c': long })]);
    assert.deepEqual([result.code, result.stderr], [0, ''], shell);
    for (const args of ["''", "t ''", '']) {
      const refused = await self.run(shell, ['-c', `${library}; queue_insert ${args}`]);
      assert.deepEqual([refused.code, refused.stderr], [2, 'queue_insert: TABLE or JSON is missing\n']);
    }
  }
  await once(self);
  const rows = self.rows('SELECT a, "b c" AS b FROM "odd ""name"');
  assert.deepEqual(rows, [
    { a: null, b: long },
    { a: 2, b: null },
    { a: 'bash', b: null },
    { a: null, b: long },
    { a: 2, b: null },
    { a: 'dash', b: null },
  ]);
});

test('values keep their kind and all their digits', async (t) => {
  const self = withTable(t, 'CREATE TABLE v(k, v)');
  const values: [json: string, type: string, text: string | null][] = [
    ['"text"', 'text', 'text'],
    ['""', 'text', ''],
    ['"a\\u0000b"', 'text', 'a\0b'],
    ['9007199254740993', 'integer', '9007199254740993'],
    ['-9223372036854775808', 'integer', '-9223372036854775808'],
    ['1.5', 'real', '1.5'],
    ['true', 'integer', '1'],
    ['false', 'integer', '0'],
    ['null', 'null', null],
    ['{"b":[1, 9007199254740993,{"a":null}]}', 'text', '{"b":[1,9007199254740993,{"a":null}]}'],
    ['[]', 'text', '[]'],
  ];
  for (const [k, [json]] of values.entries())
    await write(self, '--table', 'v', '--data', `{"k":${k},"v":${json}}`);
  await once(self);
  assert.deepEqual(
    self
      .rows('SELECT typeof(v) AS type, CAST(v AS TEXT) AS text FROM v ORDER BY k')
      .map((row) => [row.type, row.text]),
    values.map(([, type, text]) => [type, text]),
  );
});

const faults: [what: string, params: object, error: RegExp][] = [
  ['a table that is not there', { table: 'tt', data: '{"n":1}' }, /^BAD_ROW: there is no table "tt"; .*"t"/],
  ['a column that is not there', { table: 't', data: '{"nam":1}' }, /no column "nam"; it has "name"/],
  ['a generated column', { table: 't', data: '{"g":1}' }, /column "g" of "t" is generated/],
  ['a column twice', { table: 't', data: '{"name":1,"NAME":2}' }, /two fields for the column "NAME"/],
  ['a name twice', { table: 't', data: '{"n":1,"\\u006e":2}' }, /the name "n" twice/],
  [
    'a name twice, deep',
    { table: 't', data: '{"n":[{"a":"}:","b":{}},{"a":1,"a":2}]}' },
    /the name "a" twice/,
  ],
  ['a view', { table: 'v', data: '{"n":1}' }, /"v" is no ordinary table but a view/],
  ['a virtual table', { table: 'f', data: '{"n":1}' }, /"f" is no ordinary table but a virtual table/],
  ['a shadow table', { table: 'f_data', data: '{"id":1}' }, /a part of a virtual table/],
  ['the ledger', { table: '_Queue_ledger', data: '{"id":"x","applied_at":1}' }, /not for rows/],
  ['the hashes', { table: '_queue_hashes', data: '{"tbl":"x"}' }, /not for rows/],
  ["SQLite's own table", { table: 'SQLITE_SEQUENCE', data: '{"name":"x"}' }, /not for rows/],
  ['a conflict', { table: 't', data: '{"name":"there"}' }, /^SQLITE_CONSTRAINT_UNIQUE: .*t\.name/],
  ['a missing value', { table: 'm', data: '{"b":1}' }, /^SQLITE_CONSTRAINT_NOTNULL: .*m\.a/],
  ['no object', { table: 't', data: '[{"n":1}]' }, /data must be a JSON object/],
  ['null', { table: 't', data: 'null' }, /data must be a JSON object/],
  ['an empty object', { table: 't', data: '{}' }, /no field/],
  ['no JSON', { table: 't', data: '{"n":secret}' }, /data is not JSON: Unexpected token 's'$/],
  [
    'a number that is too large',
    { table: 't', data: '{"n":9223372036854775808}' },
    /field "n" is 9223372036854775808/,
  ],
  ['a lone surrogate', { table: 't', data: '{"n":"\\ud800"}' }, /"n" holds a lone surrogate/],
  ['a lone surrogate, deep', { table: 't', data: '{"n":[{"\\udc00":1}]}' }, /"n" holds a lone surrogate/],
  ['deep nesting', { table: 't', data: `{"n":${'['.repeat(1e5)}${']'.repeat(1e5)}}` }, /nested deeper/],
  ['a prototype', { table: 't', data: '{"__proto__":{"n":1}}' }, /no column "__proto__"/],
  ['U+0000 in a name', { table: 't\0', data: '{"n":1}' }, /there is no table "t\\u0000"/],
  ['a number for a table', { table: 5, data: '{"n":1}' }, /table must be text/],
  ['an empty table', { table: '', data: '{"n":1}' }, /table is empty/],
];
const injections = [
  't(n) VALUES(1); DROP TABLE t; --',
  't"; DROP TABLE t; --',
  'main"."t',
  "t' OR 1=1",
  't) SELECT * FROM t --',
  '[t]',
  'temp.t',
];

test('what can not be a row is a dead letter that says why, and changes nothing', async (t) => {
  const self = withTable(
    t,
    `${TABLE}; CREATE VIEW v AS SELECT * FROM t; CREATE TABLE m(a NOT NULL, b); CREATE VIRTUAL TABLE f USING fts5(n);
    INSERT INTO t(id, name) VALUES(1, 'there'); CREATE TABLE q(x INTEGER PRIMARY KEY AUTOINCREMENT)`,
  );
  const before = self.rows('SELECT * FROM t');
  const wrong = await fates(
    self,
    faults.map(([, params]) => ({ params })),
  );
  for (const [i, [what, , error]] of faults.entries()) assert.match(wrong[i] ?? '', error, what);
  const tables = await fates(
    self,
    injections.map((table) => ({ params: { table, data: '{"n":1}' } })),
  );
  for (const error of tables) assert.match(error, /^BAD_ROW: there is no table/);
  const columns = await fates(
    self,
    injections.map((name) => ({ params: { table: 't', data: JSON.stringify({ [name]: 1 }) } })),
  );
  for (const error of columns) assert.match(error, /^BAD_ROW: .* has no column/);
  assert.deepEqual(self.rows('SELECT * FROM t'), before);
  // What is wrong with a row is not to be the next one's fault.
  assert.deepEqual(await fates(self, [{ params: { table: 'T', data: '{"NAME":"after"}' } }]), ['']);
});

test('tables and columns with the oddest names take rows', async (t) => {
  const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
  const names = [...injections, 'ünï', 'select', '__proto__', 'rowid', '?', ':a'];
  const columns = names.map(quoted).join();
  const self = withTable(t, names.map((name) => `CREATE TABLE ${quoted(name)}(${columns});`).join(''));
  const data = `{${names.map((name, i) => `${JSON.stringify(name)}:${i}`).join()}}`;
  for (const table of names)
    putEntry(self, `${CALL.slice(0, -1)}, :hash_fields)`, { params: { table, data, hash_fields: names } });
  await once(self);
  for (const name of names) {
    const list = names.map((column, i) => `${quoted(column)} AS c${i}`).join();
    const row = Object.values(self.rows(`SELECT ${list} FROM ${quoted(name)}`)[0] ?? {});
    assert.deepEqual(row, [...names.keys()], name);
  }
});

test('a call of any other form is refused', async (t) => {
  const self = withTable(t);
  const params = { table: 't', data: '{"n":1}' };
  const calls: [sql: string, params: object, error: RegExp][] = [
    ['CALL other(:table)', { table: 't' }, /^REFUSED: CALL other: .*queue_insert alone/],
    [`${CALL}; SELECT 1`, params, /^REFUSED: .*entry of its own/],
    [`INSERT INTO t(n) VALUES(1); ${CALL}`, params, /^REFUSED: .*entry of its own/],
    ['CALL queue_insert(:data, :table)', params, /^BAD_ROW: the call is not/],
    ['CALL queue_insert(:table)', { table: 't' }, /^BAD_ROW: the call is not/],
    ['CALL queue_insert(:table, :data, :other)', { ...params, other: '' }, /^BAD_ROW: the call is not/],
    ["CALL queue_insert('t', :data)", params, /^BAD_ROW: the call is not/],
    [CALL, { table: 't' }, /^BAD_PARAMS: .*:data/],
    [CALL, { ...params, source: 's' }, /^BAD_PARAMS: .*source/],
    [`${CALL.slice(0, -1)}, :on_conflict)`, { ...params, on_conflict: 'abort' }, /on_conflict is "abort"/],
    [
      `${CALL.slice(0, -1)}, :hash_fields)`,
      { ...params, hash_fields: 'n,q' },
      /hash field "q" is not in data/,
    ],
    [`${CALL.slice(0, -1)}, :hash_fields)`, { ...params, hash_fields: 'n,' }, /an empty name/],
    [
      `${CALL.slice(0, -1)}, :hash_fields, :content_hash)`,
      { ...params, hash_fields: 'n', content_hash: 'x' },
      /exclude each other/,
    ],
  ];
  const errors = await fates(
    self,
    calls.map(([sql, given]) => ({ sql, params: given })),
  );
  for (const [i, [sql, , error]] of calls.entries()) assert.match(errors[i] ?? '', error, sql);
  assert.deepEqual(self.rows('SELECT * FROM t'), []);
  const loose = '-- a row\ncall  queue_insert ( :table,:data ) ;';
  assert.deepEqual(await fates(self, [{ params, sql: loose }]), ['']);
  assert.equal(self.rows('SELECT * FROM t').length, 1);
});

test('a conflict fails, is ignored, replaces or updates', async (t) => {
  const self = withTable(t);
  const put = (data: string, how: string): string =>
    putEntry(self, `${CALL.slice(0, -1)}, :on_conflict)`, { params: { table: 't', data, on_conflict: how } });
  putEntry(self, CALL, { params: { table: 't', data: '{"id":1,"name":"a","n":1}' } });
  put('{"id":5,"name":"a"}', 'ignore');
  await once(self);
  assert.deepEqual(self.rows('SELECT id, name, n FROM t'), [{ id: 1, name: 'a', n: 1 }]);
  put('{"name":"a","n":2}', 'update');
  await once(self);
  assert.deepEqual(self.rows('SELECT id, name, n FROM t'), [{ id: 1, name: 'a', n: 2 }]);
  put('{"id":5,"name":"a"}', 'replace');
  await once(self);
  assert.deepEqual(self.rows('SELECT id, name, n FROM t'), [{ id: 5, name: 'a', n: null }]);
});

test('queue-write and insert() refuse at once what no table can take', async (t) => {
  const self = withTable(t);
  const queue = openQueue(self.env);
  for (const data of ['{"n":', '[]', '{"n":1,"n":2}', '{"n":9223372036854775808}', '']) {
    const result = await nodeWrite(self, ['--table', 't', '--data', data]);
    assert.equal(result.code, 2, `${data}: ${result.stderr}`);
    assert.throws(
      () => queue.insert({ table: 't', data }),
      (error) => error instanceof QueueError && error.code === 'BAD_ENTRY',
    );
  }
  for (const args of [
    ['--table', 't'],
    ['--data', '{}'],
    ['--table', 't', '--data', '{"n":1}', 'SELECT 1'],
    ['--table', 't', '--data', '{"n":1}', '--param', 'a=b'],
  ]) {
    assert.equal((await nodeWrite(self, args)).code, 2, args.join(' '));
  }
  assert.throws(() => queue.insert({ table: 't', data: { n: new Uint8Array(2) } }), /binary/);
  assert.deepEqual(self.names('pending'), []);
  const result = await nodeWrite(self, ['--table', 't', '--data', '-'], { input: '{"n":"stdin"}' });
  assert.equal(result.code, 0, result.stderr);
  queue.insert({ table: 't', data: { n: 2n ** 62n, name: undefined }, priority: 1, operation: 'mine' });
  await once(self);
  assert.deepEqual(self.rows('SELECT CAST(n AS TEXT) AS n FROM t ORDER BY id'), [
    { n: String(2n ** 62n) },
    { n: 'stdin' },
  ]);
});

test('with USE_QUEUE=false a row goes to the table at once', async (t) => {
  const self = withTable(t);
  const env = { USE_QUEUE: 'false' };
  const args = ['--table', 't', '--data', '{"n":1}', '--hash-fields', 'n', '--wait'];
  assert.deepEqual((await self.run('queue-write', args, { env })).stdout, '');
  assert.equal(
    (await self.run('queue-write', args, { env })).stdout,
    'duplicate: the row is there already\n',
  );
  assert.equal((await self.bash(`queue_insert t '{"n":1}' '' n`, [], { env })).code, 0);
  const wrong = await self.bash(`queue_insert t '{"q":1}'`, [], { env });
  assert.deepEqual([wrong.code, /no column "q"/.test(wrong.stderr)], [1, true]);
  assert.deepEqual(
    openQueue({ ...self.env, ...env }).insert({ table: 't', data: { n: 1 }, hashFields: ['n'] }),
    {
      name: undefined,
      isDuplicateRow: true,
    },
  );
  assert.equal(self.rows('SELECT * FROM t').length, 1);
});

test('queue_insert starts no process while a worker is alive', { skip: noStrace() }, async (t) => {
  const self = withTable(t);
  fakeWorker(self);
  const file = join(self.dir, 'trace');
  const script = `. "${QUEUE_LIB}"; queue_insert t '{"name":"a","n":"$x"}'; queue_insert t "{\\"n\\":\\"${'x'.repeat(3000)}\\"}" src n,name`;
  const strace = ['-f', '-qq', '-e', 'trace=process', '-o', file, 'bash', '-c', script];
  const result = await self.run('strace', strace);
  assert.deepEqual([result.code, result.stdout, result.stderr], [0, '', '']);
  const trace = readFileSync(file, 'utf8');
  assert.deepEqual(trace.match(/ (clone3?|v?fork)\(/g), null);
  assert.equal(trace.match(/ execve(at)?\(.* = 0$/gm)?.length, 1);
  assert.equal(spooled(self).length, 2);
});
