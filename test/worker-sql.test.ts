/** What SQL may do: every kind of it among neighbours that must be applied once, whatever it does to itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Project, project, waitFor, workerPid } from './support/project.ts';
import {
  drained,
  execute,
  letter,
  logged,
  logs,
  nodeWrite,
  once,
  putEntry,
  startWorker,
  withLog,
  workerLog,
} from './support/queue.ts';

const ENDLESS = 'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r) SELECT sum(n) FROM r';

interface Case {
  sql: string;
  params?: unknown;
  /** What it adds to `log`; default nothing. */
  adds?: string[];
  /** The code and text of its dead letter; none: it is applied. */
  fails?: RegExp;
}

const cases: Record<string, Case> = {
  'several statements are one unit': { sql: `${logs('x')};\n${logs('y')};`, adds: ['x', 'y'] },
  'the second statement fails, the first is undone': {
    sql: `${logs('x')}; INSERT INTO nowhere VALUES(1)`,
    fails: /nowhere/,
  },
  SELECT: { sql: 'SELECT * FROM log' },
  RETURNING: { sql: `${logs('x')} RETURNING n, t`, adds: ['x'] },
  'WITH ... INSERT': {
    sql: "WITH v(a) AS (VALUES('x'),('y')) INSERT INTO log(t) SELECT a FROM v",
    adds: ['x', 'y'],
  },
  'a transaction around the entry': { sql: `BEGIN; ${logs('x')}; COMMIT`, adds: ['x'] },
  COMMIT: { sql: 'COMMIT', fails: /COMMIT/ },
  'COMMIT amid statements': { sql: `${logs('x')}; COMMIT; ${logs('y')}`, fails: /COMMIT/ },
  ROLLBACK: { sql: `${logs('x')}; ROLLBACK`, fails: /ROLLBACK/ },
  'INSERT OR ROLLBACK that conflicts': {
    sql: 'INSERT OR ROLLBACK INTO u VALUES(1)',
    fails: /SQLITE_CONSTRAINT.*UNIQUE/,
  },
  'RAISE(ROLLBACK)': { sql: 'INSERT INTO trap VALUES(1)', fails: /SQLITE_CONSTRAINT_TRIGGER.*no way/ },
  'INSERT OR IGNORE that conflicts': { sql: `INSERT OR IGNORE INTO u VALUES(1); ${logs('x')}`, adds: ['x'] },
  VACUUM: { sql: 'VACUUM' },
  PRAGMA: { sql: `PRAGMA foreign_keys=ON; ${logs('x')}`, adds: ['x'] },
  'PRAGMA that would spoil it for others': { sql: 'PRAGMA query_only=ON' },
  'PRAGMA journal_mode': { sql: 'PRAGMA journal_mode=DELETE' },
  'a constraint': { sql: 'INSERT INTO u VALUES(1)', fails: /SQLITE_CONSTRAINT.*UNIQUE/ },
  'a syntax error': { sql: 'INSRT INTO log', fails: /SQLITE_ERROR.*near "INSRT"/ },
  'a table that is not there': {
    sql: 'INSERT INTO nowhere VALUES(1)',
    fails: /no such table: nowhere.*Create the table/,
  },
  'double-quoted text': { sql: 'INSERT INTO log(t) VALUES("hello")', fails: /hello.*single quotes/ },
  'a missing parameter': { sql: 'INSERT INTO log(t) VALUES(:a)', params: {}, fails: /BAD_PARAMS.*:a/ },
  'a surplus parameter': { sql: logs('x'), params: { b: 1 }, fails: /BAD_PARAMS.*b/ },
  'a parameter by the wrong name': {
    sql: 'INSERT INTO log(t) VALUES(:a)',
    params: { b: 1 },
    fails: /BAD_PARAMS.*:a.*b/,
  },
  'an array for ?': { sql: 'INSERT INTO log(t) VALUES(? || ?)', params: ['x', 'y'], adds: ['xy'] },
  'too short an array': { sql: 'INSERT INTO log(t) VALUES(? || ?)', params: ['x'], fails: /BAD_PARAMS/ },
  'nothing but a comment': { sql: '-- nothing', fails: /EMPTY_SQL/ },
  'the ledger': { sql: 'DELETE FROM _queue_ledger', fails: /_queue_ledger/ },
  ATTACH: { sql: "ATTACH '/tmp/x.db' AS x", fails: /ATTACH/ },
};

test('neighbours are applied once, and the entry as a whole or not at all:', async (t) => {
  const self = project(t);
  withLog(self);
  execute(
    self,
    `CREATE TABLE u(x UNIQUE); INSERT INTO u VALUES(1);
     CREATE TABLE trap(x); CREATE TRIGGER no AFTER INSERT ON trap BEGIN SELECT RAISE(ROLLBACK, 'no way'); END;`,
  );
  const names = new Map<string, string>();
  const expected: string[] = [];
  for (const [what, { sql, params, adds = [] }] of Object.entries(cases)) {
    putEntry(self, logs(`before ${what}`));
    names.set(what, putEntry(self, sql, params === undefined ? {} : { params }));
    putEntry(self, logs(`after ${what}`));
    expected.push(`before ${what}`, ...adds, `after ${what}`);
  }
  await once(self, 3);
  for (const [what, { fails }] of Object.entries(cases)) {
    await t.test(what, () => {
      const name = names.get(what) as string;
      assert.equal(
        self.names('failed').includes(name),
        fails !== undefined,
        fails ? 'it was applied' : 'it failed',
      );
      if (!fails) return;
      const { code, message, hint } = letter(self, name);
      assert.match(`${code}: ${message} ${hint}`, fails);
    });
  }
  assert.deepEqual(logged(self), expected);
  assert.deepEqual(self.names('pending'), []);
  const failing = Object.values(cases).filter(({ fails }) => fails).length;
  assert.equal(self.journal().length, 3 * names.size - failing);
});

const bad: Record<string, RegExp> = {
  'mysql://user:secret@host/db': /password/,
  ' ': /path of a database/,
};

test('a target that can be none is the fault of its entry, and repeats no password', async (t) => {
  const self = project(t);
  withLog(self);
  for (const [db, message] of Object.entries(bad)) {
    const name = putEntry(self, 'SELECT 1', { db });
    putEntry(self, logs(db));
    await once(self, 3);
    const error = letter(self, name);
    assert.equal(error.code, 'BAD_TARGET');
    assert.match(error.message, message);
    assert.doesNotMatch(error.message + workerLog(self), /secret/);
  }
  assert.deepEqual(logged(self), Object.keys(bad));
});

function putEndless(self: Project): string {
  for (let i = 0; i < 3; i++) putEntry(self, logs(`before ${i}`));
  const name = putEntry(self, `${logs('half')}; ${ENDLESS}`);
  for (let i = 0; i < 3; i++) putEntry(self, logs(`after ${i}`));
  return name;
}

const NEIGHBOURS = ['before', 'after'].flatMap((text) => [0, 1, 2].map((i) => `${text} ${i}`));

test('a statement that never ends goes to failed/ under a detached worker, which lives on', async (t) => {
  const self = project(t, { SQLITE_TIMEOUT: '300' });
  withLog(self);
  const name = putEndless(self);
  const first = await startWorker(self);
  await drained(self);
  assert.deepEqual(logged(self), NEIGHBOURS);
  const error = letter(self, name);
  assert.equal(error.code, 'SQLITE_TIMEOUT');
  assert.match(`${error.message} ${error.hint}`, /longer than 300 ms.*Raise SQLITE_TIMEOUT/);
  const second = await waitFor('the successor', () => workerPid(self));
  assert.notEqual(first, second);
  putEntry(self, logs('later'));
  await drained(self);
  assert.deepEqual(logged(self), [...NEIGHBOURS, 'later']);
  assert.equal(self.journal().length, 7);
});

test('a statement that never ends makes --once exit 3, with all others applied once', async (t) => {
  const self = project(t, { SQLITE_TIMEOUT: '300' });
  withLog(self);
  const name = putEndless(self);
  await once(self, 3);
  assert.deepEqual(logged(self), NEIGHBOURS);
  assert.deepEqual(self.names('failed'), [name]);
  assert.deepEqual([self.names('pending'), self.names('processing'), self.names('.tmp')], [[], [], []]);
});

test('two statements that never end cost one worker each, and nothing else', async (t) => {
  const self = project(t, { SQLITE_TIMEOUT: '300' });
  withLog(self);
  const names = [putEndless(self), putEndless(self)];
  await once(self, 3);
  assert.deepEqual(logged(self), [...NEIGHBOURS, ...NEIGHBOURS]);
  assert.deepEqual(self.names('failed'), names.sort());
});

test("the watchdog's successor works for the same database, spool and project", async (t) => {
  const self = project(t);
  // All of it relative, and the project found from the working directory.
  const env = { CLAUDE_PROJECT_DIR: 'sub', HIVE_DB: 'x.db', QUEUE_BASE_DIR: 'q', SQLITE_TIMEOUT: '300' };
  const at = { ...self, spool: `${self.dir}/sub/q`, db: `${self.dir}/sub/x.db` };
  withLog(at);
  const options = { env };
  assert.equal((await nodeWrite(self, ['SELECT 1'], options)).code, 0);
  const first = await waitFor('the worker', () => workerPid(at));
  assert.equal((await nodeWrite(self, [ENDLESS], options)).code, 0);
  const successor = await waitFor('the successor', () => {
    const pid = workerPid(at);
    return pid !== first && pid;
  });
  // An entry that leaves its database to the worker, and one that names it by a relative path.
  putEntry(at, logs('default'));
  putEntry(at, logs('relative'), { db: 'x.db' });
  const stop = () => self.run('queue-worker', ['stop'], options);
  try {
    await waitFor('both rows', () => logged(at).length === 2, 20);
    assert.equal(workerPid(at), successor);
  } finally {
    await stop();
  }
});
