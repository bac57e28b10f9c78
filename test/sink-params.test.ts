/** Binding: which values reach the database, and which are refused. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { openSink } from '../lib/sink/sink.ts';
import type { Entry, Params } from '../lib/spool/entry.ts';
import { parseEntry, serializeEntry } from '../lib/spool/entry.ts';
import { type Project, project } from './support/project.ts';

function entry(sql: string, params?: Params): Entry {
  const plain = { seq: '1', priority: 5, operation: 'write', sql, metadata: {}, created_at: '', retries: 0 };
  return params === undefined ? plain : { ...plain, params };
}

/** Applies one entry to a new database with t(a, b, c, d); returns the rows, or the error as `code: message`. */
function apply(t: TestContext, ...entries: Entry[]): unknown[][] | string {
  const self: Project = project(t);
  const options = {
    busyTimeout: 0,
    exactlyOnce: true,
    allowAttach: false,
    mustExist: false,
    createDirectory: true,
  };
  const sink = openSink(self.db, options);
  t.after(() => sink.close());
  sink.begin();
  sink.apply(entry('CREATE TABLE t(a, b, c, d)'), 'create');
  for (const [index, one] of entries.entries()) {
    const outcome = sink.apply(one, `key-${index}`);
    if (outcome.kind === 'failed') return `${outcome.error.code}: ${outcome.error.message}`;
    assert.equal(outcome.kind, 'applied');
  }
  sink.commit();
  return self.rows('SELECT a, typeof(a) AS x, b, c, d FROM t').map(({ a, x, b, c, d }) => [a, x, b, c, d]);
}

const cells: [title: string, value: unknown, stored: unknown, type: string][] = [
  ['text', "it's; \n\t\\ 🦉 \u0001", "it's; \n\t\\ 🦉 \u0001", 'text'],
  ['text with U+0000', 'a\0b', 'a\0b', 'text'],
  ['empty text', '', '', 'text'],
  ['BigInt', 5n, 5, 'integer'],
  ['whole number', 5, 5, 'integer'],
  ['fraction', 0.5, 0.5, 'real'],
  ['too large for a safe integer', 2 ** 60, 2 ** 60, 'real'],
  ['minus zero', -0, -0, 'real'],
  ['true', true, 1, 'integer'],
  ['false', false, 0, 'integer'],
  ['null', null, null, 'null'],
  ['object', { a: [1, 'x'] }, '{"a":[1,"x"]}', 'text'],
  ['array', [1, null], '[1,null]', 'text'],
  ['a Date, as JSON writes it', new Date(0), '1970-01-01T00:00:00.000Z', 'text'],
  ['BigInt inside JSON', { a: 9223372036854775808n }, '{"a":9223372036854775808}', 'text'],
];

for (const [title, value, stored, type] of cells) {
  test(`value: ${title}`, (t) => {
    const rows = apply(t, entry('INSERT INTO t(a) VALUES(:a)', { a: value }));
    assert.deepEqual(rows, [[stored, type, null, null, null]]);
  });
}

test('int64 limits keep every digit, through the entry file as well', (t) => {
  const sql = 'INSERT INTO t VALUES(CAST(:lo AS TEXT), CAST(:hi AS TEXT), typeof(:lo), typeof(:hi))';
  const written = entry(sql, { lo: -9223372036854775808n, hi: 9223372036854775807n });
  const read = parseEntry(Buffer.from(serializeEntry(written)), '05_1.json');
  const row = ['-9223372036854775808', 'text', '9223372036854775807', 'integer', 'integer'];
  assert.deepEqual(apply(t, written, read), [row, row]);
});

test('a name used twice, in two statements, with either sigil, is bound everywhere', (t) => {
  const rows = apply(
    t,
    entry('INSERT INTO t VALUES(:a, @b, $a, :a || :b); INSERT INTO t(b) VALUES(:b)', { b: 'B', a: 'A' }),
  );
  assert.deepEqual(rows, [
    ['A', 'text', 'B', 'A', 'AB'],
    [null, 'null', 'B', null, null],
  ]);
});

test('__proto__ is a name like any other', (t) => {
  const params = JSON.parse('{"__proto__":"P","constructor":"C"}') as Params;
  assert.deepEqual(apply(t, entry('INSERT INTO t(a, b) VALUES(:__proto__, :constructor)', params)), [
    ['P', 'text', 'C', null, null],
  ]);
});

test('an array fills ? from left to right across statements', (t) => {
  const rows = apply(
    t,
    entry('INSERT INTO t(a, b) VALUES(?, ?); INSERT INTO t(a) VALUES(?)', ['x', 'y', 'z']),
  );
  assert.deepEqual(rows, [
    ['x', 'text', 'y', null, null],
    ['z', 'text', null, null, null],
  ]);
});

test('?NNN takes values by number: any order, repeated, with a gap', (t) => {
  const rows = apply(
    t,
    entry('INSERT INTO t(a, b, c) VALUES(?4, ?1, ?4); INSERT INTO t(a) VALUES(?2)', ['1', '2', '3', '4']),
  );
  assert.deepEqual(rows, [
    ['4', 'text', '1', '4', null],
    ['2', 'text', null, null, null],
  ]);
});

test('the same text again, with other values', (t) => {
  const one = (a: string): Entry => entry('INSERT INTO t(a, b) VALUES(:a, :a)', { a });
  assert.deepEqual(
    apply(t, one('1'), one('2'), one('3')),
    ['1', '2', '3'].map((a) => [a, 'text', a, null, null]),
  );
});

const NAMED = 'INSERT INTO t(a, b) VALUES(:a, :b)';
const PLAIN = 'INSERT INTO t(a, b) VALUES(?, ?)';
const faults: [title: string, sql: string, params: unknown, message: RegExp][] = [
  ['no params at all', NAMED, undefined, /without a value: :a, :b$/],
  ['one missing', NAMED, { b: 1 }, /without a value: :a$/],
  ['one missing, one misspelt', NAMED, { A: 1, b: 2 }, /without a value: :a; params holds A$/],
  ['surplus', NAMED, { a: 1, b: 2, x: 3, y: 4 }, /does not use: x, y$/],
  ['inherited is missing', 'INSERT INTO t(a) VALUES(:toString)', {}, /without a value: :toString/],
  [
    'params for SQL without any',
    'INSERT INTO t(a) VALUES(1)',
    { x: 1 },
    /no parameters, but params holds 1 parameter: x/,
  ],
  ['array for names', NAMED, [1, 2], /named parameters \(:a, :b\), so params must be an object/],
  ['object for ?', PLAIN, { a: 1, b: 2 }, /2 parameters without a name, so params must be an array/],
  ['too few', PLAIN, [1], /the SQL has 2 parameters, but params holds 1 parameter$/],
  ['too many', PLAIN, [1, 2, 3], /the SQL has 2 parameters, but params holds 3 parameters$/],
  ['none for ?', PLAIN, undefined, /the SQL has 2 parameters, but params holds 0 parameters$/],
  ['too few for ?3', 'INSERT INTO t(a) VALUES(?3)', [1, 2], /the SQL has 3 parameters, but params holds 2/],
  ['?0', 'INSERT INTO t(a) VALUES(?0)', [], /numbered from \?1/],
  ['names and ?', 'INSERT INTO t(a, b) VALUES(:a, ?)', { a: 1 }, /mixes parameters/],
  ['? and ?1', 'INSERT INTO t(a) VALUES(?1); INSERT INTO t(a) VALUES(?)', [1, 2], /mixes parameters/],
  [
    'over int64',
    NAMED,
    { a: 9223372036854775808n, b: 1 },
    /parameter :a is 9223372036854775808, which does not fit/,
  ],
  ['lone surrogate', NAMED, { a: 1, b: '\udc00' }, /parameter :b holds a lone surrogate/],
  ['binary', PLAIN, [1, Buffer.from('x')], /parameter \?2 is binary: an entry can't carry a BLOB/],
  ['undefined', NAMED, { a: undefined, b: 1 }, /parameter :a is undefined/],
];

for (const [title, sql, params, message] of faults) {
  test(`fault: ${title}`, (t) => {
    const error = apply(t, entry(sql, params as Params));
    assert.ok(typeof error === 'string' && error.startsWith('BAD_PARAMS: '), String(error));
    assert.match(error, message);
  });
}

test('an error near a parameter shows the text as it was written', (t) => {
  assert.equal(
    apply(t, entry('INSERT INTO :table VALUES(1)', { table: 't' })),
    'SQLITE_ERROR: near ":table": syntax error',
  );
});
