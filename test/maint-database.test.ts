/** queue-maint's commands about the database, each through the executable: what they do, say and return. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { DIST, type Project, project, type Result } from './support/project.ts';
import { AS_NOBODY, execute, logs, noOtherUser, once, putEntry, unless, withLog } from './support/queue.ts';

const COMMANDS = [
  ['stats'],
  ['stats', '--quick'],
  ['checkpoint'],
  ['vacuum'],
  ['analyze'],
  ['optimize'],
  ['optimize', '--full'],
  ['integrity'],
];

/** Runs a command that must leave with `code`. */
async function maint(self: Project, args: readonly string[], code = 0): Promise<Result> {
  const result = await self.run('queue-maint', args);
  assert.equal(result.code, code, `${args.join(' ')}: ${result.stdout}${result.stderr}`);
  return result;
}

async function json(self: Project, ...args: string[]): Promise<Record<string, unknown>> {
  return JSON.parse((await maint(self, [...args, '--json'])).stdout);
}

/** A database of about 1 MB in WAL mode, half of whose pages are free. */
function halfEmpty(self: Project, pragma = ''): void {
  execute(
    self,
    `${pragma}; PRAGMA journal_mode = WAL; CREATE TABLE log(n INTEGER PRIMARY KEY, t); CREATE INDEX log_n ON log(n);
     WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 2000)
     INSERT INTO log SELECT n, hex(randomblob(250)) FROM r;
     DELETE FROM log WHERE n <= 1000`,
  );
}

interface Report {
  before: { size: number; freePages: number; autoVacuum: string };
  after: { size: number; walSize: number; freePages: number; autoVacuum: string };
}

test('vacuum gives free pages back, keeps every row, and leaves no WAL', async (t) => {
  const self = project(t);
  halfEmpty(self);
  const rows = self.rows('SELECT * FROM log');
  const { before, after } = (await json(self, 'vacuum')) as unknown as Report;
  assert.ok(before.freePages > 100, `${before.freePages}`);
  assert.ok(after.size < before.size * 0.7, `${after.size} of ${before.size}`);
  assert.deepEqual([after.freePages, after.walSize], [0, 0]);
  assert.equal(statSync(self.db).size, after.size);
  assert.deepEqual(self.rows('SELECT * FROM log'), rows);
  const { stdout, stderr } = await maint(self, ['vacuum']);
  assert.match(
    stdout,
    /^this takes about \d+ s, .*\n {2,}size +WAL +pages +free\nbefore .*\nafter .*\ntook \d/,
  );
  assert.equal(stderr, '', 'nothing is drawn where nobody looks');
});

test('vacuum --incremental needs its mode, says how to get it, and then frees every page', async (t) => {
  const self = project(t);
  halfEmpty(self);
  const refused = await maint(self, ['vacuum', '--incremental'], 1);
  assert.match(refused.stderr, /needs auto_vacuum=INCREMENTAL, .* has NONE\n.*--enable-incremental/);
  const enabled = (await json(self, 'vacuum', '--enable-incremental')) as unknown as Report;
  assert.deepEqual([enabled.before.autoVacuum, enabled.after.autoVacuum], ['none', 'incremental']);
  execute(self, 'DELETE FROM log WHERE n < 1500');
  const rows = self.rows('SELECT * FROM log');
  const { before, after } = (await json(self, 'vacuum', '--incremental')) as unknown as Report;
  assert.ok(before.freePages > 10);
  assert.equal(after.freePages, 0);
  assert.ok(after.size < before.size);
  assert.deepEqual(self.rows('SELECT * FROM log'), rows);
  await maint(self, ['vacuum', '--incremental', '--enable-incremental'], 2);
});

test('checkpoint: what each mode does, alone and with a reader in the way', async (t) => {
  const self = project(t, { SQLITE_BUSY_TIMEOUT: '50' });
  withLog(self);
  const writer = new Database(self.db);
  const reader = new Database(self.db, { readonly: true });
  t.after(() => [writer, reader].map((db) => db.close()));
  writer.pragma('journal_mode = WAL');
  writer.exec(logs('a'));
  reader.exec('BEGIN');
  reader.prepare('SELECT * FROM log').all();
  writer.exec(logs('b'));
  const passive = await json(self, 'checkpoint');
  assert.equal(passive.busy, false);
  assert.ok((passive.checkpointed as number) < (passive.log as number), JSON.stringify(passive));
  for (const mode of ['full', 'restart', 'truncate']) {
    const { stdout, stderr } = await maint(self, ['checkpoint', '--mode', mode], 1);
    assert.match(
      stdout,
      /^busy 1, \d+ pages in the WAL, \d+ of them in the database\nWAL .* before, .* after\n$/,
    );
    assert.match(stderr, /a reader or writer is in the way: .*try again/);
  }
  reader.exec('COMMIT');
  for (const mode of ['passive', 'full', 'restart']) {
    const report = await json(self, 'checkpoint', '--mode', mode);
    assert.deepEqual([report.busy, report.checkpointed], [false, report.log]);
    assert.ok((report.walAfter as number) > 0);
  }
  const { walBefore, walAfter } = await json(self, 'checkpoint', '--mode', 'truncate');
  assert.ok((walBefore as number) > 0);
  assert.equal(walAfter, 0);
});

test('checkpoint refuses a mode that there is not, and lists those there are', async (t) => {
  const self = project(t);
  withLog(self);
  const { stderr } = await maint(self, ['checkpoint', '--mode', 'all'], 2);
  assert.match(stderr, /there is no mode 'all'\n {2}The modes are passive, full, restart, truncate\./);
  await maint(self, ['checkpoint', 'truncate'], 2);
});

test('checkpoint of a database without WAL says that there is none', async (t) => {
  const self = project(t);
  withLog(self);
  const { stdout } = await maint(self, ['checkpoint', '--mode', 'truncate']);
  assert.match(stdout, /^there is no WAL/);
  const { log, checkpointed, busy } = await json(self, 'checkpoint');
  assert.deepEqual([log, checkpointed, busy], [null, null, false]);
});

test('analyze takes all tables or one, whatever its name, and names those there are', async (t) => {
  const self = project(t);
  const names = ['plain', 'with "quotes"', "it's; DROP TABLE plain", 'two\nlines', '--'];
  for (const name of names) {
    const quoted = `"${name.replaceAll('"', '""')}"`;
    execute(
      self,
      `CREATE TABLE ${quoted}(a); CREATE INDEX "on ${quoted.slice(1)} ON ${quoted}(a);
      INSERT INTO ${quoted} VALUES (1), (2), (3)`,
    );
  }
  execute(self, 'CREATE VIEW seen AS SELECT * FROM plain; CREATE VIRTUAL TABLE words USING fts5(w)');
  const analyzed = (): unknown[] => self.rows('SELECT tbl FROM sqlite_stat1').map(({ tbl }) => tbl);
  for (const name of names) {
    const { tables } = await json(self, 'analyze', `--table=${name}`);
    assert.deepEqual(tables, [name]);
  }
  assert.deepEqual(analyzed().sort(), [...names].sort());
  assert.deepEqual((await json(self, 'analyze', '--table', 'PLAIN')).tables, ['plain']);
  const { tables } = await json(self, 'analyze');
  for (const name of names) assert.ok((tables as string[]).includes(name), name);
  for (const missing of ['nothing', 'plain"; DROP TABLE plain; --', 'seen', 'words', 'sqlite_schema', '']) {
    const { stderr } = await maint(self, [`analyze`, `--table=${missing}`], 1);
    assert.match(
      stderr,
      /^queue-maint: there is no table '.*' in .*\n {2}It has .*plain, two\\nlines, with "quotes"/,
    );
  }
  assert.equal(self.rows('SELECT * FROM plain').length, 3);
});

test('optimize analyzes what needs it; --full all, and vacuums from a tenth of free pages on', async (t) => {
  const self = project(t);
  halfEmpty(self);
  const first = (await json(self, 'optimize')) as unknown as Report & {
    analyzed: string[];
    vacuumed: boolean;
  };
  assert.deepEqual([first.analyzed, first.vacuumed], [['log'], false]);
  assert.equal(first.after.freePages > 0, true);
  assert.deepEqual((await json(self, 'optimize')).analyzed, []);
  const full = (await json(self, 'optimize', '--full')) as unknown as typeof first;
  assert.deepEqual([full.analyzed, full.vacuumed, full.after.freePages], [['log'], true, 0]);
  assert.match(
    (await maint(self, ['optimize', '--full'])).stdout,
    /^analyzed: log\nvacuum: {3}not needed, 0\.0 %/,
  );
});

test('optimize --full says that a reader kept the WAL', async (t) => {
  const self = project(t, { SQLITE_BUSY_TIMEOUT: '50' });
  halfEmpty(self);
  const reader = new Database(self.db, { readonly: true });
  t.after(() => reader.close());
  reader.exec('BEGIN');
  const rows = reader.prepare('SELECT count(*) FROM log').pluck().get();
  const { stdout } = await maint(self, ['optimize', '--full'], 1);
  assert.match(stdout, /a reader is in the way, so the WAL is not empty/);
  assert.equal(reader.prepare('SELECT count(*) FROM log').pluck().get(), rows);
});

test('stats counts what is there', async (t) => {
  const self = project(t);
  withLog(self);
  execute(
    self,
    `CREATE TABLE "o""dd\n"(a PRIMARY KEY, b) WITHOUT ROWID; CREATE INDEX odd_b ON "o""dd\n"(b);
     WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3000)
     INSERT INTO "o""dd\n" SELECT n, 'x' FROM r`,
  );
  for (const text of ['a', 'b', 'c']) putEntry(self, logs(text));
  await once(self);
  const found = await json(self, 'stats');
  const { tables, ledger, journal, ...rest } = found as {
    tables: { name: string; rows: number; bytes: number; indexBytes: number }[];
    ledger: { rows: number; oldest: string };
    journal: { files: number; bytes: number; path: string };
  };
  assert.deepEqual(
    tables.map(({ name, rows }) => [name, rows]),
    [
      ['_queue_ledger', 3],
      ['log', 3],
      ['o"dd\n', 3000],
    ],
  );
  const pages = self.rows('PRAGMA page_count')[0]?.page_count as number;
  const together = tables.reduce((sum, own) => sum + own.bytes + own.indexBytes, 0);
  // The first page is the schema's.
  assert.equal(together, (pages - 1) * 4096);
  assert.ok((tables[2]?.indexBytes as number) > 0);
  assert.equal(ledger.rows, 3);
  assert.ok(Math.abs(Date.now() - Date.parse(ledger.oldest)) < 600_000);
  assert.equal(journal.files, 1);
  assert.equal(journal.bytes, statSync(join(journal.path, self.names('completed')[0] as string)).size);
  const { size, walSize, ...exact } = rest as Record<string, unknown>;
  assert.ok((size as number) > 0 && (walSize as number) >= 0);
  assert.deepEqual(exact, {
    path: self.db,
    pageSize: 4096,
    pages,
    freePages: 0,
    fragmentation: 0,
    journalMode: 'wal',
    autoVacuum: 'none',
    userTables: 2,
    userIndexes: 1,
  });
  const text = (await maint(self, ['stats'])).stdout;
  assert.match(text, /^Schema: +2 tables, 1 index$/m);
  assert.match(text, /^o"dd\\n +3000 /m);
  const quick = await json(self, 'stats', '--quick');
  assert.deepEqual([quick.tables, quick.ledger], [null, null]);
});

test('integrity finds an index that does not hold what its table holds; --quick does not look there', async (t) => {
  const self = project(t);
  execute(self, "CREATE TABLE one(t); CREATE INDEX one_t ON one(t); INSERT INTO one VALUES ('needle')");
  const bytes = readFileSync(self.db);
  bytes.write('noodle', bytes.lastIndexOf('needle'), 'latin1');
  writeFileSync(self.db, bytes);
  const { stdout } = await maint(self, ['integrity'], 1);
  assert.match(stdout, /row 1 missing from index one_t/);
  const { sound, problems } = await json(self, 'integrity', '--quick');
  assert.deepEqual([sound, problems], [true, []]);
});

test('integrity --foreign-keys finds a child without its parent', async (t) => {
  const self = project(t);
  execute(self, 'PRAGMA foreign_keys = OFF; CREATE TABLE p(a PRIMARY KEY); CREATE TABLE c(a REFERENCES p)');
  execute(self, 'PRAGMA foreign_keys = OFF; INSERT INTO c VALUES (7)');
  assert.equal((await maint(self, ['integrity'])).stdout, 'sound\n');
  const { stdout } = await maint(self, ['integrity', '--foreign-keys'], 1);
  assert.equal(stdout, 'row 1 of c has no parent in p\n');
});

test('a database that is missing, none, empty, a directory, a FIFO or a URL', {
  skip: unless('mkfifo', ['--version'], 'mkfifo'),
}, async (t) => {
  const self = project(t);
  const at = (name: string): string => join(self.dir, name);
  writeFileSync(at('text'), 'no database, but longer than the header of one '.repeat(20));
  mkdirSync(at('directory'));
  await self.run('mkfifo', [at('fifo')]);
  const cases: [string, RegExp][] = [
    ['missing', /^queue-maint: database .* it is missing .*\n {2}Name another/],
    ['text', /not a database/],
    ['directory', /not a regular file/],
    ['fifo', /not a regular file/],
  ];
  for (const args of COMMANDS) {
    for (const [name, said] of cases) {
      const { stderr, stdout } = await maint(self, [...args, '--db', name], 1);
      assert.match(stderr, said, args.join(' '));
      assert.equal(stdout, '');
    }
    await maint(self, [...args, '--db', 'postgres://x/y'], 2);
    writeFileSync(at('empty'), '');
    await maint(self, [...args, '--db', 'empty']);
    // A vacuum writes its first page, as SQLite has it.
    assert.equal(statSync(at('empty')).size, args[0] === 'vacuum' ? 4096 : 0, args.join(' '));
  }
  assert.ok(!existsSync(at('missing')));
  assert.ok(!existsSync(self.spool));
});

test('a database that another process has locked costs the command, and nothing else', async (t) => {
  const self = project(t, { SQLITE_BUSY_TIMEOUT: '20' });
  withLog(self);
  const holder = new Database(self.db);
  t.after(() => holder.close());
  holder.exec(`BEGIN EXCLUSIVE; ${logs('held')}`);
  for (const args of COMMANDS) {
    const { stderr } = await maint(self, args, 1);
    assert.match(
      stderr,
      /database is locked.*\n {2}Another process has locked it; try again/,
      args.join(' '),
    );
  }
  holder.exec('COMMIT');
  for (const args of COMMANDS) await maint(self, args);
});

test('a file, or a directory, that may only be read', { skip: noOtherUser() }, async (t) => {
  const self = project(t);
  const directory = join(self.dir, 'theirs');
  const path = join(directory, 'x.db');
  mkdirSync(directory);
  withLog(self, path);
  chmodSync(self.dir, 0o755);
  const as = async (args: readonly string[]): Promise<Result> => {
    const [program, ...before] = AS_NOBODY;
    const tool = join(DIST, 'queue-maint');
    return self.run(program, [...before, process.execPath, tool, ...args, '--db', path], {
      env: { QUEUE_BASE_DIR: join(directory, 'none') },
    });
  };
  for (const args of [['stats'], ['integrity']]) {
    const result = await as(args);
    assert.equal(result.code, 0, `${args}: ${result.stderr}`);
  }
  for (const args of [['vacuum'], ['analyze']]) {
    const result = await as(args);
    assert.equal(result.code, 1, args.join(' '));
    assert.match(result.stderr, /readonly database .*\n {2}\S/);
  }
  execute(self, 'PRAGMA journal_mode = WAL', path);
  const result = await as(['integrity']);
  assert.equal(result.code, 1);
  assert.match(result.stderr, /directory must be writable/);
});
