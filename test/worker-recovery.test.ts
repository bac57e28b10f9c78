/** What a worker does about what the last one left, and about entries that stand in its way. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { type Project, project } from './support/project.ts';

/** A spool with a database that has the table t(a), and no worker. */
async function prepared(t: TestContext, env: Record<string, string> = {}): Promise<Project> {
  const self = project(t, env);
  assert.equal((await self.run('queue-init')).code, 0);
  const db = new Database(self.db);
  db.exec('CREATE TABLE t(a UNIQUE)');
  db.close();
  return self;
}

/** Puts an entry into pending/ without starting a worker. */
function drop(self: Project, number: number, fields: Record<string, unknown>): string {
  const seq = `17673289631234${String(number).padStart(2, '0')}_1`;
  const entry = { seq, priority: 5, operation: 'op', metadata: {}, created_at: '', retries: 0, ...fields };
  writeFileSync(join(self.spool, 'pending', `05_${seq}.json`), `${JSON.stringify(entry)}\n`, { mode: 0o600 });
  return `05_${seq}.json`;
}

const SLOW = 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 400000)';

test('a slow entry that rolls the transaction back does not keep the others from being applied', async (t) => {
  const self = await prepared(t);
  drop(self, 1, { sql: "INSERT INTO t VALUES('first')" });
  drop(self, 2, { sql: `${SLOW} INSERT OR ROLLBACK INTO t SELECT 'first' FROM c` });
  drop(self, 3, { sql: "INSERT INTO t VALUES('last')" });
  assert.equal((await self.run('queue-worker', ['--once'])).code, 3);
  assert.deepEqual(self.rows('SELECT a FROM t ORDER BY rowid'), [{ a: 'first' }, { a: 'last' }]);
  assert.equal(self.names('failed').length, 1);
});

test('after a crash, a second database that can not be opened does not stop the first', async (t) => {
  const self = await prepared(t, { SQLITE_BUSY_TIMEOUT: '200' });
  const lost = drop(self, 1, { sql: "INSERT INTO t VALUES('lost')", db: '/nonexistent/directory/x.db' });
  drop(self, 2, { sql: "INSERT INTO t VALUES('here')" });
  writeFileSync(join(self.spool, 'processing', 'batch'), `deaths=0\n${lost}\n`, { mode: 0o600 });
  assert.equal((await self.run('queue-worker', ['--once'])).code, 1);
  assert.deepEqual(self.rows('SELECT a FROM t'), [{ a: 'here' }]);
  assert.deepEqual(self.names('pending'), [lost]);
});

test('a torn file from the future is torn, and --once ends', async (t) => {
  const self = await prepared(t);
  const path = join(self.spool, 'pending', '05_1767328963123401_1.json');
  writeFileSync(path, '{"sql":"INSERT', { mode: 0o600 });
  const later = Date.now() / 1000 + 3600;
  utimesSync(path, later, later);
  assert.equal((await self.run('queue-worker', ['--once'])).code, 3);
  assert.deepEqual(self.names('failed'), ['05_1767328963123401_1.json', '05_1767328963123401_1.json.why']);
});

test('an entry stopped after its transaction is journaled, and its letter says what is applied', async (t) => {
  const self = await prepared(t, { SQLITE_TIMEOUT: '300' });
  const db = new Database(self.db);
  db.exec(`CREATE TABLE big AS ${SLOW} SELECT x, hex(randomblob(100)) AS y FROM c`);
  db.close();
  const name = drop(self, 1, { sql: "INSERT INTO t VALUES('kept'); VACUUM" });
  drop(self, 2, { sql: "INSERT INTO t VALUES('next')" });
  assert.equal((await self.run('queue-worker', ['--once'])).code, 3);
  assert.deepEqual(self.rows('SELECT a FROM t ORDER BY rowid'), [{ a: 'kept' }, { a: 'next' }]);
  assert.equal(self.journal().filter((line) => line.name === name).length, 1);
  const letter = JSON.parse(readFileSync(join(self.spool, 'failed', name), 'utf8')) as {
    error: { message: string };
  };
  assert.match(letter.error.message, /the statements before it are applied/);
});

test('an entry whose key a second spool of the same numbers has used is applied all the same', async (t) => {
  const self = await prepared(t);
  const other = join(self.dir, 'other', 'queue');
  mkdirSync(join(self.dir, 'other'));
  assert.equal((await self.run('queue-init', [], { env: { QUEUE_BASE_DIR: other } })).code, 0);
  drop(self, 1, { sql: "INSERT INTO t VALUES('one')" });
  drop({ ...self, spool: other }, 1, { sql: "INSERT INTO t VALUES('two')" });
  assert.equal((await self.run('queue-worker', ['--once'])).code, 0);
  assert.equal((await self.run('queue-worker', ['--once'], { env: { QUEUE_BASE_DIR: other } })).code, 0);
  assert.deepEqual(self.rows('SELECT a FROM t ORDER BY a'), [{ a: 'one' }, { a: 'two' }]);
});

test('of two entries with one id in hand at a death, the journal has the one that was applied', async (t) => {
  const self = await prepared(t);
  const other = join(self.dir, 'other.db');
  const entries: [string, Record<string, unknown>][] = [
    ["INSERT INTO t VALUES('first')", { id: 'own' }],
    ["INSERT INTO t VALUES('second')", { id: 'own' }],
    ['CREATE TABLE there(a)', { id: 'own', db: other }],
  ];
  // The first is applied and journaled; the second, and that of another database, are found by recovery.
  for (const journaled of [true, false]) {
    const names = entries.map(([sql, more], number) => drop(self, number, { sql, ...more }));
    const texts = names.map((name) => readFileSync(join(self.spool, 'pending', name)));
    assert.equal((await self.run('queue-worker', ['--once'])).code, 0);
    const journal = join(self.spool, 'completed', 'journal-00000001.jsonl');
    const sorted = (): string[] =>
      self
        .journal()
        .map((line) => line.name as string)
        .sort();
    assert.deepEqual(sorted(), [names[0], names[2]]);
    if (!journaled) writeFileSync(journal, '');
    for (const [index, name] of names.entries()) {
      writeFileSync(join(self.spool, 'pending', name), texts[index] as Buffer);
    }
    writeFileSync(join(self.spool, 'processing', 'batch'), `deaths=0\n${names.join('\n')}\n`);
    assert.equal((await self.run('queue-worker', ['--once'])).code, 0);
    assert.deepEqual(sorted(), [names[0], names[2]]);
    assert.deepEqual([self.names('pending'), self.names('failed')], [[], []]);
  }
  assert.deepEqual(self.rows('SELECT a FROM t'), [{ a: 'first' }]);
});
