/** Templates: where they are found, what is wrong with them, and what an entry made from one holds. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { jobsRows, onlyJob, queueJob, template, writeIn } from './support/jobs.ts';
import { type Project, project } from './support/project.ts';
import { once, startNoWorker, withLog } from './support/queue.ts';

const SQL = 'INSERT INTO log(t) VALUES(:t)';

function put(self: Project, directory: string, content: unknown): string {
  const path = join(self.dir, directory, 'T.json');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

test('a template is looked for in the spool, in .hive-mind and in the project, or is a path', async (t) => {
  const self = project(t);
  withLog(self);
  startNoWorker(self);
  const places = ['.hive-mind/queue/templates', '.hive-mind/templates', 'templates'];
  for (const place of places.toReversed()) {
    const path = put(self, place, { sql: SQL, params: { t: place } });
    const [listed] = JSON.parse((await queueJob(self, ['templates', '--json'])).stdout) as object[];
    assert.deepEqual(listed, { name: 'T', path, sql: SQL });
    await queueJob(self, ['create', '--template', 'T']);
  }
  put(self, 'else where', { sql: SQL, params: { t: 'path' } });
  await queueJob(self, ['create', '--template', 'else where/T.json']);
  await queueJob(self, ['create', '--template', './T.json'], 1);
  await once(self);
  assert.deepEqual(
    self.rows('SELECT t FROM log ORDER BY n').map(({ t: text }) => text),
    [...places.toReversed(), 'path'],
  );
  // A path is kept as one that holds from anywhere.
  const [, , , byPath] = jobsRows(self, 'SELECT template FROM jobs ORDER BY created_at, rowid');
  assert.equal(byPath?.template, join(self.dir, 'else where/T.json'));
});

test('templates are listed by name with the first line of their SQL, broken ones with the reason', async (t) => {
  const self = project(t);
  assert.match((await queueJob(self, ['templates'])).stdout, /^no templates in .*queue\/templates, /);
  template(self, 'second', { sql: '\n  INSERT INTO a\n VALUES(1)' });
  template(self, 'first', { sql: 'DELETE FROM a' });
  writeIn(self, 'templates/note.txt', '');
  const { stdout } = await queueJob(self, ['templates']);
  assert.equal(stdout, 'first   DELETE FROM a\nsecond  INSERT INTO a\n');
  template(self, 'broken', {});
  const listed = (await queueJob(self, ['templates'], 1)).stdout;
  assert.match(listed, /^broken {2}can't be used: the template .*broken\.json has no "sql"\nfirst /);
});

const WRONG: [content: unknown, message: RegExp][] = [
  ['', /is not JSON/],
  ['{"sql":', /is not JSON/],
  ['[]', /is not a JSON object/],
  ['5.5', /is not a JSON object/],
  [{}, /has no "sql"/],
  [{ sql: 5 }, /has "sql" that is not a string/],
  [{ sql: ' ' }, /has an empty "sql"/],
  [{ sql: '-- nothing' }, /has "sql" that can't be an entry: .*no statement/],
  [{ sql: 'COMMIT' }, /has "sql" that can't be an entry/],
  [{ sql: 'INSERT INTO a VALUES(?)' }, /has "sql" with parameters that have no names\n {2}Write :name/],
  [{ sql: 'INSERT INTO a VALUES(:a, ?)' }, /has "sql" with parameters that have no names/],
  ['{"sql":"SELECT \\u0000"}', /has U\+0000 in "sql"/],
  ['{"sql":"SELECT \'\\ud800\'"}', /has a lone surrogate in "sql"/],
  [{ sql: SQL, oops: 1 }, /has the unknown key "oops"\n {2}The keys are sql, /],
  [{ sql: SQL, params: [] }, /has "params" that are not an object/],
  [{ sql: SQL, params: { u: 1 } }, /has "params" with "u", which its SQL does not use/],
  ['{"sql":"SELECT :t","params":{"t":1e999}}', /has "params" with "t", which is '1e999'/],
  ['{"sql":"SELECT :t","params":{"t":9223372036854775808}}', /"t", which is .* 64-bit/],
  [{ sql: SQL, operation: 5 }, /has "operation" that is not a string/],
  [{ sql: SQL, priority: '5' }, /has a "priority" that is no whole number/],
  [{ sql: SQL, priority: 11 }, /has a "priority"/],
  [{ sql: SQL, priority: 1.5 }, /has a "priority"/],
  [{ sql: SQL, db: null }, /has "db" that is not a string/],
  [{ sql: SQL, schema: '' }, /has an empty "schema"/],
  [{ sql: SQL, item: 1 }, /has "item" that is not a string/],
  [{ sql: SQL, types: ['text'] }, /has "types" that are not an object/],
  [{ sql: SQL, types: { t: 'blob' } }, /has "types" with an unknown one for "t"\n {2}They are text, /],
  [{ sql: SQL, on_error: 'panic' }, /has "on_error" that is neither "stop" nor "skip"/],
];

test('what is wrong with a template is said with its file and key, and nothing is made', async (t) => {
  const self = project(t);
  for (const [content, message] of WRONG) {
    const path = put(self, 'templates', content);
    const { stderr } = await queueJob(self, ['create', '--template', 'T'], 2);
    assert.ok(stderr.startsWith(`queue-job: the template ${path} `), stderr);
    assert.match(stderr, message);
  }
  writeFileSync(put(self, 'templates', ''), Buffer.from('{"sql":"SELECT \'\xff\'"}', 'latin1'));
  assert.match((await queueJob(self, ['create', '--template', 'T'], 2)).stderr, /is not valid UTF-8/);
  assert.match((await queueJob(self, ['create', '--template', 'U'], 1)).stderr, /no template 'U' in .*, /);
  assert.match((await queueJob(self, ['create', '--template', ''], 2)).stderr, /is empty/);
  execFileSync('mkfifo', [join(self.dir, 'templates', 'fifo.json')]);
  assert.match((await queueJob(self, ['create', '--template', 'fifo'], 2)).stderr, /is not a file/);
  mkdirSync(join(self.dir, 'templates', 'dir.json'));
  assert.match((await queueJob(self, ['create', '--template', 'dir'], 2)).stderr, /is not a file/);
  assert.deepEqual([jobsRows(self, 'SELECT * FROM jobs'), self.names('pending')], [[], []]);
});

test('an entry has what the template says', async (t) => {
  const self = project(t);
  startNoWorker(self);
  put(self, 'templates', {
    sql: SQL,
    params: { t: 2 ** 40 },
    operation: 'op',
    priority: 2,
    db: 'other.db',
    schema: 'm.sql',
  });
  const id = (await queueJob(self, ['create', '--template', 'T'])).stdout.trim();
  const [name = ''] = self.names('pending');
  assert.match(name, /^02_/);
  const entry = JSON.parse(readFileSync(join(self.spool, 'pending', name), 'utf8')) as object;
  const { seq, created_at, ...rest } = entry as Record<string, unknown>;
  assert.equal(name, `02_${seq}.json`);
  assert.ok(Date.parse(String(created_at)) > Date.now() - 600_000);
  assert.deepEqual(rest, {
    priority: 2,
    operation: 'op',
    sql: SQL,
    params: { t: 2 ** 40 },
    metadata: { template: 'T' },
    retries: 0,
    job: id,
    db: join(self.dir, 'other.db'),
    schema: join(self.dir, 'templates', 'm.sql'),
  });
  const { is_sealed, total, template: kept } = onlyJob(self);
  assert.deepEqual([is_sealed, total, kept], [1, 1, 'T']);
});

test('without rows all parameters need a value; with --open the job waits for rows', async (t) => {
  const self = project(t);
  withLog(self);
  startNoWorker(self);
  put(self, 'templates', { sql: SQL });
  const { stderr } = await queueJob(self, ['create', '--template', 'T'], 2);
  assert.match(stderr, /has no value for :t\n {2}Give it one in "params", or rows with --rows/);
  const id = (await queueJob(self, ['create', '--template', 'T', '--open'])).stdout.trim();
  assert.deepEqual([onlyJob(self).total, onlyJob(self).is_sealed], [0, 0]);
  await queueJob(self, ['create', '--job', id, '--rows', '-', '--format', 'jsonl', '--open'], 0, {
    input: '{"t":"a"}\n',
  });
  assert.equal(onlyJob(self).is_sealed, 0);
  await queueJob(self, ['create', '--job', id, '--rows', '-', '--format', 'csv'], 0, { input: 't\nb\n' });
  assert.deepEqual([onlyJob(self).total, onlyJob(self).is_sealed], [2, 1]);
  await once(self);
  assert.deepEqual(
    self.rows('SELECT t FROM log ORDER BY n').map((row) => row.t),
    ['a', 'b'],
  );
});
