/** Files of migrations: their form, and what a database gets of them through the sink's interface. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { parseSchema } from '../lib/sink/migrations.ts';
import { SinkOutage } from '../lib/sink/outage.ts';
import { type Outcome, openSink, type Sink, type SinkOptions } from '../lib/sink/sink.ts';
import type { Entry } from '../lib/spool/entry.ts';
import { type Project, project, ROOT, waitFor } from './support/project.ts';
import { background } from './support/queue.ts';

const OPTIONS: SinkOptions = {
  busyTimeout: 0,
  exactlyOnce: true,
  allowAttach: false,
  mustExist: false,
  createDirectory: true,
};

const ONE = '-- schema: s\n-- migration 1: one\nCREATE TABLE a(x);\nINSERT INTO a VALUES(1);\n';
const TWO = `${ONE}-- migration 2: two\nCREATE TABLE b(x);\n`;

interface Fixture {
  self: Project;
  sink: Sink;
  /** A file of migrations, put there by rename. */
  file: (text: string, name?: string) => string;
  warnings: string[];
}

function fixture(t: TestContext, options: Partial<SinkOptions> = {}): Fixture {
  const self = project(t);
  const warnings: string[] = [];
  const sink = openSink(self.db, { ...OPTIONS, warn: (message) => warnings.push(message), ...options });
  t.after(() => sink.close());
  const file = (text: string, name = 'schema.sql'): string => {
    const path = join(self.dir, name);
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
    return path;
  };
  return { self, sink, file, warnings };
}

function entry(schema: string, sql = 'INSERT INTO a VALUES(2)'): Entry {
  return {
    seq: '1',
    priority: 5,
    operation: 'write',
    sql,
    schema,
    metadata: {},
    created_at: '',
    retries: 0,
  };
}

let serial = 0;
const alone = (sink: Sink, schema: string, sql?: string): Outcome =>
  sink.applyAlone(entry(schema, sql), `k${serial++}`);

/** One entry as the worker applies it: in a batch, and alone when the sink wants that. @returns the kinds. */
function apply(sink: Sink, schema: string, sql?: string): string[] {
  sink.begin();
  const first = sink.apply(entry(schema, sql), `k${serial++}`).kind;
  sink.commit();
  return first === 'solo' ? [first, alone(sink, schema, sql).kind] : [first];
}

function faultOf(outcome: Outcome): { code: string; message: string; hint?: string } {
  assert.ok(outcome.kind === 'failed', outcome.kind);
  return outcome.error;
}

function outageOf(work: () => unknown): SinkOutage {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof SinkOutage, String(error));
    return error;
  }
  assert.fail('no outage');
}

const records = (self: Project): string[] =>
  self
    .rows('SELECT schema, version, title FROM _queue_migrations ORDER BY schema, version')
    .map(({ schema, version, title }) => `${schema} ${version} ${title}`);
const tables = (self: Project): unknown[] =>
  self
    .rows(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY 1",
    )
    .map(({ name }) => name);

test('a file is taken apart: versions, titles, SQL as it stands, and the line it begins at', () => {
  const text =
    '-- schema: my_hive-2\r\n\n-- about it\n-- migration 1: a: b \r\nX;\r\n-- migration 2: c\nY;\nZ;';
  assert.deepEqual(parseSchema(text, 'f'), {
    name: 'my_hive-2',
    migrations: [
      { version: 1, title: 'a: b', sql: 'X;', line: 5 },
      { version: 2, title: 'c', sql: 'Y;\nZ;', line: 7 },
    ],
  });
});

const HEAD = '-- schema: s\n';
const malformed: [what: string, text: string | Buffer, message: RegExp][] = [
  ['an empty file', '', /line 1: .*name of its schema/],
  ['no name', 'CREATE TABLE a(x);\n', /line 1: .*name of its schema/],
  ['a name with a space', '-- schema: a b\n-- migration 1: x\n', /line 1: /],
  ['no migration', HEAD, /holds no migration/],
  ['SQL before the first migration', `${HEAD}CREATE TABLE a(x);\n-- migration 1: x\n`, /line 2: .*before/],
  ['a gap', `${HEAD}-- migration 1: x\n-- migration 3: y\n`, /line 3: migration 3 .*number 2 is expected/],
  ['a start at 2', `${HEAD}-- migration 2: x\n`, /line 2: migration 2 .*number 1 is expected/],
  ['a number twice', `${HEAD}-- migration 1: x\n-- migration 1: y\n`, /line 3: migration 1 .*second time/],
  ['no title', `${HEAD}-- migration 1:\n`, /line 2: .*looks like/],
  ['no colon', `${HEAD}-- migration 1: x\n-- migration 2 y\n`, /line 3: .*looks like/],
  ['other spaces', `${HEAD}-- migration 1: x\n  --migration  2: y\n`, /line 3: .*looks like/],
  ['capitals', `${HEAD}-- migration 1: x\n-- Migration 2: y\n`, /line 3: .*looks like/],
  ['a zero in front', `${HEAD}-- migration 01: x\n`, /line 2: .*looks like/],
  ['a second name', `${HEAD}-- migration 1: x\n-- schema: t\n`, /line 3: .*looks like/],
  ['bad UTF-8', Buffer.from(`${HEAD}-- migration 1: \xff\n`, 'latin1'), /not valid UTF-8/],
  ['U+0000', `${HEAD}-- migration 1: x\nSELECT 'a\0';\n`, /line 3: .*U\+0000/],
];

for (const [what, text, message] of malformed) {
  test(`malformed: ${what}`, (t) => {
    const { self, sink, file } = fixture(t);
    const path = file(text as string);
    const error = faultOf(alone(sink, path, 'CREATE TABLE mine(x)'));
    assert.equal(error.code, 'BAD_SCHEMA');
    assert.match(error.message, message);
    assert.ok(error.message.includes(path));
    assert.notEqual(error.hint, undefined);
    assert.deepEqual(tables(self), []);
  });
}

const refused = [
  'BEGIN',
  'COMMIT',
  'END',
  'ROLLBACK',
  'SAVEPOINT s',
  'VACUUM',
  "VACUUM INTO 'x'",
  "ATTACH ':memory:' AS x",
  'DETACH x',
  'PRAGMA foreign_keys = ON',
  'PRAGMA user_version = 3',
  'EXPLAIN PRAGMA query_only = 1',
  'CREATE TEMP TABLE y(x)',
  'CREATE TABLE temp.y(x)',
  'INSERT INTO c VALUES(:x)',
  'DELETE FROM _queue_ledger',
  'DROP TABLE "_QUEUE_migrations"',
];

for (const sql of refused) {
  test(`refused in a migration, and none of the file is run: ${sql}`, (t) => {
    const { self, sink, file } = fixture(t, { allowAttach: true });
    const path = file(`${TWO}-- migration 3: bad\nCREATE TABLE c(x);\n\n${sql};\n`);
    const error = faultOf(alone(sink, path));
    assert.equal(error.code, 'BAD_SCHEMA');
    assert.match(error.message, /line 10: /);
    assert.deepEqual(tables(self), []);
  });
}

test('an entry may read the record of migrations, and not write to it', (t) => {
  const { self, sink, file } = fixture(t);
  const path = file(ONE);
  assert.equal(faultOf(alone(sink, path, 'DELETE FROM _queue_migrations')).code, 'REFUSED');
  assert.equal(alone(sink, path, 'SELECT * FROM _queue_migrations').kind, 'applied');
  assert.deepEqual(records(self), ['s 1 one']);
});

test('each is applied once, in order, and recorded; then the file costs no entry a run of its own', (t) => {
  const { self, sink, file } = fixture(t);
  const path = file(TWO);
  assert.deepEqual(apply(sink, path), ['solo', 'applied']);
  assert.deepEqual(apply(sink, path, 'INSERT INTO b VALUES(1)'), ['applied']);
  assert.deepEqual(records(self), ['s 1 one', 's 2 two']);
  assert.deepEqual(self.rows('SELECT x FROM a'), [{ x: 1 }, { x: 2 }]);
  const [row] = self.rows(
    'SELECT applied_at, typeof(applied_at) || typeof(version) AS types FROM _queue_migrations',
  );
  assert.equal(row?.types, 'integerinteger');
  assert.ok(Math.abs(Number(row?.applied_at) - Date.now()) < 60_000);
  const [table] = self.rows("SELECT sql FROM sqlite_schema WHERE name = '_queue_migrations'");
  assert.match(String(table?.sql), /PRIMARY KEY\(schema, version\)\) WITHOUT ROWID$/);
});

test('of many entries in a batch one is run alone, whatever its place', (t) => {
  const { self, sink, file } = fixture(t);
  const path = file(ONE);
  const left = Array.from({ length: 500 }, (_, i) => `n${i}`);
  let solos = 0;
  while (left.length > 0) {
    sink.begin();
    while (left.length > 0 && sink.apply(entry(path), left[0] as string).kind === 'applied') left.shift();
    sink.commit();
    if (left.length === 0) break;
    solos++;
    assert.equal(sink.applyAlone(entry(path), left.shift() as string).kind, 'applied');
  }
  assert.equal(solos, 1);
  assert.equal(self.rows('SELECT count(*) AS n FROM a WHERE x = 2')[0]?.n, 500);
});

test('after the connection was opened anew the database is asked again, and nothing is applied twice', (t) => {
  const { self, sink, file } = fixture(t);
  const path = file(ONE);
  apply(sink, path);
  sink.close();
  assert.deepEqual(apply(sink, path), ['solo', 'applied']);
  assert.deepEqual(records(self), ['s 1 one']);
});

test('a file that is replaced is read again, and what was appended is applied', (t) => {
  const { self, sink, file } = fixture(t);
  apply(sink, file(ONE));
  assert.deepEqual(apply(sink, file(TWO), 'INSERT INTO b VALUES(1)'), ['solo', 'applied']);
  assert.deepEqual(records(self), ['s 1 one', 's 2 two']);
});

test('a database that has a higher version than the file is left as it is', (t) => {
  const { self, sink, file } = fixture(t);
  apply(sink, file(TWO, 'newer.sql'));
  // Not even looked at: this would be refused.
  const older = file('-- schema: s\n-- migration 1: other\nVACUUM;\n', 'older.sql');
  assert.deepEqual(apply(sink, older), ['solo', 'applied']);
  assert.deepEqual(
    [records(self), tables(self)],
    [
      ['s 1 one', 's 2 two'],
      ['a', 'b'],
    ],
  );
});

test('two schemas in one database do not know of each other', (t) => {
  const { self, sink, file } = fixture(t);
  apply(sink, file(ONE));
  const other = file('-- schema: t\n-- migration 1: its own\nCREATE TABLE z(x);\n', 'other.sql');
  assert.deepEqual(apply(sink, other, 'INSERT INTO z VALUES(1)'), ['solo', 'applied']);
  assert.deepEqual(records(self), ['s 1 one', 't 1 its own']);
});

test('SQL that fails: those before stay, that one leaves nothing, and the mended file goes on from there', (t) => {
  const { self, sink, file } = fixture(t);
  const bad = `${TWO}-- migration 3: bad\nCREATE TABLE c(x);\nINSERT INTO nowhere\n  VALUES(1);\n`;
  const path = file(bad);
  const error = faultOf(alone(sink, path));
  assert.equal(error.code, 'BAD_SCHEMA');
  assert.match(
    error.message,
    /schema\.sql, line 9: migration 3 \(bad\): no such table: nowhere \(SQLITE_ERROR\)/,
  );
  assert.deepEqual(
    [records(self), tables(self)],
    [
      ['s 1 one', 's 2 two'],
      ['a', 'b'],
    ],
  );
  assert.deepEqual(self.rows('SELECT x FROM a'), [{ x: 1 }], 'the entry was not applied');
  const other = new Database(self.db, { timeout: 0 });
  other.exec('BEGIN IMMEDIATE');
  other.close();
  assert.deepEqual(apply(sink, file(bad.replace('nowhere', 'c'))), ['solo', 'applied']);
  assert.deepEqual(tables(self), ['a', 'b', 'c']);
});

test('a migration that ends the transaction by a conflict leaves nothing of it', (t) => {
  const { self, sink, file } = fixture(t);
  const path = file(`${ONE}CREATE UNIQUE INDEX u ON a(x);\nINSERT OR ROLLBACK INTO a VALUES(1);\n`);
  assert.equal(faultOf(alone(sink, path)).code, 'BAD_SCHEMA');
  assert.deepEqual(tables(self), []);
  assert.deepEqual(apply(sink, file(ONE)), ['solo', 'applied']);
});

test('triggers, strings with semicolons and empty migrations are SQL like any other', (t) => {
  const { self, sink, file } = fixture(t);
  const trigger = "CREATE TRIGGER g AFTER INSERT ON a BEGIN UPDATE a SET x = ';'; SELECT 1; END;";
  const path = file(`${ONE}-- migration 2: nothing any more\n-- migration 3: t\n${trigger}\nSELECT * FROM a`);
  assert.deepEqual(apply(sink, path), ['solo', 'applied']);
  assert.deepEqual(self.rows('SELECT DISTINCT x FROM a'), [{ x: ';' }]);
});

test('a file that is missing is told of, and the entry applied without; when it is there it is applied', (t) => {
  const { self, sink, file, warnings } = fixture(t);
  const path = join(self.dir, 'schema.sql');
  assert.deepEqual(apply(sink, path, 'CREATE TABLE mine(x)'), ['applied']);
  assert.equal(faultOf(alone(sink, path)).message, 'no such table: a');
  assert.equal(warnings.length, 2);
  for (const warning of warnings) assert.ok(warning.includes(`${path} is missing`));
  file(ONE);
  assert.deepEqual(apply(sink, path), ['solo', 'applied']);
  rmSync(path);
  assert.deepEqual(apply(sink, path), ['applied']);
});

test('a relative path, a directory, a FIFO and a loop of links are BAD_SCHEMA', (t) => {
  const { self, sink } = fixture(t);
  const [directory, fifo, loop] = ['directory', 'fifo', 'loop'].map((name) => join(self.dir, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(directory);
  spawnSync('mkfifo', [fifo]);
  symlinkSync(loop, loop);
  for (const [path, message] of [
    ['schema.sql', /schema\.sql: this is no absolute path/],
    // It is there, from where the tests run.
    ['package.json', /no absolute path/],
    ['', /no absolute path/],
    [directory, /not a regular file/],
    [fifo, /not a regular file/],
    [loop, /can't be read: ELOOP/],
  ] as const) {
    const error = faultOf(alone(sink, path, 'SELECT 1'));
    assert.equal(error.code, 'BAD_SCHEMA');
    assert.match(error.message, message);
  }
});

/** Runs a module that has `sink`, `file` and `entry(sql)`, in a process of its own behind `ulimit`. */
function limited(self: Project, ulimit: string, script: string): string {
  const path = join(self.dir, 'schema.sql');
  const head = `
    import { openSync } from 'node:fs';
    import { openSink } from '${ROOT}/lib/sink/sink.ts';
    const file = ${JSON.stringify(path)};
    const sink = openSink(${JSON.stringify(self.db)}, ${JSON.stringify(OPTIONS)});
    const entry = (sql) => ({ seq: '1', priority: 5, operation: 'write', sql, schema: file, metadata: {}, created_at: '', retries: 0 });
    const apply = () => sink.applyAlone(entry('INSERT INTO a VALUES(2)'), 'k');
    sink.begin();
    sink.commit();`;
  const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', `${head}\n${script}`];
  const child = spawnSync('bash', ['-c', `ulimit ${ulimit}; exec "$@"`, 'x', ...node], {
    encoding: 'utf8',
    cwd: ROOT,
  });
  assert.equal(child.status, 0, child.stderr);
  return child.stdout.trim();
}

test('no descriptor left to read the file with is no fault for good', (t) => {
  const { self, file } = fixture(t);
  file(ONE);
  const script = `
    try { for (;;) openSync('/dev/null'); } catch {}
    const { kind, transient, error } = apply();
    console.log(kind, transient, error.code, /EMFILE/.test(error.message));`;
  assert.equal(limited(self, '-n 200', script), 'failed true BAD_SCHEMA true');
});

test('no room for a migration is an outage of that entry; nothing of it stays, and it is applied when there is', (t) => {
  const { self, sink, file } = fixture(t);
  const series = 'WITH RECURSIVE c(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM c LIMIT 40)';
  const big = `INSERT INTO b ${series} SELECT randomblob(1000000) FROM c;\n`;
  const path = file(TWO + big);
  const script = `
    process.on('SIGXFSZ', () => {});
    try { apply(); } catch (error) { console.log(error.constructor.name, error.reason, error.duringEntry); }`;
  assert.match(limited(self, '-f 8192', script), /^SinkOutage SQLITE_(FULL|IOERR_WRITE) true$/);
  assert.deepEqual([records(self), tables(self)], [['s 1 one'], ['a']]);
  assert.deepEqual(apply(sink, path), ['solo', 'applied']);
  assert.deepEqual(records(self), ['s 1 one', 's 2 two']);
});

test('a lock during a migration is an outage, nobody to blame; nothing is lost', (t) => {
  const { self, sink, file } = fixture(t);
  sink.begin();
  sink.commit();
  const path = file(ONE);
  const other = new Database(self.db);
  t.after(() => other.close());
  other.exec('BEGIN IMMEDIATE');
  const outage = outageOf(() => alone(sink, path));
  assert.deepEqual([outage.reason, outage.duringEntry], ['SQLITE_BUSY', false]);
  other.exec('ROLLBACK');
  assert.deepEqual(apply(sink, path), ['solo', 'applied']);
  assert.deepEqual([records(self), self.rows('SELECT x FROM a')], [['s 1 one'], [{ x: 1 }, { x: 2 }]]);
});

test("a record of migrations that is something else is nobody's fault: an outage", (t) => {
  const { self, sink, file } = fixture(t);
  sink.begin();
  sink.commit();
  const db = new Database(self.db);
  db.exec('CREATE VIEW _queue_migrations AS SELECT 1 AS x');
  db.close();
  assert.equal(outageOf(() => alone(sink, file(ONE))).duringEntry, false);
  assert.deepEqual(tables(self), []);
});

test('two processes that find the same migration missing apply it once', async (t) => {
  const { self, sink, file } = fixture(t);
  sink.begin();
  sink.commit();
  const path = file(TWO);
  const lock = new Database(self.db);
  t.after(() => lock.close());
  lock.exec('BEGIN IMMEDIATE');
  const script = `
    import { openSink } from '${ROOT}/lib/sink/sink.ts';
    const sink = openSink(${JSON.stringify(self.db)}, { ...${JSON.stringify(OPTIONS)}, busyTimeout: 60000 });
    sink.applied(['x']);
    console.log('ready');
    console.log(sink.applyAlone(${JSON.stringify(entry(path))}, process.argv[1]));`;
  const args = ['--import', `${ROOT}/node_modules/tsx/dist/loader.mjs`, '--input-type=module', '-e', script];
  const two = ['a', 'b'].map((key) => background(t, self, process.execPath, [...args, key]));
  await waitFor('both to be ready', () => two.every((process) => /ready/.test(process.text())));
  // Past their first look at the database, which the lock does not hinder, and waiting for it.
  await new Promise((done) => setTimeout(done, 500));
  lock.exec('ROLLBACK');
  for (const process of two) {
    assert.equal(await process.ended, 0, process.text());
    assert.match(process.text(), /kind: 'applied'/);
  }
  assert.deepEqual(records(self), ['s 1 one', 's 2 two']);
  assert.deepEqual(self.rows('SELECT x FROM a'), [{ x: 1 }, { x: 2 }, { x: 2 }]);
});
