/** Cutting SQL into statements, and how each text is to be run: one line a case. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planSql } from '../lib/sink/plan.ts';
import { PlanCache } from '../lib/sink/plan-cache.ts';
import { splitStatements, unquote } from '../lib/sink/statements.ts';

const TRIGGER = 'CREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE t SET a = 1; DELETE FROM u; END;';
const CASES =
  'CREATE TRIGGER r INSERT ON t BEGIN SELECT CASE WHEN 1 THEN 2 END; SELECT CASE 1 WHEN 1 THEN 2 END; END;';

const texts: [title: string, sql: string, statements: string[]][] = [
  ['one without semicolon', 'SELECT 1', ['SELECT 1']],
  ['two', 'SELECT 1; SELECT 2;', ['SELECT 1;', 'SELECT 2;']],
  ['nothing', ' \n;; ;', []],
  ['only comments', '-- a; b\n/* c; */ ; -- d', []],
  ['semicolon in a string', "SELECT ';'; SELECT 2", ["SELECT ';';", 'SELECT 2']],
  ['doubled quote', "SELECT 'it''s; ok'; SELECT 2", ["SELECT 'it''s; ok';", 'SELECT 2']],
  [
    'quoted names',
    'SELECT "a;""b", `c;``d`, [e;f]; SELECT 2',
    ['SELECT "a;""b", `c;``d`, [e;f];', 'SELECT 2'],
  ],
  ['a comment inside', 'SELECT /* ; */ 1 -- ;\n, 2; SELECT 3', ['SELECT /* ; */ 1 -- ;\n, 2;', 'SELECT 3']],
  [
    'a line comment ends at \\n alone',
    'SELECT 1 -- a\r; b\n; SELECT 2',
    ['SELECT 1 -- a\r; b\n;', 'SELECT 2'],
  ],
  ['comments around', '-- x\nSELECT 1; -- y', ['SELECT 1;']],
  ['comments do not nest', 'SELECT /* /* */ 1; SELECT 2', ['SELECT /* /* */ 1;', 'SELECT 2']],
  ['minus and arrow', "SELECT 1 - -1, a->>'$.b'; SELECT 2", ["SELECT 1 - -1, a->>'$.b';", 'SELECT 2']],
  ['division', 'SELECT 4/2; SELECT 4/ *', ['SELECT 4/2;', 'SELECT 4/ *']],
  ['unterminated string', "SELECT 1; SELECT 'a; b", ['SELECT 1;', "SELECT 'a; b"]],
  ['unterminated name', 'SELECT [a; b', ['SELECT [a; b']],
  ['unterminated comment', 'SELECT 1; /* a; b', ['SELECT 1;']],
  ['blob', "SELECT x'3b'; SELECT 2", ["SELECT x'3b';", 'SELECT 2']],
  ['byte order mark', '\ufeffSELECT 1; SELECT 2', ['SELECT 1;', 'SELECT 2']],
  ['odd names', 'SELECT é;SELECT 名;', ['SELECT é;', 'SELECT 名;']],
  ['trigger', `${TRIGGER} SELECT 1`, [TRIGGER, 'SELECT 1']],
  ['trigger with CASE', `${CASES} SELECT 1;`, [CASES, 'SELECT 1;']],
  [
    'TEMP trigger',
    `${TRIGGER.replace('E T', 'E TEMP T')} SELECT 1`,
    [TRIGGER.replace('E T', 'E TEMP T'), 'SELECT 1'],
  ],
  [
    'trigger in small letters, commented',
    `create/**/trigger x begin select 1; end -- ;\n; SELECT 1`,
    ['create/**/trigger x begin select 1; end -- ;\n;', 'SELECT 1'],
  ],
  ['trigger without the last semicolon', TRIGGER.slice(0, -1), [TRIGGER.slice(0, -1)]],
  ['explained trigger', `EXPLAIN ${TRIGGER} SELECT 1`, [`EXPLAIN ${TRIGGER}`, 'SELECT 1']],
  [
    'a table named like a trigger',
    'CREATE TABLE "TRIGGER"(a); SELECT 1',
    ['CREATE TABLE "TRIGGER"(a);', 'SELECT 1'],
  ],
  [
    'END in a name',
    "CREATE TRIGGER r INSERT ON t BEGIN SELECT 'a; END;'; END; SELECT 1",
    ["CREATE TRIGGER r INSERT ON t BEGIN SELECT 'a; END;'; END;", 'SELECT 1'],
  ],
];

for (const [title, sql, expected] of texts) {
  test(`split: ${title}`, () =>
    assert.deepEqual(
      splitStatements(sql).map(({ text }) => text),
      expected,
    ));
}

const parameters: [sql: string, names: string[]][] = [
  ['SELECT :a, @b, $c, ?, ?12', [':a', '@b', '$c', '?', '?12']],
  ['SELECT \':a\', ":b", [:c], `?` -- :d\n/* :e */', []],
  ['SELECT :a+:a', [':a', ':a']],
  ['SELECT :é_1$x, :1', [':é_1$x', ':1']],
  ['SELECT a$b, x@', []],
  ["SELECT json_extract(:hook,'$.x.y')", [':hook']],
];

for (const [sql, expected] of parameters) {
  test(`parameters: ${sql}`, () => {
    const params = splitStatements(sql).flatMap((statement) => statement.params);
    assert.deepEqual(
      params.map(({ name }) => name),
      expected,
    );
    for (const { name, at } of params) assert.equal(sql.slice(at, at + name.length), name);
  });
}

test('the parameters of a later statement are counted from its own start', () => {
  const [, second] = splitStatements('SELECT :a;  SELECT :b');
  assert.equal(second?.text, 'SELECT :b');
  assert.deepEqual(second?.params, [{ name: ':b', at: 7 }]);
});

const quoted = [
  ["'it''s'", "it's"],
  ['"a""b"', 'a"b'],
  ['`a``b`', 'a`b'],
  ['[a b]', 'a b'],
  ['plain', 'plain'],
] as const;
for (const [token, name] of quoted) test(`unquote ${token}`, () => assert.equal(unquote(token), name));

/** sql; then how it runs: the first words of what comes before, in and after its transaction, + when alone. */
const plans: [sql: string, shape: string][] = [
  ['INSERT INTO t VALUES(1)', '| INSERT |'],
  ['INSERT INTO t VALUES(1); SELECT 1', '| INSERT SELECT |'],
  ['BEGIN; INSERT INTO t VALUES(1); COMMIT;', '| INSERT |'],
  ['begin immediate transaction; SELECT 1; SELECT 2; end transaction', '| SELECT SELECT |'],
  ['/* x */ BEGIN EXCLUSIVE; SELECT 1; COMMIT -- y', '| SELECT |'],
  ['SAVEPOINT a; SELECT 1; ROLLBACK TO a; RELEASE a', '| SAVEPOINT SELECT ROLLBACK RELEASE |'],
  ['SAVEPOINT a; SAVEPOINT b; RELEASE SAVEPOINT "A"', '| SAVEPOINT SAVEPOINT RELEASE |'],
  ['SAVEPOINT a; ROLLBACK TRANSACTION TO SAVEPOINT a', '| SAVEPOINT ROLLBACK |'],
  ['VACUUM', '+VACUUM | |'],
  ['DELETE FROM t; VACUUM', '+| DELETE | VACUUM'],
  [
    'PRAGMA foreign_keys = ON; BEGIN; SELECT 1; COMMIT; PRAGMA foreign_keys = OFF',
    '+PRAGMA | SELECT | PRAGMA',
  ],
  ['EXPLAIN QUERY PLAN PRAGMA query_only = 1', '+EXPLAIN | |'],
  ['PRAGMA main.synchronous = OFF', '+PRAGMA | |'],
  ['CREATE TABLE t(a); PRAGMA user_version = 2', '| CREATE PRAGMA |'],
  ['CREATE TABLE t(a); PRAGMA main."User_Version" = 2', '| CREATE PRAGMA |'],
  ['CREATE TEMP TABLE x(a)', '+| CREATE |'],
  ['CREATE VIEW IF NOT EXISTS "temp" . x AS SELECT 1', '+| CREATE |'],
  ['CREATE TABLE temp(a)', '| CREATE |'],
  ['SELECT * FROM _queue_ledger', '| SELECT |'],
  ["INSERT INTO t VALUES('about _queue_ledger')", '| INSERT |'],
];

for (const [sql, shape] of plans) {
  test(`plan: ${sql}`, () => {
    const { before, body, after, alone } = planSql(sql, false);
    const words = [before, body, after].map((steps) =>
      steps.map(({ text }) => /^\w+/.exec(text)?.[0] ?? '?').join(' '),
    );
    assert.equal((alone ? '+' : '') + words.join(' | ').trim().replaceAll(/ +/g, ' '), shape);
  });
}

const refused: [sql: string, message: RegExp][] = [
  ['COMMIT', /COMMIT: an entry is one atomic unit/],
  ['SELECT 1; END', /END: an entry is one atomic unit/],
  ['BEGIN', /BEGIN: an entry is one atomic unit/],
  ['INSERT INTO t VALUES(1); ROLLBACK;', /ROLLBACK: an entry is one atomic unit/],
  ['BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 2; COMMIT', /COMMIT: an entry is one atomic unit/],
  ['\u000bCOMMIT', /COMMIT: an entry/],
  ['\ufeffCOMMIT', /COMMIT: an entry/],
  ['RELEASE a', /RELEASE: the entry has opened no savepoint a/],
  ['ROLLBACK TO "A"', /ROLLBACK: the entry has opened no savepoint a/],
  ['SAVEPOINT a; RELEASE a; ROLLBACK TO a', /ROLLBACK: the entry has opened no savepoint a/],
  ['SAVEPOINT a; SAVEPOINT b; ROLLBACK TO a; RELEASE b', /RELEASE: the entry has opened no savepoint b/],
  ["SAVEPOINT '_QUEUE_entry'", /_queue_entry is the worker's own/],
  ['SELECT 1; PRAGMA synchronous = OFF; SELECT 2', /PRAGMA between other statements/],
  ["ATTACH 'x' AS y", /ATTACH is not allowed/],
  ['DETACH y', /DETACH is not allowed/],
  ["VACUUM main INTO 'x'", /VACUUM INTO is not allowed/],
  ['DROP TABLE _queue_ledger', /_queue_ledger is the worker's own/],
  ['DELETE FROM main."_QUEUE_LEDGER"', /_queue_ledger is the worker's own/],
  [
    'CREATE TRIGGER r INSERT ON t BEGIN DELETE FROM [_queue_ledger]; END',
    /_queue_ledger is the worker's own/,
  ],
  [' -- nothing\n;', /no statement, only comments/],
  ['BEGIN; COMMIT', /nothing between BEGIN and COMMIT/],
  ["SELECT '\ud800'", /lone surrogate/],
  ["SELECT 'a\0b'", /U\+0000/],
];

for (const [sql, message] of refused) {
  test(`refused: ${JSON.stringify(sql)}`, () => assert.throws(() => planSql(sql, false), message));
}

test('with allowAttach, statements that reach other files run alone', () => {
  for (const sql of ["ATTACH 'x' AS y", 'DETACH y', "VACUUM INTO 'x'"]) {
    const { alone, reopen } = planSql(sql, true);
    assert.ok(alone && reopen, sql);
  }
});

test('the cache keeps the texts used last, and no more than 256', () => {
  const cache = new PlanCache(false);
  const [used, unused] = [cache.get("SELECT 'used'"), cache.get("SELECT 'unused'")];
  for (let index = 0; index < 255; index++) {
    cache.get(`SELECT ${index}`);
    assert.equal(cache.get("SELECT 'used'"), used);
  }
  assert.notEqual(cache.get("SELECT 'unused'"), unused);
});
