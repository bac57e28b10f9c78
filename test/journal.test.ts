/** The journal: torn tails, rotation, what it finds again, and direct writes into it. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { appendDirect, Journal, type JournalLine, journalFiles } from '../lib/spool/journal.ts';
import { ensureSpool, type Spool, spoolAt } from '../lib/spool/layout.ts';

function spoolOf(t: TestContext): Spool {
  const dir = mkdtempSync(join(tmpdir(), 'hookspool-journal-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const spool = spoolAt(join(dir, 'queue'));
  ensureSpool(spool);
  return spool;
}

const line = (n: number, more: Record<string, unknown> = {}): JournalLine => ({
  text: `${JSON.stringify({ sql: `SELECT ${n}`, ...more })}\n`,
  name: `05_${n}_1.json`,
  key: `key-${n}`,
  appliedAt: '2026-01-02T04:42:43.000Z',
});

const file = (spool: Spool, number: number): string =>
  join(spool.completed, `journal-${String(number).padStart(8, '0')}.jsonl`);
const namesIn = (path: string): unknown[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((text) => text !== '')
    .map((text) => JSON.parse(text).name);

function append(spool: Spool, ...lines: JournalLine[]): void {
  const journal = Journal.open(spool);
  journal.append(lines);
  journal.close();
}

test('a line is the entry as it was spooled, plus name, key and time', (t) => {
  const spool = spoolOf(t);
  append(spool, line(1, { x: 'ä\n', n: 5 }));
  assert.equal(
    readFileSync(file(spool, 1), 'utf8'),
    '{"sql":"SELECT 1","x":"ä\\n","n":5,"name":"05_1_1.json","key":"key-1","applied_at":"2026-01-02T04:42:43.000Z"}\n',
  );
  assert.equal(statSync(file(spool, 1)).mode & 0o777, 0o600);
});

test('an entry that was laid out on several lines becomes one, its numbers and strings untouched', (t) => {
  const spool = spoolOf(t);
  const text = '{\n  "sql" : "a \\" b\\n  c",\n  "n": 9007199254740993,\n  "f": 5.0\n}\n';
  append(spool, { ...line(1), text });
  const written = readFileSync(file(spool, 1), 'utf8');
  assert.match(written, /^\{ *"sql" : "a \\" b\\n {2}c", *"n": 9007199254740993, *"f": 5\.0,"name"/);
  assert.equal(written.indexOf('\n'), written.length - 1);
});

test('an entry on several lines with 20 MB in one string overflows no stack', (t) => {
  const spool = spoolOf(t);
  const value = 'x\\n'.repeat(7_000_000);
  append(spool, { ...line(1), text: `{\r\n"sql":"SELECT 1",\n"x":"${value}"} \n` });
  const written = readFileSync(file(spool, 1), 'utf8');
  assert.equal(written.indexOf('\n'), written.length - 1);
  assert.equal(JSON.parse(written).x.length, 14_000_000);
});

for (const torn of [
  '{"sql":"SEL',
  '{"sql":"SELECT 2","name":"05_2_1.json","key":"key-2","applied_at":"x"}',
  '\0\0\0',
  'x'.repeat(200_000),
]) {
  test(`a torn last line (${JSON.stringify(torn.slice(0, 12))}, ${torn.length} bytes) is cut off, and no more`, (t) => {
    const spool = spoolOf(t);
    append(spool, line(1));
    appendFileSync(file(spool, 1), torn);
    append(spool, line(3));
    assert.deepEqual(namesIn(file(spool, 1)), ['05_1_1.json', '05_3_1.json']);
  });
}

test('a file that is nothing but a torn line becomes an empty one', (t) => {
  const spool = spoolOf(t);
  writeFileSync(file(spool, 1), '{"sql"');
  Journal.open(spool).close();
  assert.equal(statSync(file(spool, 1)).size, 0);
});

test('a file of over 16 MB is closed, and the next number begun; an archived one is never written to', (t) => {
  const spool = spoolOf(t);
  const journal = Journal.open(spool);
  t.after(() => journal.close());
  const big = line(1, { x: 'x'.repeat(9 * 1024 * 1024) });
  for (const entry of [big, { ...big, name: '05_2_1.json' }, line(3), line(4)]) journal.append([entry]);
  assert.deepEqual(journalFiles(spool), ['journal-00000001.jsonl', 'journal-00000002.jsonl']);
  assert.deepEqual(namesIn(file(spool, 2)), ['05_3_1.json', '05_4_1.json']);
  journal.close();
  writeFileSync(`${file(spool, 7)}.gz`, '');
  append(spool, line(5));
  assert.deepEqual(namesIn(file(spool, 8)), ['05_5_1.json']);
});

test('a direct write that fills the file beside a worker: both go on in the next one', (t) => {
  const spool = spoolOf(t);
  const journal = Journal.open(spool);
  t.after(() => journal.close());
  journal.append([line(1)]);
  appendDirect(spool, line(2, { x: 'x'.repeat(17 * 1024 * 1024) }));
  journal.append([line(3)]);
  appendDirect(spool, line(4));
  assert.deepEqual(namesIn(file(spool, 1)), ['05_1_1.json', '05_2_1.json']);
  assert.deepEqual(namesIn(file(spool, 2)), ['05_3_1.json', '05_4_1.json']);
});

test('recent finds what was written last, across a rotation, and nothing else', (t) => {
  const spool = spoolOf(t);
  const journal = Journal.open(spool);
  t.after(() => journal.close());
  journal.append([line(1)]);
  // Larger than what is read of a file.
  journal.append([line(2, { x: 'x'.repeat(20 * 1024 * 1024) })]);
  journal.append([line(3)]);
  journal.append([line(4)]);
  assert.equal(journalFiles(spool).length, 2);
  const asked = new Set([2, 3, 4, 5].map((n) => `05_${n}_1.json`));
  assert.deepEqual(
    journal.recent(asked).map(({ name }) => name),
    ['05_2_1.json', '05_3_1.json', '05_4_1.json'],
  );
});

test('recent is not led astray by names inside of entries', (t) => {
  const spool = spoolOf(t);
  append(spool, line(1, { name: 'an entry may have one', note: '"name":"05_9_1.json"' }));
  const journal = Journal.open(spool);
  t.after(() => journal.close());
  const found = journal.recent(new Set(['05_9_1.json', '05_1_1.json']));
  assert.deepEqual(found, [{ name: '05_1_1.json', key: 'key-1' }]);
});

test('recent finds a line whose key has 10 MB', (t) => {
  const spool = spoolOf(t);
  append(spool, { ...line(1), key: 'k\n'.repeat(3_500_000) });
  const journal = Journal.open(spool);
  t.after(() => journal.close());
  assert.deepEqual(
    journal.recent(new Set(['05_1_1.json'])).map(({ name }) => name),
    ['05_1_1.json'],
  );
});

test('recent reads a tail of very many short lines', (t) => {
  const spool = spoolOf(t);
  writeFileSync(file(spool, 1), '{"n":5}\n'.repeat(2_000_000));
  append(spool, line(1));
  const journal = Journal.open(spool);
  t.after(() => journal.close());
  assert.equal(journal.recent(new Set(['05_1_1.json'])).length, 1);
});

test('a failed append leaves no half line for the next one', (t) => {
  const spool = spoolOf(t);
  const journal = Journal.open(spool);
  t.after(() => journal.close());
  journal.append([line(1)]);
  rmSync(spool.completed, { recursive: true });
  journal.close();
  assert.throws(() => journal.append([line(2)]), { code: 'ENOENT' });
  ensureSpool(spool);
  journal.append([line(3)]);
  assert.deepEqual(namesIn(file(spool, 1)), ['05_3_1.json']);
});

test('direct writes are appended whole, after a torn line of a killed worker as well', (t) => {
  const spool = spoolOf(t);
  appendDirect(spool, line(1));
  append(spool, line(2));
  appendFileSync(file(spool, 1), '{"sql":"torn');
  appendDirect(spool, line(3));
  append(spool, line(4));
  const whole = readFileSync(file(spool, 1), 'utf8')
    .split('\n')
    .flatMap((text) => (/^\{.*\}$/.test(text) && !text.includes('torn') ? [JSON.parse(text).name] : []));
  assert.deepEqual(whole, ['05_1_1.json', '05_2_1.json', '05_3_1.json', '05_4_1.json']);
  assert.deepEqual(readdirSync(spool.completed), ['journal-00000001.jsonl']);
});
