/** The worker's life cycle: one at a time, found again, never mistaken for a stranger, and no burden to who started it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { spoolAt } from '../lib/spool/layout.ts';
import { WorkerLock } from '../lib/worker/lock.ts';
import { DIST, type Project, project, ROOT, waitFor, workerPid } from './support/project.ts';
import {
  drained,
  ended,
  execute,
  isAlive,
  lockDatabase,
  logged,
  logs,
  nodeWrite,
  once,
  putEntry,
  startNoWorker,
  startWorker,
  withLog,
  workerLog,
  write,
} from './support/queue.ts';

const isLinux = existsSync('/proc/self/fd');
const seconds = (): number => Math.floor(Date.now() / 1000);

/** A living process that is no worker, ended with the test. */
function stranger(t: { after(fn: () => void): void }): number {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  return child.pid as number;
}

/** worker.pid as a process would have written it `age` seconds ago. */
function claim(self: Project, pid: number, startTime: number, age: number): void {
  writeFileSync(join(self.spool, 'worker.pid'), `${pid} ${startTime} ${seconds() - age}\n`, { mode: 0o600 });
}

test('a stale worker.pid that names a living stranger: stop finds no worker and signals nobody', {
  skip: !isLinux && 'needs /proc',
}, async (t) => {
  const self = project(t);
  withLog(self);
  const pid = stranger(t);
  for (const age of [0, 3600]) {
    claim(self, pid, 12345, age);
    const result = await self.run('queue-worker', ['stop']);
    assert.deepEqual([result.code, result.stdout], [0, 'no worker runs\n']);
    assert.ok(isAlive(pid), 'the stranger was signalled');
  }
});

test('a stale worker.pid that names a living stranger: the next write starts a real worker', async (t) => {
  const self = project(t);
  withLog(self);
  const pid = stranger(t);
  claim(self, pid, 12345, 31);
  assert.equal((await nodeWrite(self, ['--wait', '60', logs('a')])).code, 0);
  assert.deepEqual(logged(self), ['a']);
  assert.notEqual(workerPid(self), pid);
  assert.ok(isAlive(pid));
});

test('status and start see through a stale heartbeat, and through one from the future', async (t) => {
  const self = project(t);
  withLog(self);
  const pid = stranger(t);
  for (const age of [31, -3600]) {
    claim(self, pid, 12345, age);
    assert.equal((await self.run('queue-worker', ['status'])).code, 1, `heartbeat ${age} s old`);
  }
  assert.notEqual(await startWorker(self), pid);
});

for (const [what, text] of [
  ['empty', ''],
  ['garbage', 'what is this'],
  ['from another program', '1234\n'],
  ['of a process that is gone', `99999999 1 ${seconds()}\n`],
] as const) {
  test(`a worker.pid that is ${what} keeps no worker from starting`, async (t) => {
    const self = project(t);
    withLog(self);
    writeFileSync(join(self.spool, 'worker.pid'), text);
    assert.equal((await self.run('queue-worker', ['status'])).code, 1);
    assert.equal((await nodeWrite(self, ['--wait', '60', logs('a')])).code, 0);
    assert.deepEqual(logged(self), ['a']);
  });
}

test('two workers at once: one applies, the other leaves with 0; each row once', async (t) => {
  const self = project(t);
  withLog(self);
  for (let i = 0; i < 300; i++) putEntry(self, logs(String(i)));
  // Neither can be done before the other has come and gone.
  const unlock = lockDatabase(self);
  const env = { SQLITE_BUSY_TIMEOUT: '60000' };
  const both = [1, 2].map(() => self.run('queue-worker', ['run', '--once'], { env }));
  await Promise.race(both);
  unlock();
  const results = await Promise.all(both);
  assert.deepEqual(
    results.map(({ code }) => code),
    [0, 0],
  );
  await once(self);
  assert.deepEqual(
    logged(self),
    Array.from({ length: 300 }, (_, i) => String(i)),
  );
  assert.equal(
    workerLog(self).match(/ info worker \d+ for /g)?.length,
    2,
    'one of the two, and the last --once',
  );
});

test('a second detached worker finds the lock held and leaves; the first stays', async (t) => {
  const self = project(t);
  const pid = await startWorker(self);
  const second = await self.run('queue-worker', ['run']);
  assert.equal(second.code, 0);
  assert.equal(workerPid(self), pid);
  assert.ok(isAlive(pid));
});

test('the lock: one holder, free when released, and a file that was overwritten is no obstacle', (t) => {
  const self = project(t);
  const spool = spoolAt(self.spool);
  withLog(self);
  const first = WorkerLock.tryAcquire(spool);
  assert.ok(first);
  assert.equal(WorkerLock.tryAcquire(spool), undefined);
  assert.equal(first.isOurs(), true);
  first.release();
  writeFileSync(spool.lock, 'garbage'.repeat(1000));
  const second = WorkerLock.tryAcquire(spool);
  assert.ok(second);
  rmSync(spool.lock);
  assert.equal(second.isOurs(), false);
  second.release();
});

test('a worker that was killed has freed the lock, and the next write starts another', async (t) => {
  const self = project(t);
  withLog(self);
  const pid = await startWorker(self);
  process.kill(pid, 'SIGKILL');
  await ended(pid);
  // The producer that started the killed one may have left its note of these 5 s.
  for (const name of self.names('.tmp')) rmSync(join(self.spool, '.tmp', name));
  assert.equal((await nodeWrite(self, ['--wait', '60', logs('a')])).code, 0);
  assert.deepEqual(logged(self), ['a']);
  assert.notEqual(workerPid(self), pid);
});

test('fifty producers at once on a dead queue: every row once, one worker', async (t) => {
  const self = project(t);
  withLog(self);
  const texts = Array.from({ length: 50 }, (_, index) => `producer ${index}`);
  const results = await Promise.all(texts.map((text) => nodeWrite(self, [logs(text)])));
  for (const { code, stderr } of results) assert.deepEqual([code, stderr], [0, '']);
  await drained(self);
  assert.deepEqual(logged(self).sort(), texts.sort());
  assert.equal(new Set(self.journal().map((line) => line.name)).size, 50);
  // Whoever lost the race for the lock has left without a word: only holders announce themselves in the log.
  const holders = workerLog(self).match(/ info worker \d+ for /g)?.length;
  const left = workerLog(self).match(/ info worker \d+ leaves/g)?.length ?? 0;
  assert.equal((holders as number) - left, 1, 'workers held the lock at the same time');
});

test('a holder of the .seq lock that was killed delays nobody for long and costs no entry', async (t) => {
  const self = project(t);
  withLog(self);
  await write(self, logs('a'));
  mkdirSync(join(self.spool, '.seq.lock'));
  for (const text of ['b', 'c', 'd']) await write(self, logs(text));
  // And one that has been there for long is taken over.
  const long = Date.now() / 1000 - 60;
  mkdirSync(join(self.spool, '.seq.lock'), { recursive: true });
  utimesSync(join(self.spool, '.seq.lock'), long, long);
  await write(self, logs('e'));
  assert.equal(existsSync(join(self.spool, '.seq.lock')), false, 'it is still locked');
  await once(self);
  assert.deepEqual(logged(self), ['a', 'b', 'c', 'd', 'e']);
});

const floor = (self: Project): number =>
  Number(readFileSync(join(self.spool, '.seq'), 'latin1').slice(0, 16));

test('the clock was set back an hour: new entries come after the old ones, and the floor only rises', async (t) => {
  const self = project(t);
  withLog(self);
  const ahead = (Date.now() + 3_600_000) * 1000;
  putEntry(self, logs('z'), { priority: 6 });
  const old = join(self.spool, 'pending', `05_${ahead}_77.json`);
  writeFileSync(old, `${JSON.stringify({ sql: logs('before') })}\n`);
  writeFileSync(join(self.spool, '.seq'), `${ahead}\n`);
  await write(self, logs('first'));
  await write(self, logs('second'));
  await once(self);
  assert.deepEqual(logged(self), ['before', 'first', 'second', 'z']);
  assert.ok(floor(self) > ahead);
  // From the worker as well: it has seen the names.
  rmSync(join(self.spool, '.seq'));
  writeFileSync(old, `${JSON.stringify({ sql: logs('again') })}\n`);
  await once(self);
  assert.equal(floor(self), ahead);
});

test('a floor more than a day ahead came from a wrong clock: it is reset, and the log says so', async (t) => {
  const self = project(t);
  withLog(self);
  const wrong = (Date.now() + 25 * 3_600_000) * 1000;
  writeFileSync(join(self.spool, '.seq'), `${wrong}\n`);
  await write(self, logs('a'));
  assert.ok(floor(self) < wrong - 1_000_000);
  assert.match(
    workerLog(self),
    new RegExp(`warn the sequence floor ${wrong} is more than a day ahead of the clock: reset`),
  );
  // Nor does the worker raise it to what a wrong clock left in pending/.
  writeFileSync(
    join(self.spool, 'pending', `05_${wrong}_77.json`),
    `${JSON.stringify({ sql: logs('b') })}\n`,
  );
  await once(self);
  assert.deepEqual(logged(self), ['a', 'b']);
  assert.ok(floor(self) < wrong - 1_000_000);
});

for (const [what, text] of [
  ['empty', ''],
  ['garbage', 'what is this, sixteen?'],
  ['short', '123\n'],
] as const) {
  test(`a .seq that is ${what} counts as none`, async (t) => {
    const self = project(t);
    withLog(self);
    writeFileSync(join(self.spool, '.seq'), text);
    await write(self, logs('a'));
    await write(self, logs('b'));
    await once(self);
    assert.deepEqual(logged(self), ['a', 'b']);
  });
}

test('a worker is nobody else`s burden: own session, parent gone, no descriptor and no directory of the hook', {
  skip: !isLinux && 'needs /proc',
}, async (t) => {
  const self = project(t);
  withLog(self);
  const hook = realpathSync(mkdtempSync(join(tmpdir(), 'hookspool-hook-')));
  t.after(() => rmSync(hook, { recursive: true, force: true }));
  const script = `cd "$1" && exec 7<"$1" 9>"$1/held" && "$2" "$3" "$4"`;
  const args = [hook, process.execPath, join(DIST, 'queue-write'), logs('a')];
  // `run` returns when stdout and stderr are closed by all who hold them.
  const result = await self.run('bash', ['-c', script, 'hook', ...args]);
  assert.equal(result.code, 0, result.stderr);
  const pid = await waitFor('the worker', () => workerPid(self));
  assert.ok(isAlive(pid), 'it has not outlived the hook');
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') as string[];
  assert.equal(Number(stat[3]), pid, 'it is not the leader of a session');
  assert.equal(readlinkSync(`/proc/${pid}/cwd`), self.dir);
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    let target: string;
    try {
      target = readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      continue;
    }
    if (Number(fd) < 3)
      assert.ok(target === '/dev/null' || target.endsWith('/worker.log'), `${fd}: ${target}`);
    assert.ok(!target.startsWith(hook), `descriptor ${fd} is the hook's: ${target}`);
    if (target.startsWith('/') && !target.startsWith('/dev/') && !target.startsWith('/proc/')) {
      assert.ok(target.startsWith(self.dir), `descriptor ${fd} is ${target}`);
    }
  }
});

test('dist/queue-worker is missing when a worker is to be started: the write succeeds, the log says why', async (t) => {
  const self = project(t);
  withLog(self);
  const home = join(self.dir, 'package');
  mkdirSync(join(home, 'dist'), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(home, 'node_modules'));
  for (const file of ['queue-write', 'package.json', 'direct.cjs']) {
    writeFileSync(join(home, 'dist', file), readFileSync(join(DIST, file)), { mode: 0o755 });
  }
  const result = await self.run(process.execPath, [join(home, 'dist', 'queue-write'), logs('a')]);
  assert.deepEqual([result.code, result.stderr], [0, '']);
  assert.match(
    workerLog(self),
    /error the worker can't be started: dist\/queue-worker is not found.*npm run build/,
  );
  await once(self);
  assert.deepEqual(logged(self), ['a']);
});

test('start says so when no worker comes up, and where to look', async (t) => {
  const self = project(t);
  withLog(self);
  // The lock is held by a process that is no announced worker, so none can start.
  const lock = WorkerLock.tryAcquire(spoolAt(self.spool)) as WorkerLock;
  t.after(() => lock.release());
  const result = await self.run('queue-worker', ['start']);
  assert.equal(result.code, 1);
  assert.match(result.stderr, /did not start within 10 s\n.*worker\.log/);
});

test('a suspended worker is not replaced while it holds the lock, and goes on when it is resumed', async (t) => {
  const self = project(t);
  withLog(self);
  const pid = await startWorker(self);
  process.kill(pid, 'SIGSTOP');
  putEntry(self, logs('a'));
  claim(self, pid, 0, 31);
  startNoWorker(self);
  const second = await self.run('queue-worker', ['run']);
  assert.equal(second.code, 0);
  assert.deepEqual([isAlive(pid), logged(self)], [true, []]);
  process.kill(pid, 'SIGCONT');
  await drained(self);
  assert.deepEqual(logged(self), ['a']);
});

test('stop wakes and stops a suspended worker', async (t) => {
  const self = project(t);
  const pid = await startWorker(self);
  process.kill(pid, 'SIGSTOP');
  const result = await self.run('queue-worker', ['stop']);
  assert.equal(result.stdout, `worker stopped (pid ${pid})\n`);
  assert.equal(isAlive(pid), false);
});

test('a worker refreshes its heartbeat while a statement keeps it busy', async (t) => {
  const self = project(t, { SQLITE_TIMEOUT: '60000' });
  execute(self, 'CREATE TABLE done(x)');
  const pid = await startWorker(self);
  const count =
    'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r WHERE n < 60000000) SELECT sum(n) FROM r';
  claim(self, pid, 0, 20);
  putEntry(self, `${count}; INSERT INTO done VALUES(1)`);
  const before = readFileSync(join(self.spool, 'worker.pid'), 'latin1');
  await waitFor('a heartbeat', () => readFileSync(join(self.spool, 'worker.pid'), 'latin1') !== before, 20);
  await drained(self);
  assert.equal(workerPid(self), pid);
});
