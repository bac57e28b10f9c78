/** What becomes of a write: --wait, --print, --id, --delay, --at, --db, --durable, and writes without the queue. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DIST, project, waitFor } from './support/project.ts';
import {
  execute,
  letter,
  lockDatabase,
  logged,
  logs,
  nodeWrite,
  noStrace,
  once,
  startNoWorker,
  withLog,
  workerLog,
  write,
} from './support/queue.ts';

test('--wait exits 0 when the entry is applied, and its row is there', async (t) => {
  const self = project(t);
  withLog(self);
  const result = await nodeWrite(self, ['--wait', '30', logs('a')]);
  assert.deepEqual([result.code, result.stderr], [0, '']);
  assert.deepEqual(logged(self), ['a']);
});

test('--wait exits 3 with the error and its remedy on stderr when the entry failed', async (t) => {
  const self = project(t);
  withLog(self);
  const result = await nodeWrite(self, ['--wait', '30', 'INSERT INTO nowhere VALUES(1)']);
  assert.equal(result.code, 3);
  assert.match(result.stderr, /SQLITE_ERROR: no such table: nowhere\n.*Create the table/);
});

test('--wait exits 4 when the time is up, and the entry is still to be applied', async (t) => {
  const self = project(t);
  withLog(self);
  startNoWorker(self);
  const result = await nodeWrite(self, ['--wait', '0.1', logs('a')]);
  assert.equal(result.code, 4);
  assert.match(result.stderr, /^queue-write: not applied yet; it waits in the spool: queue-status\n$/);
  assert.equal(self.names('pending').length, 1);
  await once(self);
  assert.deepEqual(logged(self), ['a']);
});

test('--wait works where no file events are to be had', { skip: noStrace() }, async (t) => {
  const self = project(t);
  withLog(self);
  // Not -f: strace would wait for the worker.
  const inject = ['-o', '/dev/null', '-e', 'trace=inotify_init1', '-e', 'inject=inotify_init1:error=EMFILE'];
  const command = [process.execPath, join(DIST, 'queue-write'), '--wait', '30', logs('a')];
  const result = await self.run('strace', [...inject, ...command]);
  assert.deepEqual([result.code, result.stderr], [0, '']);
  assert.deepEqual(logged(self), ['a']);
});

test('--print prints the name that the entry has in pending/', async (t) => {
  const self = project(t);
  startNoWorker(self);
  const result = await nodeWrite(self, ['--print', '-p', '7', 'SELECT 1']);
  assert.equal(result.stdout, `${self.names('pending')[0]}\n`);
  assert.match(result.stdout, /^07_\d{16}_\d+\.json\n$/);
});

test('--id is applied once: queued twice, written again after it was applied, and written directly', async (t) => {
  const self = project(t);
  withLog(self);
  await write(self, '--id', 'k', logs('a'));
  await write(self, '--id', 'k', logs('a'));
  await write(self, '--id', 'other', logs('b'));
  await once(self);
  assert.deepEqual(logged(self), ['a', 'b']);
  await write(self, '--id', 'k', logs('a'));
  const drained = await once(self);
  assert.match(drained.stdout, /duplicates 1/);
  const direct = await nodeWrite(self, ['--id', 'k', logs('a')], { env: { USE_QUEUE: 'false' } });
  assert.equal(direct.code, 0, direct.stderr);
  assert.deepEqual(logged(self), ['a', 'b']);
  assert.deepEqual(
    self.journal().map((line) => line.key),
    ['k', 'other'],
  );
});

test('--delay and --at keep an entry back until its time, whatever its priority; then it is applied', async (t) => {
  const self = project(t);
  withLog(self);
  await write(self, '--delay', '3600', '-p', '1', logs('in an hour'));
  await write(self, '--at', '2999-01-01T00:00:00+02:00', '-p', '1', logs('in 2999'));
  await write(self, '--at', '2020-01-01T00:00:00Z', logs('long ago'));
  await write(self, '--delay', '0', logs('at once'));
  await once(self);
  assert.deepEqual(logged(self), ['long ago', 'at once']);
  assert.equal(self.names('pending').length, 2);
});

test('a worker that runs applies a delayed entry when it is due', async (t) => {
  const self = project(t);
  withLog(self);
  const due = Date.now() + 1500;
  const at = new Date(due).toISOString();
  const result = await nodeWrite(self, ['--at', at, '--wait', '60', logs('a')]);
  assert.equal(result.code, 0, result.stderr);
  assert.ok(Date.now() >= due, 'it was applied too early');
  assert.deepEqual(logged(self), ['a']);
});

test('--db and an explicit HIVE_DB name the target: two databases of one spool each get their own', async (t) => {
  const self = project(t);
  const other = join(self.dir, 'other.db');
  const third = join(self.dir, 'sub', '..', 'third.db');
  withLog(self);
  withLog(self, other);
  withLog(self, third);
  await write(self, logs('default'));
  await write(self, '--db', 'other.db', logs('relative'));
  await write(self, '--db', other, logs('absolute'));
  startNoWorker(self);
  const explicit = await nodeWrite(self, [logs('explicit')], { env: { HIVE_DB: 'third.db' } });
  assert.equal(explicit.code, 0, explicit.stderr);
  await once(self);
  assert.deepEqual(logged(self), ['default']);
  assert.deepEqual(logged(self, other), ['relative', 'absolute']);
  assert.deepEqual(logged(self, third), ['explicit']);
});

test('--durable: file and directory are synced after the bytes and before it returns', {
  skip: noStrace(),
}, async (t) => {
  const self = project(t);
  startNoWorker(self);
  const trace = join(self.dir, 'trace');
  const calls = 'trace=openat,write,pwrite64,fsync,fdatasync,link,linkat,close';
  const result = await self.run('strace', [
    ...['-f', '-y', '-s', '200', '-o', trace, '-e', calls],
    ...[process.execPath, join(DIST, 'queue-write'), '--durable', "SELECT 'marked'"],
  ]);
  assert.equal(result.code, 0, result.stderr);
  const lines = readFileSync(trace, 'utf8').split('\n');
  const index = (pattern: RegExp): number => lines.findIndex((line) => pattern.test(line));
  const written = index(/write.*marked/);
  const fileSynced = index(/fsync\(\d+<[^>]*\/\.tmp\//);
  const linked = index(/link(at)?\(.*pending\//);
  const directorySynced = index(/fsync\(\d+<[^>]*\/pending>/);
  assert.ok(written !== -1 && written < fileSynced, 'the file is synced after it was written');
  assert.ok(fileSynced < linked, 'it is published after it was synced');
  assert.ok(linked < directorySynced, 'the directory is synced after that');
});

test('QUEUE_DURABLE does the same for every write; without it nothing is synced', {
  skip: noStrace(),
}, async (t) => {
  const self = project(t);
  startNoWorker(self);
  const trace = join(self.dir, 'trace');
  for (const [durable, syncs] of [
    ['true', 2],
    ['false', 0],
  ] as const) {
    const result = await self.run(
      'strace',
      [
        '-f',
        '-o',
        trace,
        '-e',
        'trace=fsync,fdatasync',
        process.execPath,
        join(DIST, 'queue-write'),
        'SELECT 1',
      ],
      { env: { QUEUE_DURABLE: durable } },
    );
    assert.equal(result.code, 0, result.stderr);
    assert.equal(
      readFileSync(trace, 'utf8').match(/sync\(/g)?.length ?? 0,
      syncs,
      `QUEUE_DURABLE=${durable}`,
    );
  }
});

const DIRECT = { env: { USE_QUEUE: 'false' } };

test('USE_QUEUE=false writes to the database before it returns; counted and journaled', async (t) => {
  const self = project(t);
  withLog(self);
  const result = await nodeWrite(self, ['--param', 'x=a', 'INSERT INTO log(t) VALUES(:x)', 'op'], DIRECT);
  assert.deepEqual([result.code, result.stdout, result.stderr], [0, '', '']);
  assert.deepEqual(logged(self), ['a']);
  assert.equal(statSync(join(self.spool, '.direct')).size, 1);
  const [line] = self.journal();
  assert.deepEqual([line?.operation, line?.params], ['op', { x: 'a' }]);
  assert.equal(self.rows('SELECT count(*) AS n FROM _queue_ledger')[0]?.n, 1);
  assert.equal(existsSync(join(self.spool, 'worker.pid')), false, 'no worker is started');
});

test('USE_QUEUE=false without a spool writes all the same, and makes none', async (t) => {
  const self = project(t);
  const result = await nodeWrite(self, ['CREATE TABLE a(x)'], DIRECT);
  assert.deepEqual([result.code, result.stderr], [0, '']);
  assert.equal(self.rows('SELECT count(*) AS n FROM a')[0]?.n, 0);
  assert.equal(existsSync(self.spool), false);
});

test('a direct write that fails says why, writes nothing, and is neither counted nor journaled:', async (t) => {
  const self = project(t);
  withLog(self);
  const cases: [why: string, args: string[], code: number, message: RegExp][] = [
    ['bad SQL', ['INSERT INTO nowhere VALUES(1)'], 3, /no such table: nowhere/],
    ['a constraint', [`${logs('x')}; INSERT INTO log(n) VALUES(1)`], 3, /UNIQUE/],
    ['a missing parameter', ['INSERT INTO log(t) VALUES(:x)'], 3, /:x/],
    ['an unusable database', ['--db', '/nowhere/x.db', 'SELECT 1'], 1, /\/nowhere\/x\.db/],
    ['a delay', ['--delay', '5', 'SELECT 1'], 2, /needs the queue/],
  ];
  for (const [why, args, code, message] of cases) {
    await t.test(why, async () => {
      const result = await nodeWrite(self, args, DIRECT);
      assert.equal(result.code, code, result.stderr);
      assert.match(result.stderr, message);
    });
  }
  assert.deepEqual([logged(self), self.journal(), self.names('pending')], [[], [], []]);
  assert.equal(existsSync(join(self.spool, '.direct')), false);
});

test('a direct write waits for another connection SQLITE_BUSY_TIMEOUT ms, then exits 1', async (t) => {
  const self = project(t);
  withLog(self);
  const unlock = lockDatabase(self);
  const busy = await nodeWrite(self, [logs('a')], { env: { USE_QUEUE: 'false', SQLITE_BUSY_TIMEOUT: '50' } });
  assert.equal(busy.code, 1);
  assert.match(busy.stderr, /locked/);
  const waiting = nodeWrite(self, [logs('b')], { env: { USE_QUEUE: 'false', SQLITE_BUSY_TIMEOUT: '60000' } });
  setTimeout(unlock, 300);
  assert.equal((await waiting).code, 0);
  assert.deepEqual(logged(self), ['b']);
});

const ENDLESS = 'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r) SELECT sum(n) FROM r';

test('a direct write that never ends is stopped after SQLITE_TIMEOUT, undone, and exits non-zero', async (t) => {
  const self = project(t);
  withLog(self);
  const env = { USE_QUEUE: 'false', SQLITE_TIMEOUT: '300', SQLITE_BUSY_TIMEOUT: '0' };
  const result = await nodeWrite(self, [`${logs('a')}; ${ENDLESS}`], { env });
  assert.notEqual(result.code, 0);
  assert.match(result.stderr, /longer than SQLITE_TIMEOUT \(300 ms\)/);
  assert.deepEqual(logged(self), []);
  const next = await nodeWrite(self, [logs('b')], { env });
  assert.equal(next.code, 0, next.stderr);
  assert.deepEqual(logged(self), ['b']);
});

test('the first write starts the worker, and later ones find it', async (t) => {
  const self = project(t);
  execute(self, 'CREATE TABLE log(n INTEGER PRIMARY KEY, t)');
  assert.equal((await nodeWrite(self, [logs('a')])).code, 0);
  await waitFor('the first row', () => logged(self).length === 1);
  const pid = readFileSync(join(self.spool, 'worker.pid'), 'latin1').split(' ')[0];
  assert.equal((await nodeWrite(self, ['--wait', '60', logs('b')])).code, 0);
  assert.deepEqual(logged(self), ['a', 'b']);
  assert.equal(readFileSync(join(self.spool, 'worker.pid'), 'latin1').split(' ')[0], pid);
  assert.equal(workerLog(self).match(/ info worker \d+ for /g)?.length, 1);
});

test('the dead letter of a failed entry holds entry and error', async (t) => {
  const self = project(t);
  withLog(self);
  await write(
    self,
    '--param-json',
    'n=9007199254740993',
    '--id',
    'k',
    'INSERT INTO nowhere VALUES(:n)',
    'op',
    '3',
  );
  await once(self, 3);
  const [name] = self.names('failed');
  assert.match(letter(self, name as string).message, /no such table/);
  const text = readFileSync(join(self.spool, 'failed', name as string), 'utf8');
  assert.match(text, /"n":9007199254740993/);
  const entry = JSON.parse(text) as Record<string, unknown>;
  assert.deepEqual([entry.operation, entry.priority, entry.id], ['op', 3, 'k']);
});
