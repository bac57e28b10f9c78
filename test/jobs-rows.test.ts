/** Rows of files as items of a job: values arrive as they were, and what is no row is told with its line and field. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { jobsRows, onlyJob, queueJob, template, writeIn } from './support/jobs.ts';
import { DIST, type Project, project } from './support/project.ts';
import { drained, execute, once, startNoWorker } from './support/queue.ts';

const SQL = 'INSERT INTO t(a, b) VALUES(:a, :b)';

function withTable(self: Project, more: object = {}): void {
  execute(self, 'CREATE TABLE t(n INTEGER PRIMARY KEY, a, b)');
  template(self, 'T', { sql: SQL, ...more });
}

function create(
  self: Project,
  format: string,
  input: string | Buffer,
  code = 0,
  args: readonly string[] = [],
): Promise<{ stdout: string; stderr: string }> {
  const all = ['create', '--template', 'T', '--rows', '-', '--format', format, ...args];
  return queueJob(self, all, code, { input });
}

function stored(self: Project, columns = 'a, b'): unknown[][] {
  return self.rows(`SELECT ${columns} FROM t ORDER BY n`).map((row) => Object.values(row));
}

function pendingCount(self: Project): number {
  return self.names('pending').length;
}

test('values of JSON lines arrive with their types and all digits', async (t) => {
  const self = project(t);
  startNoWorker(self);
  withTable(self, { params: { b: null } });
  const cases: [json: string, type: string, text: string | null][] = [
    ['"ä\\u0000\\ud83d\\ude00"', 'text', 'ä\0😀'],
    ['""', 'text', ''],
    ['5', 'integer', '5'],
    ['-0', 'integer', '0'],
    ['9007199254740993', 'integer', '9007199254740993'],
    ['-9223372036854775808', 'integer', '-9223372036854775808'],
    ['1.5', 'real', '1.5'],
    ['1e300', 'real', '1.0e+300'],
    ['0.1e1', 'integer', '1'],
    ['true', 'integer', '1'],
    ['null', 'null', null],
    [
      '{"x": [1, 9007199254740993, 2.0, "\\ud800"], "__proto__": 1}',
      'text',
      '{"x":[1,9007199254740993,2.0,"\\ud800"],"__proto__":1}',
    ],
    ['[]', 'text', '[]'],
  ];
  await create(self, 'jsonl', cases.map(([json]) => `{"a": ${json}}`).join('\n'));
  await once(self);
  assert.deepEqual(
    stored(self, 'typeof(a) AS x, CAST(a AS TEXT) AS y'),
    cases.map(([, type, text]) => [type, text]),
  );
});

test('values of CSV are text unless types say otherwise', async (t) => {
  const self = project(t);
  startNoWorker(self);
  withTable(self, { types: { b: 'integer' } });
  await create(self, 'csv', 'b,x,a\r\n007,,007\r\n+9007199254740993,y," a,""\r\nb "\r\n,,""');
  await once(self);
  assert.deepEqual(stored(self, "a, typeof(a) AS x, ifnull(b, 'NULL') || '' AS b"), [
    ['007', 'text', '7'],
    [' a,"\r\nb ', 'text', '9007199254740993'],
    ['', 'text', 'NULL'],
  ]);
});

const TYPED: [type: string, csv: string, expected: string][] = [
  ['text', '5', 'text 5'],
  ['integer', '-9223372036854775808', 'integer -9223372036854775808'],
  ['real', '.5', 'real 0.5'],
  ['real', '+1.e2', 'integer 100'],
  ['real', '-007.25', 'real -7.25'],
  ['boolean', 'Yes', 'integer 1'],
  ['boolean', 'f', 'integer 0'],
  ['json', '"5"', 'text 5'],
  ['json', '[1, 2.50]', 'text [1,2.50]'],
  ['json', 'null', 'null NULL'],
  ['json', '', 'null NULL'],
];

test('types turn the text of CSV, and what JSON has as text, into values', async (t) => {
  const self = project(t);
  startNoWorker(self);
  for (const [type, text] of TYPED) {
    withTypes(self, type);
    const quoted = `"${text.replaceAll('"', '""')}"`;
    await create(self, 'csv', `a,b\n${quoted},1\n`);
    if (type !== 'json') await create(self, 'jsonl', JSON.stringify({ a: text, b: 1 }));
  }
  await once(self);
  assert.deepEqual(
    stored(self, "typeof(a) || ' ' || ifnull(a, 'NULL') AS x").flat(),
    TYPED.flatMap(([type, , expected]) => (type === 'json' ? [expected] : [expected, expected])),
  );
});

function withTypes(self: Project, type: string): void {
  execute(self, 'CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, a, b)');
  template(self, 'T', { sql: SQL, types: { a: type } });
}

const BAD: [format: string, types: object, row: string | Buffer, message: RegExp][] = [
  ['jsonl', {}, 'x', /line 3 is not JSON\n/],
  ['jsonl', {}, '[1]', /line 3 is not a JSON object\n/],
  ['jsonl', {}, '1.5', /line 3 is not a JSON object\n/],
  ['jsonl', {}, '{"a":1}', /line 3 has no field for :b\n/],
  ['jsonl', {}, '{}', /line 3 has no field for :a, :b\n/],
  ['jsonl', {}, '{"a":1,"b":2,"c":3}', /line 3 has what no parameter of the template takes: c\n/],
  ['jsonl', {}, '{"a":1,"b":9223372036854775808}', /line 3 field "b" is .* 64-bit INTEGER\n/],
  ['jsonl', {}, '{"a":1,"b":-1e999}', /line 3 field "b" is '-1e999', which is beyond/],
  ['jsonl', {}, '{"a":1,"b":"\\ud800"}', /line 3 field "b" holds a lone surrogate/],
  ['jsonl', {}, Buffer.from('{"a":1,"b":"\xff"}', 'latin1'), /line 3 is not valid UTF-8\n/],
  ['jsonl', {}, `{"a":1,"b":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, /line 3 .*(nested|as JSON)/],
  ['jsonl', { b: 'integer' }, '{"a":1,"b":1.5}', /line 3 field "b" is '1.5', not an integer\n/],
  ['jsonl', { b: 'integer' }, '{"a":1,"b":true}', /line 3 field "b" is 'true', not an integer\n/],
  ['jsonl', { b: 'text' }, '{"a":1,"b":[]}', /line 3 field "b" is '\[\]', not a text\n/],
  ['jsonl', { b: 'boolean' }, '{"a":1,"b":2}', /line 3 field "b" is '2', not a boolean/],
  ['csv', {}, '1', /line 3 has 1 field, and the header has 2\n/],
  ['csv', {}, '1,2,3', /line 3 has 3 fields, and the header has 2\n/],
  ['csv', {}, Buffer.from('1,\xff', 'latin1'), /line 3 field "b" is not valid UTF-8\n/],
  ['csv', {}, '1,"2', /line 3 opens a quote that nothing closes\n/],
  ['csv', {}, '1,"2"3', /line 3 has something other than a delimiter behind a closing quote\n/],
  ['csv', {}, '1,2"3', /line 3 has a quote inside a field/],
  ['csv', { b: 'integer' }, '1,1.0', /line 3 field "b" is '1.0', not an integer\n/],
  ['csv', { b: 'integer' }, '1,9223372036854775808', /line 3 field "b" .* 64-bit/],
  ['csv', { b: 'real' }, '1,0x10', /line 3 field "b" is '0x10', not a number\n/],
  ['csv', { b: 'real' }, '1,NaN', /line 3 field "b" is 'NaN', not a number\n/],
  ['csv', { b: 'boolean' }, '1,maybe', /line 3 field "b" is 'maybe', not a boolean/],
  ['csv', { b: 'json' }, '1,{', /line 3 field "b" is '{', not JSON\n/],
  ['tsv', {}, '1,2', /line 3 has 1 field, and the header has 2\n/],
];

test('a bad row stops behind those before it, and says how to go on', async (t) => {
  const self = project(t);
  startNoWorker(self);
  execute(self, 'CREATE TABLE t(n INTEGER PRIMARY KEY, a, b)');
  const good = { jsonl: '{"a":1,"b":1}\n{"a":1,"b":1}\n', csv: 'a,b\n1,1\n', tsv: 'a\tb\n1\t1\n' };
  for (const [format, types, row, message] of BAD) {
    template(self, 'T', { sql: SQL, types });
    const before = pendingCount(self);
    const start = good[format as 'csv'];
    const { stdout, stderr } = await create(
      self,
      format,
      Buffer.concat([Buffer.from(start), Buffer.from(row)]),
      1,
    );
    assert.match(stderr, message);
    const count = format === 'jsonl' ? 2 : 1;
    const job = jobsRows(self, 'SELECT * FROM jobs ORDER BY created_at DESC, rowid DESC')[0];
    assert.ok(
      stderr.endsWith(
        `${count === 1 ? '1 row is' : '2 rows are'} enqueued as job ${job?.id}; ` +
          `fix line 3 and go on with --from-line 3 --job ${job?.id}\n`,
      ),
      stderr,
    );
    assert.equal(stdout, '');
    assert.deepEqual([pendingCount(self) - before, job?.total, job?.is_sealed], [count, count, 0], stderr);
  }
});

test('the corrected file goes on where it stopped, by itself or from a line', async (t) => {
  for (const [format, lines] of [
    ['jsonl', ['{"a":1,"b":1}', '', '{"a":2}', '{"a":3,"b":3}']],
    ['csv', ['a,b', '1,"x\ny"', '2', '3,3']],
  ] as const) {
    for (const args of [[], ['--from-line', format === 'csv' ? '4' : '3']]) {
      const self = project(t);
      startNoWorker(self);
      withTable(self);
      const path = writeIn(self, `rows.${format}`, lines.join('\n'));
      await queueJob(self, ['create', '--template', 'T', '--rows', path], 1);
      const { id } = onlyJob(self);
      const fixed = lines.map((line) => (line === '2' ? '2,2' : line === '{"a":2}' ? '{"a":2,"b":2}' : line));
      writeFileSync(path, fixed.join('\n'));
      if (args.length === 0) {
        const other = ['create', '--job', String(id), '--rows', '-', '--format', format];
        const { stderr } = await queueJob(self, other, 2);
        assert.match(stderr, /has rows of .*rows\.(csv|jsonl) up to line [34], and this is -\n/);
      }
      await queueJob(self, ['create', '--job', String(id), '--rows', path, ...args]);
      await once(self);
      assert.deepEqual(
        self.rows('SELECT CAST(a AS TEXT) AS a FROM t ORDER BY n').map(({ a }) => a),
        ['1', '2', '3'],
      );
      assert.deepEqual([onlyJob(self).total, onlyJob(self).is_sealed], [3, 1]);
      const { stderr } = await queueJob(self, ['create', '--job', String(id), '--rows', path], 2);
      assert.match(stderr, /is sealed: it takes no more items\n {2}Create another\.\n$/);
    }
  }
});

test('bad rows are passed over and kept, to be corrected and enqueued', async (t) => {
  const self = project(t);
  startNoWorker(self);
  withTable(self, { item: 'a' });
  const csv = Buffer.from('x,a,b\n1,one,1\n2,"t,""o"\n3,\xff,3\n4,,4\n5,five,5\n', 'latin1');
  const first = await create(self, 'csv', csv, 0, ['--skip-bad', '--json']);
  assert.deepEqual((JSON.parse(first.stdout) as { skipped: number }).skipped, 3);
  assert.match(first.stderr, /line 3 has 2 fields, and the header has 3: 2,t,"o\n/);
  assert.match(first.stderr, /line 4 field "a" is not valid UTF-8: 3,.*,3\n/);
  assert.match(first.stderr, /line 5 has nothing in the field "a", which names the item: 4,,4\n/);
  const bad = join(self.dir, 'bad.csv');
  const second = await create(self, 'csv', csv, 0, ['--bad', bad]);
  assert.match(second.stderr, /^queue-job: standard input line 3 has 2 fields, and the header has 3\n/);
  assert.deepEqual(readFileSync(bad), Buffer.from('2,"t,""o"\n3,\xff,3\n4,,4\n', 'latin1'));
  await once(self);
  assert.deepEqual(
    stored(self),
    Array.from({ length: 2 }, () => [
      ['one', '1'],
      ['five', '5'],
    ]).flat(),
  );
  assert.deepEqual(
    jobsRows(self, 'SELECT item FROM job_results ORDER BY name').map(({ item }) => item),
    ['one', 'five', 'one', 'five'],
  );
  // The same by the template; the file of the rows itself is no place for bad ones.
  template(self, 'T', { sql: SQL, on_error: 'skip' });
  const path = writeIn(self, 'rows.jsonl', '{}\n{"a":1,"b":2}');
  await queueJob(self, ['create', '--template', 'T', '--rows', path]);
  const { stderr } = await queueJob(self, ['create', '--template', 'T', '--rows', path, '--bad', path], 2);
  assert.match(stderr, /the file of the rows itself/);
});

test('what holds no rows makes no job', async (t) => {
  const self = project(t);
  startNoWorker(self);
  withTable(self);
  const nothing: [format: string, input: string | Buffer, code: number, message: RegExp][] = [
    ['jsonl', '', 2, /no rows in standard input\n/],
    ['csv', '', 2, /no rows/],
    ['csv', 'a,b\n', 2, /no rows/],
    ['jsonl', '\r\n \n\n', 2, /no rows/],
    ['jsonl', '\ufeff', 2, /no rows/],
    ['csv', 'a\n1', 2, /line 1: the header has no column for :b\n/],
    ['csv', 'a,b,a\n1,2,3', 2, /line 1: the header has the column a twice\n/],
    ['csv', '"a\n', 2, /line 1: the header opens a quote/],
    ['csv', Buffer.from('\xff,a,b\n', 'latin1'), 2, /line 1: the header is not valid UTF-8/],
    ['csv', Buffer.from('\ufeffa,b\n', 'utf16le'), 2, /are UTF-16\n/],
    ['jsonl', '{"a":1}', 1, /line 1 has no field for :b\n {2}Nothing is enqueued, and there is no job/],
  ];
  for (const [format, input, code, message] of nothing) {
    assert.match((await create(self, format, input, code)).stderr, message);
  }
  const rows = (path: string, ...more: string[]): Promise<{ stderr: string }> =>
    queueJob(self, ['create', '--template', 'T', '--rows', path, ...more], 2);
  assert.match((await rows('missing.csv')).stderr, /can't be read: ENOENT/);
  assert.match((await rows('templates', '--format', 'csv')).stderr, /is a directory/);
  assert.match((await rows('rows.xyz')).stderr, /the format of the rows in rows.xyz is not known/);
  assert.match((await rows('-', '--format', 'xml')).stderr, /--format is 'xml'/);
  assert.match((await rows('-', '--from-line', '2', '--format', 'csv')).stderr, /--from-line needs --job/);
  assert.deepEqual([jobsRows(self, 'SELECT * FROM jobs'), pendingCount(self)], [[], 0]);
});

test('a FIFO is read like a file, and 50 MB in one line arrive whole', async (t) => {
  const self = project(t);
  startNoWorker(self);
  withTable(self);
  const long = 'z'.repeat(50_000_000);
  const script = '"$1" create --template T --rows <(cat "$2") --format csv';
  const path = writeIn(self, 'rows.csv', `a,b\n1,${long}\n`);
  const result = await self.bash(script, [join(DIST, 'queue-job'), path]);
  assert.equal(result.code, 0, result.stderr);
  await create(self, 'jsonl', `{"a":2,"b":"${long}"}`);
  const { stderr } = await create(self, 'jsonl', `{"a":2,"b":"${long}${long.slice(0, 20_000_000)}"}`, 1);
  assert.match(stderr, /line 1 is longer than the 67108864 bytes of an entry\n/);
  // Each byte of it takes six in the entry.
  const grown = await create(self, 'csv', `a,b\n1,${'\x01'.repeat(12_000_000)}\n`, 1);
  assert.match(grown.stderr, /line 2 makes an entry of 72\d+ bytes, and one may have 67108864\n/);
  await once(self);
  assert.deepEqual(stored(self, "length(b) AS l, replace(b, 'z', '') AS r"), [
    [50_000_000, ''],
    [50_000_000, ''],
  ]);
});

test('a job takes no more rows than it was to have, and none when it is cancelled', async (t) => {
  const self = project(t);
  startNoWorker(self);
  withTable(self);
  const rows = '{"a":1,"b":1}\n{"a":2,"b":2}\n';
  const { stderr } = await create(self, 'jsonl', rows, 2, ['--total', '1']);
  assert.match(stderr, /has room for 1 of its 1 items\n/);
  assert.equal(pendingCount(self), 0);
  await create(self, 'jsonl', rows, 0, ['--total', '2']);
  const id = (await create(self, 'jsonl', rows, 0, ['--open'])).stdout.trim();
  const db = join(self.spool, 'jobs.db');
  execute(self, `UPDATE jobs SET state = 'cancelled' WHERE id = '${id}'`, db);
  assert.match((await create(self, 'jsonl', rows, 2, ['--job', id])).stderr, /was cancelled/);
  assert.equal(pendingCount(self), 4);
});

test('more rows than memory are enqueued while the worker drains', async (t) => {
  const self = project(t, { QUEUE_IDLE_EXIT: '5' });
  withTable(self);
  const count = 12_000;
  const text = 'x'.repeat(8000);
  const lines = Array.from({ length: count }, (_, n) => `${n},${text}\n`);
  const path = writeIn(self, 'rows.csv', `a,b\n${lines.join('')}`);
  const args = [
    '--max-old-space-size=40',
    join(DIST, 'queue-job'),
    'create',
    '--template',
    'T',
    '--rows',
    path,
  ];
  const result = await self.run(process.execPath, args);
  assert.deepEqual([result.code, result.stderr], [0, '']);
  await drained(self);
  assert.deepEqual(self.rows('SELECT count(*) AS c, sum(length(b)) AS l FROM t'), [
    { c: count, l: count * text.length },
  ]);
  assert.deepEqual(self.rows('SELECT count(*) AS c FROM t WHERE CAST(a AS INTEGER) <> n - 1'), [{ c: 0 }]);
  assert.deepEqual([onlyJob(self).total, onlyJob(self).is_sealed], [count, 1]);
});

test('whatever text there is arrives byte for byte', async (t) => {
  const self = project(t);
  startNoWorker(self);
  withTable(self);
  const piece = fc.constantFrom(
    ',',
    '"',
    '\n',
    '\r',
    '\r\n',
    '\t',
    ' ',
    '\ufeff',
    '\0',
    '\\',
    "'",
    '\u2028',
    'é',
    '😀',
    'a',
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(piece).map((list) => list.join('')),
  );
  const rows = fc.array(fc.tuple(text, text), { minLength: 150, maxLength: 300 });
  const quote = (field: string): string =>
    /[",\r\n]/.test(field) || field === '' ? `"${field.replaceAll('"', '""')}"` : field;
  await fc.assert(
    fc.asyncProperty(rows, fc.constantFrom('\n', '\r\n'), fc.boolean(), async (list, end, isClosed) => {
      execute(self, 'DELETE FROM t');
      const csv = list.map(([a, b]) => `${quote(a)},${quote(b)}`).join(end);
      const json = list.map(([a, b]) => JSON.stringify({ a, b })).join(end);
      await create(self, 'csv', `\ufeffa,b${end}${csv}${isClosed ? end : ''}`);
      await create(self, 'jsonl', `\ufeff${json}${isClosed ? end : ''}`);
      await once(self);
      assert.deepEqual(stored(self), [...list, ...list]);
    }),
    { numRuns: 4 },
  );
});

test('a file whose last row is in when it is killed has no more to give, and is over', async (t) => {
  const self = project(t);
  startNoWorker(self);
  withTable(self);
  const path = writeIn(self, 'rows.csv', 'a,b\n1,1\n');
  await queueJob(self, ['create', '--template', 'T', '--rows', path, '--open']);
  const { id } = onlyJob(self);
  const mark = `INSERT INTO job_rows VALUES('${id}', '${path}', NULL, 5, 0, '[]', 3)`;
  execute(self, mark, join(self.spool, 'jobs.db'));
  await queueJob(self, ['create', '--job', String(id), '--rows', path, '--open']);
  assert.deepEqual([jobsRows(self, 'SELECT * FROM job_rows'), pendingCount(self)], [[], 1]);
});
