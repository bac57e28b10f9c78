/**
 * Property tests: any entry arrives as it was given, through bash and through TypeScript, whatever its texts hold and
 * whoever calls. Generated with fast-check; the seed of the run is theirs.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { openQueue } from '../../lib/producer/enqueue.ts';
import { type Entry, entryName, parseEntry, serializeEntry } from '../../lib/spool/entry.ts';
import { FULL, faultRun, type Random } from '../support/faults.ts';
import { fakeWorker, spooled } from '../support/producer.ts';
import { type Project, project } from '../support/project.ts';
import { execute, once, startNoWorker } from '../support/queue.ts';

const SPECIAL = [
  ...'\'"\\`$%&;-!*?[]{}()<>|#~=@: \n\r\t\u0001\u001f\u007f\u0080\u00a0\u2028\ufeff\ufffd\u{1f600}e\u0301',
  '\\n',
  "''",
  '$(',
  '\r\n',
];

/** Any text: of all characters there are, of those that shells and JSON mind, long ones as well. */
const anyText = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'binary', maxLength: 30 }) },
  {
    weight: 4,
    arbitrary: fc.array(fc.constantFrom(...SPECIAL), { maxLength: 30 }).map((list) => list.join('')),
  },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength: 30 }) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.string({ unit: 'binary', minLength: 1, maxLength: 5 }),
        fc.constantFrom(100, 511, 1024, 6000),
        fc.nat(3),
      )
      .map(([text, length, cut]) => `${'z'.repeat(cut)}${text.repeat(Math.ceil(length / text.length))}`),
  },
);
/** What an argument of a process may hold. */
const argument = anyText.map((text) => text.replaceAll('\0', ''));
const paramName = fc.oneof(
  fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/),
  fc.constantFrom('__proto__', 'constructor', 'length', 'a', 'v', 'IFS', '_'),
);
const priority = fc.integer({ min: 1, max: 10 });
/** What bash checks itself; the rest of metadata goes through Node. */
const flatMetadata = fc.dictionary(
  fc.stringMatching(/^[ !#-[\]-~]{0,6}$/),
  fc.oneof(fc.stringMatching(/^[ !#-[\]-~]{0,9}$/), fc.integer(), fc.boolean(), fc.constant(null)),
  { maxKeys: 4 },
);

const seeded = (random: Random, numRuns: number): { seed: number; numRuns: number } => ({
  seed: random.below(2 ** 31),
  numRuns,
});

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const hexOf = (text: string): string => Buffer.from(text).toString('hex').toUpperCase();

interface Given {
  text: string;
  operation: string;
  priority: number;
  metadata: Record<string, unknown>;
  params: [name: string, value: string][];
}

const givenToBash: fc.Arbitrary<Given> = fc.record({
  text: argument,
  operation: argument,
  priority,
  metadata: fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: flatMetadata }),
  params: fc.uniqueArray(fc.tuple(paramName, argument), { maxLength: 4, selector: ([name]) => name }),
});

/** An INSERT of the text as a literal and of each parameter. */
function sqlOf(index: number, { text, params }: Given): string {
  const rows = params.map(([name]) => `(${index}, ${quoted(name)}, :${name})`);
  return `INSERT INTO got(entry, name, value) VALUES${[`(${index}, '', ${quoted(text)})`, ...rows].join(', ')}`;
}

/** What stands before the calls: odd callers, all of them allowed. */
const CALLERS = [
  '',
  'set -euo pipefail',
  "IFS=' \"0_a'",
  'unset IFS; set -f',
  'shopt -s nocasematch nullglob failglob extglob dotglob; set -C',
  "set -u; IFS=''; trap 'true' DEBUG ERR",
  'set -o posix',
];

const LOCALES = ['C', 'C.UTF-8', 'POSIX', ...['de_DE.UTF-8', 'de_DE', 'tr_TR.UTF-8'].filter(isThere)];

/** A locale that the system lacks only prints warnings. */
function isThere(locale: string): boolean {
  return spawnSync('bash', ['-c', ':'], { env: { LC_ALL: locale } }).stderr.length === 0;
}

const WRITE = `while (($#)); do
n=$1; queue_db_write "\${@:2:4+n}"; shift "$((5 + n))"
done`;

async function assertRows(self: Project, given: readonly Given[]): Promise<void> {
  rmSync(join(self.spool, 'worker.pid'), { force: true });
  await once(self);
  assert.deepEqual([self.names('pending'), self.names('failed'), self.names('values')], [[], [], []]);
  const rows = self.rows(
    'SELECT entry, name, hex(CAST(value AS BLOB)) AS hex FROM got ORDER BY entry, rowid',
  );
  assert.deepEqual(
    rows.map(({ entry, name, hex }) => [entry, name, hex]),
    given.flatMap(({ text, params }, index) =>
      [['', text] as const, ...params].map(([name, value]) => [index, name, hexOf(value)]),
    ),
  );
}

test('whatever the bash library is given is what parses, and what the database gets', async (t) => {
  await faultRun(t, async ({ random, count }) => {
    for (const caller of CALLERS) {
      const locale = random.pick(LOCALES);
      const context = `${caller || 'a plain caller'}, LC_ALL=${locale}`;
      const self = project(t);
      execute(self, 'CREATE TABLE got(entry, name, value)');
      fakeWorker(self);
      const given = fc.sample(givenToBash, seeded(random, FULL ? 200 : 20));
      const args = given.flatMap((one, index) => [
        String(one.params.length),
        sqlOf(index, one),
        one.operation,
        String(one.priority),
        JSON.stringify(one.metadata),
        ...one.params.map(([name, value]) => `${name}=${value}`),
      ]);
      const result = await self.bash(`${caller}\n${WRITE}`, args, { env: { LC_ALL: locale } });
      assert.deepEqual(result, { code: 0, signal: null, stdout: '', stderr: '' }, context);
      const entries = spooled(self).sort((a, b) => (a.entry.seq < b.entry.seq ? -1 : 1));
      assert.equal(entries.length, given.length, context);
      entries.forEach(({ entry, name, bytes }, index) => {
        const one = given[index] as Given;
        const { sql, operation, priority, metadata, params = {} } = entry;
        assert.deepEqual(
          { sql, operation, priority, metadata: plain(metadata), params: Object.entries(params).sort() },
          {
            sql: sqlOf(index, one),
            operation: one.operation || 'write',
            priority: one.priority,
            metadata: JSON.parse(JSON.stringify(one.metadata)),
            params: [...one.params].sort(),
          },
          context,
        );
        const raw = JSON.parse(bytes.toString()) as Entry;
        assert.deepEqual([raw.sql, raw.operation, raw.priority], [sql, operation, priority], context);
        assert.equal(name, entryName(priority, entry.seq));
      });
      await assertRows(self, given);
      count({ entries: given.length });
    }
  });
});

/** Without what only a BigInt can hold. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_key, item) => (typeof item === 'bigint' ? Number(item) : item)));
}

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const number = fc.oneof(
  fc.double({ noNaN: true }),
  fc.integer(),
  fc.constantFrom(0, -0, 2 ** 53, 2 ** 53 + 2, 2 ** 62, 2 ** 63, -(2 ** 63), 1e20, 1e21, 1e300, 5e-324, 0.1),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(Number),
);
const nested = fc.letrec<{ value: unknown; leaf: unknown }>((tie) => ({
  leaf: fc.oneof(anyText, number, int64, fc.boolean(), fc.constant(null)),
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('leaf'),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(anyText, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;
const anyParam = fc.oneof(anyText, number, int64, fc.boolean(), fc.constant(null), nested);

const anyEntry: fc.Arbitrary<Entry> = fc
  .record(
    {
      seq: fc.constant('1767328963123456_50032'),
      priority,
      operation: anyText,
      sql: anyText.map((text) => `SELECT ${text.replaceAll('\0', '')}`),
      params: fc.oneof(
        fc.dictionary(anyText, anyParam, { maxKeys: 5, noNullPrototype: true }),
        fc.array(anyParam, { maxLength: 5 }),
      ),
      metadata: fc.dictionary(anyText, nested, { maxKeys: 3, noNullPrototype: true }),
      created_at: anyText,
      retries: fc.nat(),
      id: anyText.map((text) => `k${text}`),
      job: anyText,
      unknown: fc.oneof(anyText, fc.boolean()),
    },
    { requiredKeys: ['seq', 'priority', 'operation', 'sql', 'metadata', 'created_at', 'retries'] },
  )
  .map((entry) => entry as Entry);

test('serializeEntry and parseEntry are each other’s inverse', async (t) => {
  await faultRun(t, async ({ random, count }) => {
    fc.assert(
      fc.property(anyEntry, (entry) => {
        count({ entries: 1 });
        const text = serializeEntry(entry);
        assert.equal(text.indexOf('\n'), text.length - 1, 'one line');
        const read = parseEntry(Buffer.from(text), '05_1767328963123456_50032.json');
        assert.equal(serializeEntry(read), text);
        assert.deepEqual(asParsed(read), asParsed(entry));
        // Another parser reads the same, but for digits that a double has not.
        assert.deepEqual(asParsed(JSON.parse(text), true), asParsed(entry, true));
      }),
      seeded(random, FULL ? 10_000 : 1000),
    );
  });
});

/** Whole numbers within 2^53 as numbers, of either kind; with `doubles` all numbers as doubles. */
function asParsed(value: unknown, doubles = false): unknown {
  if (typeof value === 'bigint')
    return doubles || Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map((item) => asParsed(item, doubles));
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value).map(([key, item]) => [key, asParsed(item, doubles)]);
}

test('whatever enqueue() is given is what the database gets, with its type, exactly', async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const self = project(t);
    execute(self, 'CREATE TABLE got(entry INTEGER PRIMARY KEY, value, operation)');
    startNoWorker(self);
    const queue = openQueue(self.env);
    const given = fc.sample(
      fc.record({
        value: anyParam,
        text: anyText,
        byName: fc.boolean(),
        priority,
        metadata: fc.dictionary(anyText, nested),
      }),
      seeded(random, FULL ? 4000 : 300),
    );
    given.forEach(({ value, text, byName, priority, metadata }, entry) => {
      const values = `INSERT INTO got VALUES(${entry}, ${byName ? ':v' : '?'}, ${quoted(text.replaceAll('\0', ''))})`;
      queue.enqueue({
        sql: values,
        params: byName ? { v: value } : [value],
        priority,
        metadata,
        operation: text,
      });
    });
    count({ entries: given.length });
    await once(self);
    assert.deepEqual([self.names('pending'), self.names('failed')], [[], []]);
    const rows = self.rows(
      `SELECT typeof(value) AS type, hex(CAST(value AS BLOB)) AS hex, operation,
        CASE typeof(value) WHEN 'real' THEN value END AS number FROM got ORDER BY entry`,
    );
    rows.forEach(({ type, hex, number, operation }, index) => {
      const { value, text } = given[index] as (typeof given)[number];
      assert.equal(operation, text.replaceAll('\0', ''));
      const kept = Buffer.from(hex as string, 'hex').toString();
      const expected = stored(value);
      if (expected === undefined) {
        assert.equal(type, 'text');
        assert.deepEqual(asParsed(JSON.parse(kept), true), asParsed(value, true));
      } else {
        assert.deepEqual([type, type === 'real' ? number : type === 'null' ? null : kept], expected);
      }
    });
    assert.equal(rows.length, given.length);
  });
});

/** Type and value in the database; undefined for JSON text. */
function stored(value: unknown): [type: string, value: unknown] | undefined {
  if (value === null) return ['null', null];
  if (typeof value === 'string') return ['text', value];
  if (typeof value === 'boolean') return ['integer', value ? '1' : '0'];
  if (typeof value === 'bigint') return ['integer', String(value)];
  if (typeof value !== 'number') return undefined;
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? ['integer', String(value)] : ['real', value];
}
