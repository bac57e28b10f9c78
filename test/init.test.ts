/** queue-init: a queue is created, an installation looked at, a spool emptied. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fire, sample } from './support/hooks.ts';
import { DIST, type Project, project, ROOT, type RunOptions, waitFor, workerPid } from './support/project.ts';
import {
  entryText,
  lockDatabase,
  logged,
  logs,
  once,
  put,
  putEntry,
  startNoWorker,
  startWorker,
  stopWorker,
  withLog,
} from './support/queue.ts';

type Json = Record<string, unknown>;
interface Finding {
  what: string;
  state: string;
  detail: string;
  advice: string | null;
}

async function init(self: Project, args: string[] = [], code = 0, options: RunOptions = {}): Promise<string> {
  const result = await self.run('queue-init', args, options);
  assert.equal(result.code, code, `queue-init ${args.join(' ')}: ${result.stdout}${result.stderr}`);
  return result.stdout + result.stderr;
}

async function verify(self: Project, options: RunOptions = {}): Promise<Finding[]> {
  const { stdout, stderr } = await self.run('queue-init', ['--verify', '--json'], options);
  assert.equal(stderr, '');
  return (JSON.parse(stdout) as { findings: Finding[] }).findings;
}

/** The findings that are not ok, as `state what`. */
function bad(findings: readonly Finding[]): string[] {
  for (const { state, advice, what } of findings) assert.equal(state === 'ok', advice === null, what);
  return findings.filter(({ state }) => state !== 'ok').map(({ state, what }) => `${state} ${what}`);
}

const mode = (path: string): number => statSync(path).mode & 0o777;

test('creates spool and database, closed to others, and leaves them alone the second time', async (t) => {
  const self = project(t);
  const first = JSON.parse(await init(self, ['--json'])) as Json;
  assert.deepEqual(Object.keys(first), [
    'spool',
    'createdSpool',
    'identity',
    'database',
    'createdDatabase',
    'busy',
  ]);
  assert.deepEqual([first.createdSpool, first.createdDatabase, first.busy], [true, true, false]);
  assert.deepEqual([mode(self.spool), mode(self.db)], [0o700, 0o600]);
  assert.deepEqual(self.rows('PRAGMA journal_mode'), [{ journal_mode: 'wal' }]);
  withLog(self);
  putEntry(self, logs('x'));
  await once(self);
  const second = JSON.parse(await init(self, ['--json'])) as Json;
  assert.deepEqual(
    [second.createdSpool, second.createdDatabase, second.identity],
    [false, false, first.identity],
  );
  assert.deepEqual(logged(self), ['x']);
  assert.match(await init(self), /^spool +there already: .*\ndatabase +there already: /);
  const unlock = lockDatabase(self);
  try {
    assert.match(
      await init(self, [], 0, { env: { SQLITE_BUSY_TIMEOUT: '10' } }),
      /in use by another connection/,
    );
  } finally {
    unlock();
  }
});

test('a database that is gone is created anew, and the worker goes on', async (t) => {
  const self = project(t);
  withLog(self);
  putEntry(self, 'CREATE TABLE IF NOT EXISTS other(a)');
  await once(self);
  rmSync(self.db);
  const name = putEntry(self, 'CREATE TABLE other(a)');
  await once(self, 1, { SQLITE_BUSY_TIMEOUT: '10' });
  assert.deepEqual(self.names('pending'), [name]);
  assert.ok((await verify(self)).some(({ what, state }) => what === 'database' && state === 'fault'));
  await init(self);
  await once(self);
  assert.deepEqual(self.rows('SELECT * FROM other'), []);
});

test('what can not be made is an error: a spool of others, a database directory that is a file', async (t) => {
  const self = project(t);
  mkdirSync(self.spool, { recursive: true });
  chmodSync(self.spool, 0o777);
  assert.match(await init(self, [], 1), /the spool is refused/);
  chmodSync(self.spool, 0o700);
  writeFileSync(join(self.dir, 'file'), '');
  assert.match(await init(self, [], 1, { env: { HIVE_DB: 'file/hive.db' } }), /file\/hive\.db/);
  assert.match(
    await init(self, [], 2, { env: { HIVE_DB: 'mysql://u:secret@host/db' } }),
    /mysql:\/\/ databases/,
  );
});

test('--verify finds nothing wrong with a new queue, nor with one at work, and changes nothing', async (t) => {
  const self = project(t);
  await init(self);
  const files = (): string[] => readdirSync(self.dir, { recursive: true }).map(String).sort();
  await verify(self);
  const before = files();
  const findings = await verify(self);
  assert.deepEqual(bad(findings), []);
  assert.deepEqual(files(), before);
  const lines = (await init(self, ['--verify'])).trimEnd().split('\n');
  assert.match(lines.at(-1) ?? '', /^\d+ ok, 0 warnings, 0 faults$/);
  assert.equal(lines.length, findings.length + 1);
  withLog(self);
  putEntry(self, logs('x'));
  await startWorker(self);
  await waitFor('the entry', () => logged(self).length === 1);
  assert.deepEqual(bad(await verify(self)), []);
});

test('--verify without a spool says how to begin', async (t) => {
  const self = project(t);
  const text = await init(self, ['--verify'], 1);
  assert.match(text, /^fault +directories +there is no spool at .*\n +-> Run: queue-init$/m);
  assert.match(text, /^warning +database +.* is not there yet\n +-> Run: queue-init/m);
  assert.deepEqual(readdirSync(self.dir), []);
});

const HOUR_AGO = Date.now() / 1000 - 3600;

/** A fault is planted in a healthy queue; `expected` is what --verify then says, and nothing else. */
const faults: {
  name: string;
  plant(self: Project): void;
  expected: string[];
  env?: Record<string, string>;
}[] = [
  {
    name: 'a bad variable',
    plant: () => {},
    env: { QUEUE_BATCH_SIZE: '0', USE_QUEUE: 'perhaps' },
    expected: ['fault configuration', 'fault configuration'],
  },
  {
    name: 'directories open to others',
    plant: (self) => {
      chmodSync(join(self.spool, 'failed'), 0o755);
      chmodSync(join(self.spool, 'pending'), 0o770);
    },
    expected: ['fault directories', 'fault directories'],
  },
  {
    name: 'a symlink for a spool',
    plant: (self) => {
      renameSync(self.spool, `${self.spool}-real`);
      symlinkSync(`${self.spool}-real`, self.spool);
    },
    expected: ['fault directories'],
  },
  {
    name: 'a directory that is missing',
    plant: (self) => rmSync(join(self.spool, 'completed'), { recursive: true }),
    expected: ['warning directories', 'fault journal'],
  },
  {
    name: 'a file that others may read',
    plant: (self) => writeFileSync(join(self.spool, 'worker.log.1'), '', { mode: 0o644 }),
    expected: ['warning file modes'],
  },
  {
    name: 'a floor ahead of the clock',
    plant: (self) =>
      writeFileSync(join(self.spool, '.seq'), `${(Date.now() + 3_600_000) * 1000}\n`, { mode: 0o600 }),
    expected: ['warning sequence'],
  },
  {
    name: 'a directory for a floor',
    plant: (self) => mkdirSync(join(self.spool, '.seq')),
    expected: ['fault sequence'],
  },
  {
    name: 'a damaged floor and a damaged identity',
    plant: (self) => {
      writeFileSync(join(self.spool, '.seq'), 'x', { mode: 0o600 });
      writeFileSync(join(self.spool, '.identity'), 'x', { mode: 0o600 });
    },
    expected: ['warning sequence', 'warning identity'],
  },
  {
    name: 'a stale worker.pid that names a living stranger',
    plant: (self) =>
      writeFileSync(join(self.spool, 'worker.pid'), `${process.pid} 1 ${Math.floor(Date.now() / 1000)}\n`, {
        mode: 0o600,
      }),
    expected: ['warning worker.pid'],
  },
  {
    name: 'entries without a worker, an orphan, a dead letter, a stale temporary file',
    plant: (self) => {
      putEntry(self, logs('x'));
      const file = (directory: string, name: string): string => {
        const path = join(self.spool, directory, name);
        writeFileSync(path, entryText('SELECT 1'), { mode: 0o600 });
        return path;
      };
      file('processing', '05_1700000000000000_1.json');
      file('failed', '05_1700000000000000_1.json');
      utimesSync(file('.tmp', 'half'), HOUR_AGO, HOUR_AGO);
    },
    expected: ['warning waiting', 'warning processing', 'warning temporaries', 'warning failed'],
  },
  {
    name: 'a journal with a torn line, a damaged archive and a gap',
    plant: (self) => {
      const file = (number: number, end: string, text: string): void =>
        writeFileSync(join(self.spool, 'completed', `journal-0000000${number}.jsonl${end}`), text, {
          mode: 0o600,
        });
      file(1, '.gz', 'this is no gzip');
      file(3, '', '{"a":1}\n{"b":');
    },
    expected: ['warning journal', 'warning journal', 'warning journal'],
  },
  {
    name: 'a database that is none',
    plant: (self) => {
      for (const end of ['-wal', '-shm']) rmSync(self.db + end, { force: true });
      writeFileSync(self.db, 'no database'.repeat(100));
    },
    expected: ['fault database', 'fault writing'],
  },
  {
    name: 'no bash, no setsid',
    plant: () => {},
    env: { PATH: '/nonexistent' },
    expected: ['warning bash', 'warning setsid'],
  },
  {
    name: 'a ledger switched off and a Node that is not there',
    plant: () => {},
    env: { QUEUE_EXACTLY_ONCE: 'false', QUEUE_NODE: '/nonexistent/node' },
    expected: ['fault node', 'warning ledger'],
  },
];

for (const { name, plant, expected, env } of faults) {
  test(`--verify finds ${name}`, async (t) => {
    const self = project(t);
    await init(self);
    plant(self);
    // Not by way of the shell prologue: PATH and QUEUE_NODE are among the faults.
    const args = [join(DIST, 'queue-init'), '--verify', '--json'];
    const { code, stdout } = await self.run(process.execPath, args, env ? { env } : {});
    const { findings, state } = JSON.parse(stdout) as { findings: Finding[]; state: string };
    assert.deepEqual(bad(findings), expected, stdout);
    const isFault = expected.some((text) => text.startsWith('fault'));
    assert.deepEqual([code, state], [isFault ? 1 : 0, isFault ? 'fault' : 'warning']);
    // Nothing of it is in the way of cleaning up.
    rmSync(join(self.spool, 'worker.pid'), { force: true });
  });
}

test('--verify finds a database that is locked, and a lock held by a stranger', async (t) => {
  const self = project(t);
  await init(self);
  const unlock = lockDatabase(self);
  try {
    assert.deepEqual(bad(await verify(self)), ['warning writing']);
  } finally {
    unlock();
  }
  const script = `const D = require('better-sqlite3'); const d = new D(process.argv[1]); d.exec('BEGIN EXCLUSIVE');
    process.stdout.write('held'); setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['-e', script, join(self.spool, '.lock')], { cwd: ROOT });
  t.after(() => holder.kill('SIGKILL'));
  await new Promise((done) => holder.stdout.once('data', done));
  assert.deepEqual(bad(await verify(self)), ['fault lock']);
  const ended = new Promise((done) => holder.once('exit', done));
  holder.kill('SIGKILL');
  await ended;
});

test('--verify finds a part of the program that is missing or not executable', async (t) => {
  const self = project(t);
  await init(self);
  const copy = join(self.dir, 'package');
  cpSync(DIST, join(copy, 'dist'), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  chmodSync(join(copy, 'dist', 'queue-write'), 0o644);
  rmSync(join(copy, 'dist', 'direct.cjs'));
  const { stdout } = await self.run(join(copy, 'dist', 'queue-init'), ['--verify', '--json']);
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  assert.deepEqual(bad(findings), ['fault queue-lib.sh', 'fault executables', 'fault executables']);
});

test('--reset empties the spool and nothing else', async (t) => {
  const self = project(t);
  withLog(self);
  putEntry(self, logs('applied'));
  putEntry(self, 'nonsense');
  await once(self, 3);
  const identity = readFileSync(join(self.spool, '.identity'), 'utf8');
  const name = putEntry(self, logs('waiting'));
  const outside = join(self.dir, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'precious'), '');
  symlinkSync(outside, join(self.spool, 'failed', 'link'));

  assert.match(await init(self, ['--reset'], 2), /this is none\n.*--yes/);
  assert.deepEqual(self.names('pending'), [name]);
  const report = JSON.parse(await init(self, ['--reset', '--yes', '--json'])) as {
    removed: Json;
    identity: string;
  };
  assert.deepEqual([report.removed.pending, report.removed.failed, report.removed.journalFiles], [1, 2, 1]);
  for (const directory of ['pending', 'processing', 'completed', 'failed', '.tmp'] as const) {
    assert.deepEqual(self.names(directory), [], directory);
  }
  assert.deepEqual(readdirSync(self.spool).sort(), [
    '.identity',
    '.lock',
    '.tmp',
    'completed',
    'failed',
    'pending',
    'processing',
    'values',
  ]);
  assert.notEqual(report.identity, identity);
  assert.equal(readFileSync(join(self.spool, '.identity'), 'utf8'), report.identity);
  assert.ok(existsSync(join(outside, 'precious')));
  assert.deepEqual(logged(self), ['applied']);
});

test('--reset leaves the hooks their counts: a session that goes on is not counted from 0 again', async (t) => {
  const self = project(t);
  const counts = async (): Promise<unknown[]> => {
    startNoWorker(self);
    await fire(self, 'auto-checkpoint', sample('PostToolUse.Write'), { CHECKPOINT_INTERVAL: '0' });
    await fire(self, 'session-checkpoint', sample('Stop'));
    await once(self);
    return self.rows('SELECT operations FROM sessions').map((row) => row.operations);
  };
  assert.deepEqual([await counts(), await counts()], [[1], [2]]);
  await init(self, ['--reset', '--yes']);
  assert.deepEqual(await counts(), [3]);
});

test('an entry of the same name as one before the reset is applied: the new spool has a new name', async (t) => {
  const self = project(t);
  withLog(self);
  const name = putEntry(self, logs('before'));
  await once(self);
  put(self, entryText(logs('duplicate'), { priority: 5 }), name);
  await once(self);
  assert.deepEqual(logged(self), ['before'], 'the ledger knows the name');
  await init(self, ['--reset', '--yes']);
  put(self, entryText(logs('after'), { priority: 5 }), name);
  await once(self);
  assert.deepEqual(logged(self), ['before', 'after']);
});

test('--reset refuses while a worker runs', async (t) => {
  const self = project(t);
  withLog(self);
  await startWorker(self);
  const pid = workerPid(self);
  const said = await init(self, ['--reset', '--yes'], 1);
  assert.match(
    said,
    new RegExp(`nothing was removed: a worker runs \\(pid ${pid}\\)\n {2}Run: queue-worker stop`),
  );
  // Without worker.pid it is still the lock that counts.
  const line = readFileSync(join(self.spool, 'worker.pid'));
  rmSync(join(self.spool, 'worker.pid'));
  assert.match(await init(self, ['--reset', '--yes'], 1), /a worker (is starting or leaving|runs)/);
  if (!existsSync(join(self.spool, 'worker.pid')))
    writeFileSync(join(self.spool, 'worker.pid'), line, { mode: 0o600 });
  await stopWorker(self);
  await init(self, ['--reset', '--yes']);
  assert.match(await init(self, ['--reset', '--yes']), /^removed 0 waiting entries/);
});

test('bad calls are usage errors; a reset without a spool is none', async (t) => {
  const self = project(t);
  assert.match(await init(self, ['--reset', '--yes']), /^there is no spool/);
  for (const args of [['--verify', '--reset'], ['--yes'], ['surplus'], ['--nonsense']])
    await init(self, args, 2);
  assert.match(await init(self, ['--help']), /^Examples:$/m);
});
