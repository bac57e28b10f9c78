/**
 * Entries that mean harm, dropped into pending/ by the user's own processes: they reach no file but the database they
 * name, change nothing for later entries, and keep the worker from nothing for long.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { splitStatements } from '../../lib/sink/statements.ts';
import { FULL, faultRun, type Random } from '../support/faults.ts';
import { DIST, type Project, project } from '../support/project.ts';
import {
  entryText,
  execute,
  letter,
  logged,
  logs,
  nameOf,
  once,
  put,
  putEntry,
  stats,
  withLog,
  workerLog,
} from '../support/queue.ts';

const noted = (text: string): string => logs(text);
const bytesOf = (self: Project, directory: string): string[] => readdirSync(join(self.dir, directory)).sort();

/** What an entry can change about a connection, as a later entry sees it. */
const SETTINGS = [
  'synchronous foreign_keys query_only journal_mode recursive_triggers ignore_check_constraints writable_schema',
  'trusted_schema cache_size temp_store legacy_alter_table reverse_unordered_selects wal_autocheckpoint',
  'automatic_index journal_size_limit secure_delete max_page_count read_uncommitted locking_mode busy_timeout',
]
  .join(' ')
  .split(' ');

/** Those of them that SQL can read, with LIKE, which it can only try. */
function stateSql(): string {
  const db = new Database(':memory:');
  const known = new Set(db.prepare('SELECT name FROM pragma_pragma_list').pluck().all() as string[]);
  const readable = SETTINGS.filter((name) => known.has(name) && isReadable(db, name));
  db.close();
  assert.ok(readable.length > 10, `only ${readable} can be read`);
  const values = readable.map(
    (name) => `(SELECT '${name}=' || x.${name === 'busy_timeout' ? 'timeout' : name} FROM pragma_${name} x)`,
  );
  return `INSERT INTO state(s) SELECT concat_ws(' ', ${values}, 'a' LIKE 'A')`;
}

function isReadable(db: Database.Database, name: string): boolean {
  try {
    const row = db.prepare(`SELECT * FROM pragma_${name}`).get() as Record<string, unknown> | undefined;
    return row !== undefined && (name in row || 'timeout' in row);
  } catch {
    return false;
  }
}

const PRAGMAS = [
  'query_only=1; writable_schema=ON; journal_mode=DELETE; journal_mode=OFF; journal_mode=MEMORY; synchronous=OFF',
  'locking_mode=EXCLUSIVE; foreign_keys=ON; case_sensitive_like=ON; recursive_triggers=OFF; mmap_size=1000000000',
  'cache_size=1; trusted_schema=OFF; temp_store=2; ignore_check_constraints=ON; defer_foreign_keys=ON',
  'hard_heap_limit=1000; soft_heap_limit=1; max_page_count=1; wal_autocheckpoint=0; secure_delete=ON',
  'reverse_unordered_selects=ON; legacy_alter_table=ON; full_column_names=ON; busy_timeout=0; automatic_index=OFF',
  'journal_size_limit=0; read_uncommitted=1; wal_checkpoint(TRUNCATE); shrink_memory; threads=8; cell_size_check=ON',
  "temp_store_directory='DIR'; data_store_directory='DIR'; encoding='UTF-16'; main.query_only(1); 'query_only'=1",
]
  .flatMap((line) => line.split('; '))
  .flatMap((text) => [`PRAGMA ${text}`, `EXPLAIN QUERY PLAN /**/ pragma\n${text}`]);

/** What would stay behind in the connection, or stand in for a table of the worker's or of others. */
const SHADOWS = [
  'CREATE TEMP TABLE log(n, t)',
  'create/**/temporary table if not exists log(n, t)',
  'CREATE TABLE "temp" . log(n, t)',
  'CREATE TABLE [temp].[log] AS SELECT 1 AS n, 2 AS t',
  'CREATE TEMP VIEW log AS SELECT 1 AS n, 2 AS t',
  'CREATE VIRTUAL TABLE IF NOT EXISTS temp.log USING fts5(n, t)',
  'CREATE TEMP TRIGGER gone BEFORE INSERT ON main.log BEGIN SELECT RAISE(IGNORE); END',
  'CREATE TRIGGER temp.lost AFTER INSERT ON main.log BEGIN DELETE FROM log; END;',
  'EXPLAIN SELECT 1; CREATE TEMP TABLE log(n, t)',
  'CREATE TEMP TABLE sqlite_sequence_(a); CREATE TEMP TABLE log(n, t); INSERT INTO log VALUES(1, 2)',
];

test('no PRAGMA and no TEMP object of an entry outlives it', async (t) => {
  await faultRun(t, async ({ count }) => {
    const self = project(t);
    withLog(self);
    execute(self, 'CREATE TABLE state(s); CREATE TABLE _other(a)');
    const state = stateSql();
    const outside = join(self.dir, 'outside');
    mkdirSync(outside);
    const texts = [...PRAGMAS.map((text) => text.replace('DIR', outside)), ...SHADOWS];
    putEntry(self, state);
    for (const [index, text] of texts.entries()) {
      putEntry(self, text);
      putEntry(self, noted(`after ${index}`));
      putEntry(self, state);
    }
    const result = await self.run('queue-worker', ['--once']);
    count({ entries: texts.length * 3, faults: texts.length });
    assert.ok(result.code === 0 || result.code === 3, result.stderr);
    assert.deepEqual(
      logged(self),
      texts.map((_, index) => `after ${index}`),
    );
    const states = self.rows('SELECT s FROM state').map((row) => row.s);
    assert.equal(states.length, texts.length + 1);
    texts.forEach((text, index) => {
      assert.equal(states[index + 1], states[0], text);
    });
    assert.match(String(states[0]), /synchronous=2 foreign_keys=0.* 1$/);
    assert.deepEqual(bytesOf(self, 'outside'), []);
    assert.equal(self.rows('PRAGMA journal_mode')[0]?.journal_mode, 'wal');
  });
});

/** None of these may do anything, wherever it stands in an entry. */
const FORBIDDEN = [
  'COMMIT',
  'END TRANSACTION',
  'ROLLBACK',
  'BEGIN EXCLUSIVE',
  'RELEASE _queue_entry',
  'ROLLBACK TO SAVEPOINT _queue_entry',
  'SAVEPOINT [_Queue_Entry]',
  "ATTACH 'OUTSIDE/a.db' AS a",
  "ATTACH DATABASE 'file:OUTSIDE/a.db?mode=rwc' AS a",
  'DETACH DATABASE main',
  "VACUUM INTO 'OUTSIDE/v.db'",
  "VACUUM main INTO 'file:OUTSIDE/v.db'",
  'DELETE FROM _queue_ledger',
  'DROP TABLE main._queue_ledger',
  'UPDATE OR REPLACE "_QUEUE_LEDGER" SET id = id || 1',
  'INSERT INTO `_queue_ledger` VALUES(1, 2)',
  'ALTER TABLE [_queue_ledger] RENAME TO other',
  'WITH a AS (SELECT 1) DELETE FROM _queue_ledger',
  'CREATE TRIGGER thief AFTER INSERT ON _queue_ledger BEGIN DELETE FROM log; END',
  'CREATE TRIGGER thief AFTER INSERT ON log BEGIN DELETE FROM _queue_ledger; END',
  'CREATE TEMP TABLE _queue_ledger(id, applied_at)',
  'CREATE TABLE child(a REFERENCES _queue_ledger(id) ON DELETE CASCADE)',
  "CREATE VIRTUAL TABLE f USING fts5(id, content='_queue_ledger')",
  'CREATE INDEX i ON _queue_ledger(applied_at)',
  'REPLACE INTO _queue_migrations VALUES(1, 2, 3)',
  "UPDATE _queue_pruned SET position = '00000009:0'",
];

const SPACE = [
  '',
  ' ',
  ';',
  ';;',
  '\n',
  '\f',
  '\v',
  '\ufeff',
  '/**/',
  '/*/ ; */',
  '-- ; COMMIT\n',
  '/* /* */',
  "/*'*/",
  '--"\n',
];
const BEFORE = [
  "INSERT INTO log(t) VALUES('half');",
  'SELECT \'it\'\'s; COMMIT\', "END", [;], `;` FROM (SELECT 1 AS "END", 2 AS [;], 3 AS `;`);',
  'CREATE TABLE IF NOT EXISTS half(a); SAVEPOINT s;',
  'CREATE TRIGGER half AFTER INSERT ON log BEGIN SELECT CASE WHEN 1 THEN 2 END; SELECT 1 AS [; END ;]; END;',
  "SELECT x'00', 1e5, .5, 0x1F, :a || @a || $a;",
  'EXPLAIN SELECT 1;',
];

function disguised(random: Random, statement: string): { sql: string; usesParam: boolean } {
  const space = (): string => Array.from({ length: random.below(4) }, () => random.pick(SPACE)).join('');
  const before = Array.from({ length: random.below(3) }, () => random.pick(BEFORE));
  const cased = random.below(2) === 0 ? statement : statement.replace(/^\w+/, (word) => word.toLowerCase());
  // The first white space of a statement may be any that is no end of it.
  const inner = random.pick([' ', '\t', '\n', '/**/', ' /*;*/ ', '--;\n']);
  const sql = [
    space(),
    ...before.flatMap((text) => [text, space()]),
    cased.replace(' ', inner),
    ';',
    space(),
    random.pick(['', noted('rest')]),
  ].join('');
  return { sql, usesParam: before.some((text) => text.includes(':a')) };
}

test('statements that reach beyond their entry are refused in every disguise, with all that stands beside them', async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const self = project(t);
    withLog(self);
    const outside = join(self.dir, 'outside');
    mkdirSync(outside);
    const rounds = FULL ? 100 : 8;
    const expected: string[] = [];
    const names = new Map<string, string>();
    for (let round = 0; round < rounds; round++) {
      for (const statement of FORBIDDEN) {
        const { sql, usesParam } = disguised(random, statement.replace('OUTSIDE', outside));
        names.set(putEntry(self, sql, usesParam ? { params: { a: 'x' } } : {}), sql);
        expected.push(`${names.size}`);
        putEntry(self, noted(`${names.size}`));
      }
    }
    await once(self, 3);
    count({ entries: names.size * 2, faults: names.size });
    const failed = new Set(self.names('failed'));
    for (const [name, sql] of names) assert.ok(failed.has(name), `applied: ${JSON.stringify(sql)}`);
    const codes = new Set([...names.keys()].map((name) => letter(self, name).code));
    assert.deepEqual([...codes].sort(), ['REFUSED'], 'nothing reached SQLite');
    assert.deepEqual(logged(self), expected);
    assert.deepEqual(bytesOf(self, 'outside'), []);
    const tables = self.rows("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name");
    assert.deepEqual(
      tables.map((row) => row.name),
      ['_queue_ledger', 'log'],
    );
    assert.equal(self.rows('SELECT count(*) AS n FROM _queue_ledger')[0]?.n, expected.length);
  });
});

const STATEMENTS = [
  'SELECT 1',
  "SELECT ';', ';;''', \"n\" FROM log",
  'INSERT INTO log ( n , t ) VALUES ( :a , @b )',
  'CREATE TABLE IF NOT EXISTS "a;b" ( [c;d] , `e;f` )',
  "CREATE TRIGGER IF NOT EXISTS r AFTER INSERT ON log BEGIN SELECT CASE WHEN 1 THEN ';' END ; DELETE FROM log WHERE 0 ; END",
  'CREATE TEMP TRIGGER IF NOT EXISTS r2 BEFORE DELETE ON log WHEN old.n > 1 BEGIN UPDATE log SET t = 1 WHERE n = 0 ; END',
  'CREATE TEMPORARY TRIGGER r3 INSTEAD OF INSERT ON v BEGIN SELECT "END" FROM ( SELECT 1 AS "END" ) ; END',
  'EXPLAIN CREATE TRIGGER r4 AFTER UPDATE ON log BEGIN SELECT 1 ; SELECT 2 ; END',
  'EXPLAIN QUERY PLAN SELECT 1 AS [END]',
  'WITH a AS ( SELECT 1 AS begin_ ) SELECT * FROM a',
  'BEGIN',
  'END',
  "SELECT x'3b' , 0x3b , 1e5 , ?1",
];

test('texts are cut where SQLite cuts them', async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const db = new Database(':memory:');
    t.after(() => db.close());
    db.exec('CREATE TABLE log(n, t); CREATE VIEW v AS SELECT 1 AS a');
    const gap = (): string =>
      random.pick([
        ' ',
        '\n',
        '\t',
        ' /* ; */ ',
        ' /*/ ; */ ',
        ' -- ; \' "\n',
        ' /* -- */ ',
        '\f',
        ' \ufeff ',
      ]);
    const rounds = FULL ? 50_000 : 4000;
    for (let round = 0; round < rounds; round++) {
      const wanted = Array.from({ length: 1 + random.below(4) }, () => random.pick(STATEMENTS));
      const sql = wanted
        .map((statement) =>
          statement
            .split(' ')
            .join(' ')
            .replace(/ (?![^'"`[]*['"`\]])/g, () => gap()),
        )
        .map((statement) => gap() + statement + random.pick([';', ' ;', ';;', ';\n;']))
        .join('');
      const cut = splitStatements(sql);
      assert.equal(cut.length, wanted.length, JSON.stringify(sql));
      for (const { text } of cut) db.prepare(text);
    }
    count({ entries: rounds });
  });
});

/** SQL that asks for files by other means. */
const REACHING: Record<string, RegExp> = {
  "SELECT load_extension('OUTSIDE/x')": /not authorized|no such function/,
  "SELECT writefile('OUTSIDE/x', 'a')": /no such function/,
  "SELECT readfile('/etc/passwd')": /no such function/,
  "SELECT edit('a', 'touch OUTSIDE/x')": /no such function/,
  "SELECT fts3_tokenizer('simple', x'4141414141414141')": /unknown|disabled|no such function|not authorized/i,
  "CREATE VIRTUAL TABLE a USING csv(filename='OUTSIDE/x')": /no such module/,
  'CREATE VIRTUAL TABLE a USING sqlite_dbpage': /no such module/,
  "CREATE VIRTUAL TABLE a USING zipfile('OUTSIDE/x')": /no such module/,
  "SELECT * FROM fsdir('/')": /no such table/,
  'UPDATE sqlite_schema SET sql = 1': /may not be modified/,
  'DELETE FROM sqlite_master': /may not be modified/,
  'PRAGMA writable_schema=ON; DELETE FROM sqlite_master': /may not be modified/,
  'PRAGMA writable_schema=ON; UPDATE sqlite_schema SET name = 1': /may not be modified/,
  'CREATE VIRTUAL TABLE a USING fts5(b); DELETE FROM a_data': /may not be modified/,
  'SELECT * FROM pragma_query_only(1)': /too many arguments/,
  "SELECT * FROM pragma_journal_mode('DELETE')": /too many arguments|unknown database/,
  'SELECT * FROM pragma_writable_schema(1)': /too many arguments/,
  "CREATE TRIGGER a AFTER INSERT ON log BEGIN ATTACH 'OUTSIDE/x' AS x; END": /syntax error/,
  'CREATE TRIGGER a AFTER INSERT ON log BEGIN PRAGMA query_only=1; END': /syntax error/,
  "CREATE TABLE a(b DEFAULT (load_extension('x'))); INSERT INTO a DEFAULT VALUES":
    /unsafe use of load_extension/,
  'PRAGMA recursive_triggers=ON; CREATE TABLE a(b); CREATE TRIGGER r AFTER INSERT ON a BEGIN INSERT INTO a VALUES(1); END; INSERT INTO a VALUES(1)':
    /triggers nested too deep/,
  'SELECT zeroblob(3000000000)': /too big/,
  'SELECT length(randomblob(2147483647))': /too big/,
};

test('SQL that asks for other files, or for more than there may be, is refused by SQLite', async (t) => {
  await faultRun(t, async ({ count }) => {
    const self = project(t);
    withLog(self);
    const outside = join(self.dir, 'outside');
    mkdirSync(outside);
    const names = new Map(
      Object.keys(REACHING).map((sql) => {
        const name = putEntry(self, sql.replaceAll('OUTSIDE', outside));
        putEntry(self, noted(sql));
        return [sql, name];
      }),
    );
    await once(self, 3);
    count({ entries: names.size * 2, faults: names.size });
    for (const [sql, why] of Object.entries(REACHING)) {
      const name = names.get(sql) as string;
      assert.ok(self.names('failed').includes(name), `applied: ${sql}`);
      assert.match(letter(self, name).message, why, sql);
    }
    assert.deepEqual(logged(self), Object.keys(REACHING));
    assert.deepEqual(bytesOf(self, 'outside'), []);
  });
});

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

test('entries that are too deep, too long or oddly laid out hold up nobody', async (t) => {
  await faultRun(t, async ({ count }) => {
    const self = project(t);
    withLog(self);
    const bad = {
      'deep metadata, and SQL that fails': `{"sql":"SELEC","metadata":{"a":${nested(100_000)}}}\n`,
      'deep parameters': `{"sql":"SELECT :a","params":{"a":${nested(100_000)}}}\n`,
      'deep and unknown': `{"sql":"SELECT 1","other":${nested(1002)}}\n`,
    };
    const names = Object.entries(bad).map(([what, text]) => {
      const name = put(self, text);
      putEntry(self, noted(what));
      return name;
    });
    const good = {
      'as deep as it may be': `{"sql":"SELECT 1","other":${nested(999)}}\n`,
      'several lines and a long value': `{\n"sql": "SELECT :a",\n"params":{"a":"${'x\\n'.repeat(4_000_000)}"}}\n`,
      'a long key': `{"sql":"SELECT 1","id":"${'\\"'.repeat(4_000_000)}"}\n`,
      'a long name of its own': `{"sql":"SELECT 1","name":"${'\\\\'.repeat(4_000_000)}"}\n`,
      'a long operation': entryText('SELECT 1', { operation: '\x1b[2J\r'.repeat(200_000) }),
    };
    for (const [what, text] of Object.entries(good)) {
      put(self, text);
      putEntry(self, noted(what));
    }
    const looping = putEntry(self, 'SELEC', { operation: '\x1b[2J\rforged\u202e\n'.repeat(100_000) });
    await once(self, 3);
    count({ entries: 2 * (names.length + Object.keys(good).length) + 1, faults: names.length });
    assert.deepEqual(
      self.names('failed').filter((name) => !name.endsWith('.why')),
      [...names, looping].sort(),
    );
    for (const name of names) assert.match(letter(self, name).message, /nested deeper than 1000 levels/);
    assert.deepEqual(logged(self), [...Object.keys(bad), ...Object.keys(good)]);
    assert.equal(self.journal().length, Object.keys(bad).length + 2 * Object.keys(good).length);
    assert.ok(JSON.stringify(stats(self)).length < 10_000, 'the counters stay small');
    const log = workerLog(self);
    assert.ok(log.length < 20_000, 'the log stays small');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    assert.doesNotMatch(log, /[\x00-\x09\x0b-\x1f\x7f\u202e]/);
  });
});

test('a journal line with a long key is found again after a crash', async (t) => {
  await faultRun(t, async ({ count }) => {
    const self = project(t);
    withLog(self);
    const text = entryText(noted('once'), { id: '\\"'.repeat(2_000_000) });
    const name = put(self, text);
    await once(self);
    // As if the worker had died before it took the entry out of pending/.
    put(self, text, name);
    writeFileSync(join(self.spool, 'processing', 'batch'), `deaths=0\n${name}\n`, { mode: 0o600 });
    await once(self);
    count({ entries: 1, faults: 1 });
    assert.deepEqual([logged(self), self.journal().length, self.names('pending')], [['once'], 1, []]);
  });
});

interface Target {
  make?: (path: string, self: Project) => void;
  path?: (self: Project, victim: string) => string;
  /** Of the dead letter; without it the entry waits for the target to become a database. */
  fails?: RegExp;
}

const targets: Record<string, Target> = {
  'a FIFO': { make: (path) => spawnSync('mkfifo', [path]), fails: /it is a FIFO/ },
  'a symlink to a FIFO': {
    make: (path) => {
      spawnSync('mkfifo', [`${path}.real`]);
      symlinkSync(`${path}.real`, path);
    },
    fails: /it is a FIFO/,
  },
  '/dev/null': { path: () => '/dev/null', fails: /it is a device/ },
  '/dev/zero': { path: () => '/dev/zero', fails: /it is a device/ },
  'a path with NUL': { path: ({ dir }) => `${dir}/a\0b`, fails: /U\+0000 in its "db"/ },
  'a path that is too long': { path: () => `/${'a'.repeat(5000)}`, fails: /it is no path/ },
  'a file URI': { path: ({ dir }) => `file://${dir}/target?mode=memory`, fails: /no support for file:/ },
  "the spool's lock": { path: ({ spool }) => join(spool, '.lock'), fails: /it lies in the spool/ },
  "the spool's sequence": { path: ({ spool }) => join(spool, '.seq'), fails: /it lies in the spool/ },
  'a new file in pending': {
    path: ({ spool }) => join(spool, 'pending', nameOf()),
    fails: /it lies in the spool/,
  },
  'the lock by way of a symlink': {
    make: (path, { spool }) => symlinkSync(spool, `${path}.link`),
    path: (_self, victim) => join(`${victim}.link`, '.lock'),
    fails: /it lies in the spool/,
  },
  'a file of another kind': { make: (path) => writeFileSync(path, 'precious\n'.repeat(1000)) },
  'a directory': { make: (path) => mkdirSync(path) },
  'a file with a FIFO for its journal': {
    make: (path) => {
      execute({ spool: join(path, '..', '.hive-mind', 'queue') } as Project, 'CREATE TABLE x(a)', path);
      spawnSync('mkfifo', [`${path}-journal`]);
    },
  },
};

test('an entry that names something else than a database spoils nothing and holds up nobody', async (t) => {
  await faultRun(t, async ({ count }) => {
    // What can never be a database fails at once; what may become one is waited for, and that ends a run at last.
    for (const waits of [false, true]) {
      const self = project(t, { SQLITE_BUSY_TIMEOUT: '200' });
      withLog(self);
      const devices = readdirSync('/dev').length;
      const chosen = Object.entries(targets).filter(([, { fails }]) => waits === (fails === undefined));
      const planted = chosen.map(([what, { make, path, fails }], index) => {
        const victim = join(self.dir, `target-${index}`);
        make?.(victim, self);
        const before = contents(victim);
        const name = putEntry(self, 'CREATE TABLE planted(a)', { db: path?.(self, victim) ?? victim });
        putEntry(self, noted(what));
        return { what, victim, before, name, fails };
      });
      const worker = join(DIST, 'queue-worker');
      const result = await self.run('timeout', ['-s', 'KILL', '60', worker, '--once']);
      count({ entries: 2 * chosen.length, faults: chosen.length });
      assert.equal(result.code, waits ? 1 : 3, result.stderr);
      assert.deepEqual(
        logged(self),
        chosen.map(([what]) => what),
      );
      assert.equal(readdirSync('/dev').length, devices, 'files beside devices');
      for (const { what, victim, before, name, fails } of planted) {
        assert.equal(contents(victim), before, what);
        if (fails) assert.match(letter(self, name).message, fails, what);
        else assert.ok(self.names('pending').includes(name), what);
      }
    }
  });
});

function contents(path: string): string {
  if (!existsSync(path)) return 'nothing';
  const stat = statSync(path);
  return stat.isFile() ? readFileSync(path, 'latin1') : `mode ${stat.mode}`;
}

/** Each keeps SQLite busy for ever, or for as long as makes no difference. */
const ENDLESS = {
  'a cross join': 'SELECT count(*) FROM many a, many b, many c, many d, many e, many f',
  'random bytes without end':
    'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT sum(length(randomblob(1000000))) FROM r',
  'rows without end, with a parameter':
    'WITH RECURSIVE r(n) AS (SELECT :a UNION ALL SELECT n + 1 FROM r) SELECT n FROM r',
};

test('statements that never end are stopped, each once, and hold up nobody for longer', async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const self = project(t, { SQLITE_TIMEOUT: '300' });
    withLog(self);
    const numbers = 'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 2000)';
    execute(self, `CREATE TABLE many(n); INSERT INTO many ${numbers} SELECT n FROM r`);
    const chosen = FULL ? Object.entries(ENDLESS) : random.sample(Object.entries(ENDLESS), 2);
    const names = chosen.map(([what, sql]) => {
      const name = putEntry(self, sql, sql.includes(':a') ? { params: { a: 1 } } : {});
      putEntry(self, noted(what));
      return name;
    });
    await once(self, 3);
    count({ entries: 2 * chosen.length, faults: chosen.length });
    for (const name of names) assert.equal(letter(self, name).code, 'SQLITE_TIMEOUT');
    assert.deepEqual(
      logged(self),
      chosen.map(([what]) => what),
    );
  });
});
