/** The key `schema` on its whole way: producers, worker, direct writes, dead letters, a kill at any moment. */
import assert from 'node:assert/strict';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { DIST, type Project, project, waitFor } from './support/project.ts';
import {
  background,
  drained,
  letter,
  lockDatabase,
  logged,
  logs,
  nodeWrite,
  noStrace,
  once,
  putEntry,
  startNoWorker,
  startWorker,
  stats,
  withLog,
  workerLog,
  write,
} from './support/queue.ts';

const { openQueue, QueueError } = (await import(
  pathToFileURL(join(DIST, 'index.mjs')).href
)) as typeof import('../lib/index.ts');

const HEAD = '-- schema: s';
const LOG = '-- migration 1: log\nCREATE TABLE log(n INTEGER PRIMARY KEY, t);';
const MORE = '-- migration 2: more\nCREATE TABLE more(x);';

/** Puts a file of migrations there, as a whole. @returns its path. */
function schemaFile(self: Project, sections: readonly string[], name = 'schema.sql', head = HEAD): string {
  const path = join(self.dir, name);
  writeFileSync(`${path}.new`, `${[head, ...sections].join('\n')}\n`);
  renameSync(`${path}.new`, path);
  return path;
}

const versions = (self: Project): string[] =>
  self
    .rows('SELECT schema, version FROM _queue_migrations ORDER BY schema, version')
    .map(({ schema, version }) => `${schema} ${version}`);

test('500 entries that name a file: each is applied once, in order, the migrations before them', async (t) => {
  const self = project(t);
  const schema = schemaFile(self, [LOG, MORE]);
  const texts = Array.from({ length: 500 }, (_, i) => String(i));
  for (const text of texts) putEntry(self, logs(text), { schema });
  await once(self);
  assert.deepEqual([logged(self), versions(self)], [texts, ['s 1', 's 2']]);
  assert.equal(self.journal().length, 500);
  assert.deepEqual(self.names('failed'), []);
  // An entry of its own transaction has a time of its own; the others share theirs.
  const times = self.rows('SELECT count(DISTINCT applied_at) AS n FROM _queue_ledger')[0]?.n as number;
  assert.ok(times < 50, `${times} transactions`);
});

test('two files, two databases: each database gets what its own entries name', async (t) => {
  const self = project(t);
  const other = join(self.dir, 'other.db');
  const one = schemaFile(self, [LOG]);
  const two = schemaFile(self, ['-- migration 1: t\nCREATE TABLE t(x);'], 'two.sql', '-- schema: two');
  putEntry(self, logs('a'), { schema: one });
  putEntry(self, 'INSERT INTO t VALUES(1)', { schema: two });
  putEntry(self, logs('b'), { schema: one, db: other });
  await once(self);
  assert.deepEqual([logged(self), logged(self, other)], [['a'], ['b']]);
  assert.deepEqual([versions(self), self.names('failed')], [['s 1', 'two 1'], []]);
});

test('a migration that is added while the worker lives is applied before the next entry', async (t) => {
  const self = project(t);
  const schema = schemaFile(self, [LOG]);
  putEntry(self, logs('a'), { schema });
  const pid = await startWorker(self);
  await drained(self);
  assert.deepEqual(versions(self), ['s 1']);
  schemaFile(self, [LOG, MORE]);
  putEntry(self, 'INSERT INTO more VALUES(1)', { schema });
  await drained(self);
  assert.deepEqual([versions(self), self.names('failed')], [['s 1', 's 2'], []]);
  assert.deepEqual(self.rows('SELECT x FROM more'), [{ x: 1 }]);
  assert.equal(workerLog(self).match(/ info worker \d+ for /g)?.length, 1, `worker ${pid} is the only one`);
});

test('bad files and bad SQL in them: BAD_SCHEMA in failed/ without a retry, neighbours applied; retry after mending', async (t) => {
  const self = project(t);
  const good = schemaFile(self, [LOG]);
  const gap = schemaFile(self, [LOG, '-- migration 3: gap'], 'gap.sql');
  const sql = schemaFile(self, ['-- migration 1: typo\n\nCREAT TABLE x(y);'], 'typo.sql', '-- schema: typo');
  const cases: [schema: string, message: RegExp][] = [
    [gap, /gap\.sql, line 4: migration 3/],
    [sql, /typo\.sql, line 4: migration 1 \(typo\): near "CREAT": syntax error/],
    ['schema.sql', /no absolute path/],
  ];
  const names = cases.map(([schema], i) => {
    putEntry(self, logs(`before ${i}`), { schema: good });
    const name = putEntry(self, 'SELECT 1', { schema });
    putEntry(self, logs(`after ${i}`), { schema: good });
    return name;
  });
  await once(self, 3);
  assert.deepEqual(self.names('failed'), names);
  assert.equal(stats(self).retried, 0);
  cases.forEach(([schema, message], i) => {
    const error = letter(self, names[i] as string);
    assert.equal(error.code, 'BAD_SCHEMA');
    assert.match(error.message, message);
    assert.notEqual(error.hint, undefined);
    assert.equal(entryOf(self, 'failed', names[i] as string).schema, schema);
  });
  assert.deepEqual(
    logged(self),
    names.flatMap((_, i) => [`before ${i}`, `after ${i}`]),
  );
  const shown = await self.run('queue-failed', ['show', names[1] as string]);
  assert.match(shown.stdout, /^schema: .*typo\.sql$/m);

  schemaFile(self, ['-- migration 1: typo\n\nCREATE TABLE x(y);'], 'typo.sql', '-- schema: typo');
  startNoWorker(self);
  assert.equal((await self.run('queue-failed', ['retry', names[1] as string])).code, 0);
  assert.equal(entryOf(self, 'pending', names[1] as string).schema, sql);
  await once(self);
  assert.deepEqual([versions(self), self.names('failed').length], [['s 1', 'typo 1'], 2]);
  assert.equal(self.journal().at(-1)?.schema, sql);
});

function entryOf(self: Project, directory: string, name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(self.spool, directory, name), 'utf8')) as Record<string, unknown>;
}

test('a file that is missing is told of once, and its entries are applied without', async (t) => {
  const self = project(t);
  withLog(self);
  const schema = join(self.dir, 'nowhere.sql');
  const env = { QUEUE_BATCH_SIZE: '2' };
  for (let i = 0; i < 6; i++) putEntry(self, logs(String(i)), { schema });
  const name = putEntry(self, 'INSERT INTO more VALUES(1)', { schema });
  await once(self, 3, env);
  assert.deepEqual(logged(self), ['0', '1', '2', '3', '4', '5']);
  assert.match(letter(self, name).message, /no such table: more/);
  assert.equal(workerLog(self).match(/ warn .*nowhere\.sql is missing/g)?.length, 1);
});

test('a locked database: nothing is spent, and the migrations are applied when it is free', async (t) => {
  const self = project(t, { SQLITE_BUSY_TIMEOUT: '50', QUEUE_MAX_RETRIES: '0' });
  withLog(self);
  putEntry(self, logs('warm'));
  await startWorker(self);
  await drained(self);
  const unlock = lockDatabase(self);
  t.after(unlock);
  const schema = schemaFile(self, [MORE.replace('2', '1')]);
  const name = putEntry(self, 'INSERT INTO more VALUES(1)', { schema });
  await waitFor('the outage to be told', () => /SQLITE_BUSY/.test(workerLog(self)));
  assert.deepEqual([self.names('pending'), self.names('failed')], [[name], []]);
  unlock();
  await drained(self);
  assert.deepEqual([versions(self), self.names('failed'), stats(self).retried], [['s 1'], [], 0]);
  assert.equal(self.journal().at(-1)?.retries, 0);
});

test('a migration that never ends is stopped like an entry, and leaves nothing', async (t) => {
  const self = project(t, { SQLITE_TIMEOUT: '300' });
  withLog(self);
  const endless = 'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r) SELECT sum(n) FROM r;';
  const schema = schemaFile(self, [`-- migration 1: endless\nCREATE TABLE half(x);\n${endless}`]);
  const name = putEntry(self, logs('a'), { schema });
  putEntry(self, logs('b'));
  await once(self, 3);
  assert.equal(letter(self, name).code, 'SQLITE_TIMEOUT');
  assert.deepEqual(logged(self), ['b']);
  assert.deepEqual(
    self.rows("SELECT name FROM sqlite_schema WHERE name IN ('half', '_queue_migrations')"),
    [],
  );
});

test('USE_QUEUE=false applies the migrations as well, and reports those that fail', async (t) => {
  const self = project(t, { USE_QUEUE: 'false' });
  const path = schemaFile(self, [LOG]);
  for (const text of ['a', 'b']) {
    // Relative to where it is called.
    const result = await nodeWrite(self, ['--schema', 'schema.sql', logs(text)]);
    assert.deepEqual([result.code, result.stderr], [0, '']);
  }
  assert.deepEqual([logged(self), versions(self)], [['a', 'b'], ['s 1']]);
  schemaFile(self, [LOG, '-- migration 2: bad\nCREAT']);
  const bad = await nodeWrite(self, ['--schema', path, logs('c')]);
  assert.equal(bad.code, 3);
  assert.match(bad.stderr, /BAD_SCHEMA: .*schema\.sql, line 5: /);
  rmSync(path);
  const missing = await nodeWrite(self, ['--schema', path, logs('d')]);
  assert.equal(missing.code, 0);
  assert.match(missing.stderr, /schema\.sql is missing/);
  assert.deepEqual(logged(self), ['a', 'b', 'd']);
});

test('queue-write --schema makes the path absolute; enqueue wants an absolute one; the journal keeps it', async (t) => {
  const self = project(t);
  const schema = schemaFile(self, [LOG]);
  await write(self, '--schema', 'schema.sql', logs('a'));
  const queue = openQueue(self.env);
  queue.enqueue({ sql: logs('b'), schema });
  assert.throws(
    () => queue.enqueue({ sql: logs('c'), schema: 'schema.sql' }),
    (error) => error instanceof QueueError && error.code === 'BAD_ENTRY' && /absolute/.test(error.message),
  );
  await once(self);
  assert.deepEqual(logged(self), ['a', 'b']);
  assert.deepEqual(
    self.journal().map((line) => line.schema),
    [schema, schema],
  );
});

test('two workers of two spools on one database at once apply no migration twice', async (t) => {
  const [one, two] = [project(t), project(t)];
  withLog(one);
  startNoWorker(two);
  const sections = Array.from(
    { length: 40 },
    (_, i) => `-- migration ${i + 1}: t\nCREATE TABLE m${i}(x); INSERT INTO m${i} VALUES(1);`,
  );
  const schema = schemaFile(one, sections);
  for (const self of [one, two]) putEntry(self, logs(self.dir), { schema });
  await Promise.all([once(one), once(two, 0, { HIVE_DB: one.db })]);
  assert.deepEqual(logged(one).sort(), [one.dir, two.dir].sort());
  assert.deepEqual([one.names('failed'), two.names('failed')], [[], []]);
  assert.equal(versions(one).length, 40);
  for (let i = 0; i < 40; i++) assert.deepEqual(one.rows(`SELECT x FROM m${i}`), [{ x: 1 }]);
});

const COUNT = 4;
const SECTIONS = Array.from(
  { length: COUNT },
  (_, i) =>
    `-- migration ${i + 1}: t\nCREATE TABLE m${i}(x);\nINSERT INTO m${i} VALUES(1);\nINSERT INTO m${i} VALUES(2);`,
);

/** How many migrations the database has, all of them whole and recorded. */
function wholeMigrations(self: Project, context: string): number {
  const tables = self.rows("SELECT name FROM sqlite_schema WHERE name LIKE 'm_' ORDER BY name");
  tables.forEach(({ name }, i) => {
    assert.equal(name, `m${i}`, context);
    assert.deepEqual(self.rows(`SELECT x FROM m${i}`), [{ x: 1 }, { x: 2 }], context);
  });
  const expected = tables.map((_, i) => `s ${i + 1}`);
  if (expected.length > 0) assert.deepEqual(versions(self), expected, context);
  return tables.length;
}

test('SIGKILL at any write or sync leaves whole migrations only, and the next worker does the rest once', {
  skip: noStrace(),
}, async (t) => {
  const seen = new Set<number>();
  for (const call of ['pwrite64', 'fdatasync']) {
    for (let when = 1, isOver = false; !isOver; when += call === 'pwrite64' ? 4 : 1) {
      const context = `SIGKILL at ${call} number ${when}`;
      const self = project(t);
      withLog(self);
      const schema = schemaFile(self, SECTIONS);
      putEntry(self, logs('a'), { schema });
      const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:signal=SIGKILL:when=${when}`];
      const killed = background(t, self, 'strace', [
        ...['-f', '-o', '/dev/null', ...inject],
        ...[join(DIST, 'queue-worker'), 'run', '--once'],
      ]);
      isOver = (await killed.ended) === 0;
      seen.add(wholeMigrations(self, context));
      await once(self);
      assert.equal(wholeMigrations(self, context), COUNT);
      assert.deepEqual([logged(self), self.names('failed')], [['a'], []], context);
    }
  }
  assert.deepEqual([...seen].sort(), [0, 1, 2, 3, 4], 'it was killed before, between and after them');
});
