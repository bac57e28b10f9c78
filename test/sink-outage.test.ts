/** The database's own failures: each is a SinkOutage, loses nothing, and is over as soon as its cause is. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { SinkOutage } from '../lib/sink/outage.ts';
import { openSink, type Sink, type SinkOptions } from '../lib/sink/sink.ts';
import type { Entry } from '../lib/spool/entry.ts';
import { type Project, project, ROOT } from './support/project.ts';

const OPTIONS: SinkOptions = {
  busyTimeout: 0,
  exactlyOnce: true,
  allowAttach: false,
  mustExist: true,
  createDirectory: false,
};

/** A project with a database that holds t(a) with one row, and a sink on it that is not open yet. */
function fixture(t: TestContext, options: Partial<SinkOptions> = {}): { self: Project; sink: Sink } {
  const self = project(t);
  mkdirSync(dirname(self.db));
  const db = new Database(self.db);
  db.exec("PRAGMA journal_mode = WAL; CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES('old')");
  db.close();
  const sink = openSink(self.db, { ...OPTIONS, ...options });
  t.after(() => sink.close());
  return { self, sink };
}

function entry(sql: string): Entry {
  return { seq: '1', priority: 5, operation: 'write', sql, metadata: {}, created_at: '', retries: 0 };
}

function outageOf(work: () => unknown): SinkOutage {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof SinkOutage, String(error));
    assert.equal(error.code, 'DATABASE');
    return error;
  }
  assert.fail('no outage');
}

/** The sink works: one batch goes through. */
function goesOn(sink: Sink, self: Project): void {
  sink.begin();
  assert.equal(sink.apply(entry("INSERT INTO t VALUES('new')"), 'new').kind, 'applied');
  sink.commit();
  assert.equal(self.rows("SELECT count(*) AS n FROM t WHERE a = 'new'")[0]?.n, 1);
}

test('locked by another connection: every way in is an outage, and the lock is waited for', (t) => {
  const { self, sink } = fixture(t, { busyTimeout: 150 });
  const other = new Database(self.db);
  t.after(() => other.close());
  other.exec('BEGIN IMMEDIATE');
  const start = performance.now();
  const outage = outageOf(() => sink.begin());
  assert.ok(performance.now() - start >= 140, 'waited for the lock');
  assert.equal(outage.reason, 'SQLITE_BUSY');
  assert.equal(outage.duringEntry, false);
  assert.ok(outage.message.includes(self.db));
  assert.match(outage.hint ?? '', /write lock/);
  const alone = outageOf(() => sink.applyAlone(entry("INSERT INTO t VALUES('x')"), 'x'));
  assert.equal(alone.duringEntry, false);
  for (const sql of ['VACUUM', 'PRAGMA foreign_keys = ON; DELETE FROM t']) {
    const outage = outageOf(() => sink.applyAlone(entry(sql), 'x'));
    assert.equal(outage.reason, 'SQLITE_BUSY');
    assert.equal(outage.duringEntry, false, 'the database itself is locked');
  }
  other.exec('ROLLBACK');
  goesOn(sink, self);
});

test('missing: an outage that says what to do, and no new database in its place', (t) => {
  const { self, sink } = fixture(t);
  renameSync(self.db, `${self.db}.away`);
  const outage = outageOf(() => sink.begin());
  assert.equal(outage.reason, 'SQLITE_CANTOPEN');
  assert.match(outage.message, /hive\.db can't be used: it is missing/);
  assert.match(outage.hint ?? '', /Put it back, or run queue-init to start a new one/);
  assert.equal(existsSync(self.db), false);
  outageOf(() => sink.applied(['x']));
  outageOf(() => sink.applyAlone(entry('SELECT 1'), 'x'));
  renameSync(`${self.db}.away`, self.db);
  goesOn(sink, self);
});

test('its directory gone: an outage, unless directories may be created', (t) => {
  const { self, sink } = fixture(t, { mustExist: false });
  renameSync(dirname(self.db), join(self.dir, 'away'));
  assert.equal(outageOf(() => sink.begin()).reason, 'SQLITE_CANTOPEN');
  assert.equal(existsSync(dirname(self.db)), false);
  const bold = openSink(self.db, { ...OPTIONS, mustExist: false, createDirectory: true });
  t.after(() => bold.close());
  bold.begin();
  bold.rollback();
  assert.equal(existsSync(self.db), true);
  bold.close();
  rmSync(dirname(self.db), { recursive: true });
  renameSync(join(self.dir, 'away'), dirname(self.db));
  goesOn(sink, self);
});

const replacements: [title: string, make: (path: string) => void, reason: RegExp][] = [
  ['a text file', (path) => writeFileSync(path, 'this is not a database\n'.repeat(1000)), /^SQLITE_NOTADB$/],
  ['a directory', (path) => mkdirSync(path), /^SQLITE_CANTOPEN/],
  ['a link to nowhere', (path) => symlinkSync('/nowhere/at/all', path), /^SQLITE_CANTOPEN/],
  ['a loop of links', (path) => symlinkSync(path, path), /^SQLITE_CANTOPEN/],
];

for (const [title, make, reason] of replacements) {
  test(`${title} in its place`, (t) => {
    const { self, sink } = fixture(t);
    renameSync(self.db, `${self.db}.away`);
    make(self.db);
    const outage = outageOf(() => sink.begin());
    assert.match(outage.reason, reason);
    assert.equal(outage.duringEntry, false);
    rmSync(self.db, { recursive: true });
    renameSync(`${self.db}.away`, self.db);
    goesOn(sink, self);
  });
}

test('a ledger table that is not ours is an outage, not the fault of entries', (t) => {
  const { self, sink } = fixture(t);
  const db = new Database(self.db);
  db.exec('CREATE TABLE _queue_ledger(a, b, c)');
  assert.match(outageOf(() => sink.begin()).message, /_queue_ledger has 3 columns/);
  assert.match(
    outageOf(() => sink.applyAlone(entry('SELECT 1'), 'x')).message,
    /_queue_ledger has 3 columns/,
  );
  db.exec('DROP TABLE _queue_ledger');
  db.close();
  goesOn(sink, self);
});

test('a ledger that was dropped between batches is there again in the next', (t) => {
  const { self, sink } = fixture(t);
  sink.begin();
  sink.commit();
  const db = new Database(self.db);
  db.exec('DROP TABLE _queue_ledger');
  db.close();
  goesOn(sink, self);
  assert.deepEqual(sink.applied(['new']), new Set(['new']));
});

test('a full database during an entry: the batch is rolled back, and the entry may be to blame', (t) => {
  const { self, sink } = fixture(t);
  const db = new Database(self.db);
  t.after(() => db.close());
  const sql = 'PRAGMA max_page_count = 1; INSERT INTO t VALUES(zeroblob(1000000))';
  const outage = outageOf(() => sink.applyAlone(entry(sql), 'x'));
  assert.equal(outage.reason, 'SQLITE_FULL');
  assert.equal(outage.duringEntry, true);
  goesOn(sink, self);
});

test('a PRAGMA that makes its own entry fail is the fault of the entry', (t) => {
  const { self, sink } = fixture(t);
  const outcome = sink.applyAlone(entry("PRAGMA query_only = 1; INSERT INTO t VALUES('x')"), 'x');
  assert.equal(outcome.kind === 'failed' && outcome.error.code, 'SQLITE_READONLY');
  goesOn(sink, self);
});

test('a PRAGMA that others stand in the way of fails for now; the database is well', (t) => {
  const { self, sink } = fixture(t);
  const other = new Database(self.db);
  t.after(() => other.close());
  other.exec('BEGIN; SELECT * FROM t');
  const outcome = sink.applyAlone(entry('PRAGMA journal_mode = DELETE'), 'x');
  assert.equal(outcome.kind === 'failed' && outcome.transient, true);
  assert.deepEqual(sink.applied(['x']), new Set());
  goesOn(sink, self);
});

test('no room to write, in an entry, at COMMIT, or in an entry that runs alone', {
  skip: !canLimit(),
}, (t) => {
  const { self } = fixture(t);
  // Files of 8 MB at most, a page cache of 16 MB: 40 MB fail in the statement, 9 MB at COMMIT.
  const script = `
    import { SinkOutage } from '${ROOT}/lib/sink/outage.ts';
    import { openSink } from '${ROOT}/lib/sink/sink.ts';
    process.on('SIGXFSZ', () => {});
    const sink = openSink(process.argv[1], ${JSON.stringify(OPTIONS)});
    const entry = (sql) => ({ seq: '1', priority: 5, operation: 'write', sql, metadata: {}, created_at: '', retries: 0 });
    const rows = (n) => entry(\`INSERT INTO t WITH RECURSIVE c(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM c LIMIT \${n}) SELECT randomblob(1000000) FROM c\`);
    const attempt = (work) => {
      try {
        console.log(work());
      } catch (error) {
        console.log(error instanceof SinkOutage, error.reason, error.duringEntry);
      }
    };
    for (const size of [40, 9]) {
      sink.begin();
      attempt(() => sink.apply(entry("INSERT INTO t VALUES('neighbour')"), 'neighbour').kind);
      attempt(() => sink.apply(rows(size), 'big').kind);
      if (size === 9) attempt(() => sink.commit());
    }
    attempt(() => sink.applyAlone(rows(40), 'big').kind);
    sink.close();`;
  const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', script, self.db];
  const child = spawnSync('bash', ['-c', 'ulimit -f 8192; exec "$@"', 'x', ...node], {
    encoding: 'utf8',
    cwd: ROOT,
  });
  assert.deepEqual(
    child.stdout
      .replaceAll(/SQLITE_(FULL|IOERR_WRITE)/g, 'NO_ROOM')
      .trim()
      .split('\n'),
    ['applied', 'true NO_ROOM true', 'applied', 'applied', 'true NO_ROOM false', 'true NO_ROOM true'],
    child.stderr,
  );
  const sink = openSink(self.db, OPTIONS);
  t.after(() => sink.close());
  assert.deepEqual(sink.applied(['neighbour', 'big']), new Set());
  goesOn(sink, self);
});

test('read-only: an outage naming the remedy', (t) => {
  const { self, sink } = fixture(t);
  sink.begin();
  sink.close();
  chmodSync(self.db, 0o444);
  const outage = asMortal([self.dir, dirname(self.db)], () => outageOf(() => sink.begin()));
  assert.equal(outage.reason, 'SQLITE_READONLY');
  assert.equal(outage.duringEntry, false);
  assert.match(outage.hint ?? '', /write permission/);
  sink.close();
  chmodSync(self.db, 0o600);
  goesOn(sink, self);
});

test('the native addon is not loaded before a database is opened', () => {
  const script = `import { openSink } from '${ROOT}/lib/sink/sink.ts';
    const sink = openSink('/nowhere/x.db', ${JSON.stringify(OPTIONS)});
    const loaded = () => process.report.getReport().sharedObjects.some((name) => name.includes('better-sqlite3'));
    console.log(loaded());
    try { sink.begin(); } catch { console.log(loaded()); }`;
  const child = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    encoding: 'utf8',
    cwd: ROOT,
  });
  assert.equal(child.stdout, 'false\nfalse\n', child.stderr);
});

/** Runs `work` as a user whom file modes bind and who owns `directories`: root gives up its rights for that time. */
function asMortal<T>(directories: string[], work: () => T): T {
  if (process.getuid?.() !== 0) return work();
  const nobody = 65534;
  for (const directory of directories) chownSync(directory, nobody, nobody);
  process.seteuid?.(nobody);
  try {
    return work();
  } finally {
    process.seteuid?.(0);
  }
}

function canLimit(): boolean {
  return spawnSync('bash', ['-c', 'ulimit -f 8192']).status === 0;
}
