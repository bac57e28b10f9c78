/** queue-maint health: each check beside real queues and databases, thresholds, and that it leaves no trace. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import type { QueueError } from '../lib/errors.ts';
import { parseThresholds } from '../lib/maintenance/health/thresholds.ts';
import { ensureSpool, spoolAt } from '../lib/spool/layout.ts';
import { type Project, project, ROOT, waitFor } from './support/project.ts';
import {
  AS_NOBODY,
  background,
  entryText,
  execute,
  lockDatabase,
  logs,
  noOtherUser,
  once,
  put,
  putEntry,
  startWorker,
  withLog,
} from './support/queue.ts';

interface Check {
  name: string;
  state: string;
  value: number | null;
  unit: string | null;
  warning: number | null;
  critical: number | null;
  detail: string;
  advice: string | null;
}

/** What of this machine would decide otherwise. */
const QUIET = 'disk=off backup=off';

interface Health {
  code: number | null;
  state: string;
  check(name: string): Check;
  checks: Check[];
}

async function health(self: Project, args: string[] = [], env: Record<string, string> = {}): Promise<Health> {
  const result = await self.run('queue-maint', ['health', '--json', ...args], {
    env: { QUEUE_THRESHOLDS: QUIET, ...env },
  });
  assert.equal(result.stderr, '');
  const { state, checks } = JSON.parse(result.stdout) as { state: string; checks: Check[] };
  assert.equal(result.code, { ok: 0, warning: 1, critical: 2 }[state], result.stdout);
  const check = (name: string): Check => {
    const found = checks.find((one) => one.name === name);
    assert.ok(found, `there is no check ${name}`);
    return found;
  };
  return { code: result.code, state, check, checks };
}

/** The state of one check, and of the whole, which must be the same: nothing else is wrong. */
async function alone(self: Project, name: string, args: string[] = []): Promise<Check> {
  const report = await health(self, args);
  const found = report.check(name);
  const others = report.checks.filter((one) => one !== found && !['ok', 'skipped'].includes(one.state));
  assert.deepEqual(others, []);
  assert.equal(report.state, found.state === 'skipped' ? 'ok' : found.state);
  assert.equal(found.advice === null, found.state === 'ok' || found.state === 'skipped', found.detail);
  return found;
}

/** Every path below a directory with its size and time of change. */
function traces(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const { size, mtimeMs, ino } = statSync(join(directory, name));
      return `${name} ${size} ${mtimeMs} ${ino}`;
    });
}

function nameAt(secondsAgo: number, priority = 5): string {
  return `${String(priority).padStart(2, '0')}_${(Date.now() - secondsAgo * 1000) * 1000}_1.json`;
}

test('without spool and database it finds nothing wrong and makes nothing', async (t) => {
  const self = project(t);
  const report = await health(self);
  assert.equal(report.state, 'ok');
  assert.deepEqual(
    report.checks.map(({ name, state }) => `${name} ${state}`),
    [
      'spool ok',
      'worker skipped',
      'oldest skipped',
      'orphans skipped',
      'failed skipped',
      'clock skipped',
      'integrity ok',
      'size skipped',
      'wal skipped',
      'fragmentation skipped',
      'disk skipped',
      'backup skipped',
    ],
  );
  assert.deepEqual(readdirSync(self.dir), []);
});

test('a queue in order: the documented keys, the numbers, and no trace of having looked', async (t) => {
  const self = project(t);
  withLog(self);
  putEntry(self, logs('x'));
  await once(self);
  const before = traces(self.dir);
  const report = await health(self);
  assert.equal(report.state, 'ok');
  assert.deepEqual(Object.keys(report.check('size')), [
    'name',
    'state',
    'value',
    'unit',
    'warning',
    'critical',
    'detail',
    'advice',
  ]);
  assert.deepEqual(report.check('size'), {
    name: 'size',
    state: 'ok',
    value: statSync(self.db).size,
    unit: 'bytes',
    warning: 500 * 1024 ** 2,
    critical: 1024 ** 3,
    detail: self.db,
    advice: null,
  });
  assert.match(report.check('integrity').detail, /^sound \(quick_check\)$/);
  assert.match((await health(self, ['--full'])).check('integrity').detail, /^sound \(integrity_check\)$/);
  assert.deepEqual(traces(self.dir), before);
});

test('it leaves no trace beside a -wal of a crash, and of a copy without its -shm', async (t) => {
  const self = project(t);
  withLog(self);
  const db = new Database(self.db);
  t.after(() => db.close());
  db.pragma('journal_mode = WAL');
  db.exec("INSERT INTO log(t) VALUES('in the WAL')");
  const copy = join(self.dir, 'copy.db');
  for (const suffix of ['', '-wal']) cpSync(self.db + suffix, copy + suffix);
  const before = traces(self.dir);
  const open = await health(self);
  assert.deepEqual([open.state, open.check('integrity').detail], ['ok', 'sound (quick_check)']);
  assert.ok((open.check('wal').value as number) > 0);
  const copied = await health(self, ['--db', 'copy.db']);
  assert.deepEqual([copied.state, copied.check('size').detail], ['ok', copy]);
  assert.match(copied.check('integrity').detail, /^not checked: a -wal is left/);
  const status = await self.run('queue-status', [], { env: { HIVE_DB: copy } });
  assert.match(status.stdout, /^Database: ok$/m);
  const shm = (line: string): boolean => line.startsWith('.hive-mind/hive.db-shm');
  assert.deepEqual(
    traces(self.dir).filter((line) => !shm(line)),
    before.filter((line) => !shm(line)),
  );
});

test('the database: damaged, no database, a directory, missing, locked, a URL, too large to be read', async (t) => {
  const self = project(t);
  execute(
    self,
    'CREATE TABLE t(x); WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c LIMIT 2000) INSERT INTO t SELECT hex(randomblob(50)) FROM c',
  );
  const good = readFileSync(self.db);
  const integrity = async (): Promise<[string, string]> => {
    const { state, detail } = await alone(self, 'integrity');
    return [state, detail];
  };
  // The last pages of the table: the header and the schema are sound.
  writeFileSync(self.db, Buffer.concat([good.subarray(0, good.length - 4096), Buffer.alloc(4096, 0xaa)]));
  assert.match((await integrity()).join(' '), /^critical .*(not sound|malformed)/);
  truncateSync(self.db, 4096);
  assert.match((await integrity()).join(' '), /^critical it is truncated: /);
  writeFileSync(self.db, 'garbage '.repeat(1000));
  assert.match((await integrity()).join(' '), /^critical it is not a SQLite database/);
  rmSync(self.db);
  mkdirSync(self.db);
  assert.match((await integrity()).join(' '), /^critical it is not a regular file/);
  rmSync(self.db, { recursive: true });
  writeFileSync(join(self.spool, 'stats.json'), JSON.stringify({ databases: [self.db] }), { mode: 0o600 });
  assert.match((await integrity()).join(' '), /^critical .* was there and is missing/);

  writeFileSync(self.db, '');
  assert.deepEqual(await integrity(), ['ok', 'empty: nothing was applied yet']);
  writeFileSync(self.db, good);
  const db = new Database(self.db);
  db.exec('BEGIN EXCLUSIVE');
  assert.match((await integrity()).join(' '), /^warning not checked: database is locked/);
  db.close();
  const url = await health(self, [], { HIVE_DB: 'postgres://me:secret@host/db' });
  assert.deepEqual(
    [url.state, ...['integrity', 'size', 'wal', 'fragmentation'].map((name) => url.check(name).state)],
    ['ok', 'skipped', 'skipped', 'skipped', 'skipped'],
  );
  assert.doesNotMatch(JSON.stringify(url.checks), /secret/);

  // Sparse: pages of zeros behind the last one, that no header knows of.
  truncateSync(self.db, 600 * 1024 ** 2);
  assert.equal((await alone(self, 'size')).state, 'warning');
  assert.match((await health(self)).check('integrity').detail, /^not checked: it has 600.0 MB/);
  truncateSync(self.db, 1024 ** 3);
  assert.equal((await alone(self, 'size')).state, 'critical');
});

test('an index that lacks a row is found by --full, whether or not someone has the database open', async (t) => {
  const self = project(t);
  execute(self, "PRAGMA journal_mode=WAL; CREATE TABLE t(x UNIQUE); INSERT INTO t VALUES('findme')");
  const bytes = readFileSync(self.db);
  bytes.write('losten', bytes.indexOf('findme'));
  writeFileSync(self.db, bytes);
  assert.equal((await alone(self, 'integrity')).state, 'ok');
  const before = readdirSync(dirname(self.db));
  const found = await alone(self, 'integrity', ['--full']);
  assert.match(found.detail, /^not sound: row 1 missing from index/);
  assert.deepEqual(readdirSync(dirname(self.db)), before);
  const db = new Database(self.db);
  t.after(() => db.close());
  db.prepare('SELECT * FROM t').all();
  assert.match((await alone(self, 'integrity', ['--full'])).detail, /^not sound: row 1 missing/);
});

test('a locked database in WAL mode is looked at as any other', async (t) => {
  const self = project(t);
  withLog(self);
  putEntry(self, logs('x'));
  await once(self);
  const unlock = lockDatabase(self);
  t.after(unlock);
  const report = await health(self);
  assert.deepEqual([report.state, report.check('integrity').detail], ['ok', 'sound (quick_check)']);
});

test('free pages count from 1 MB on, in both ways of reading them', async (t) => {
  const self = project(t);
  execute(
    self,
    `PRAGMA journal_mode=WAL; CREATE TABLE t(x);
    WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c LIMIT 100) INSERT INTO t SELECT zeroblob(40960) FROM c`,
  );
  execute(self, 'DELETE FROM t WHERE rowid <= 20');
  const few = await alone(self, 'fragmentation');
  assert.deepEqual([few.state, Math.round(few.value as number)], ['ok', 20]);
  execute(self, 'DELETE FROM t WHERE rowid <= 60');
  const many = await alone(self, 'fragmentation');
  assert.deepEqual([many.state, Math.round(many.value as number)], ['critical', 60]);
  const db = new Database(self.db);
  t.after(() => db.close());
  db.exec('DELETE FROM t WHERE rowid <= 80');
  const open = await alone(self, 'fragmentation', ['--threshold', 'fragmentation=50%:90%']);
  assert.deepEqual([open.state, Math.round(open.value as number)], ['warning', 80]);
});

test('the oldest entry that is due, whatever else was told to wait', async (t) => {
  const self = project(t);
  withLog(self);
  const soon = new Date(Date.now() + 3_600_000).toISOString();
  const due = new Date(Date.now() - 10_000).toISOString();
  const oldest = (limits = ''): Promise<Check> =>
    alone(self, 'oldest', ['--threshold', `worker=off ${limits}`]);
  put(self, entryText(logs('later'), { not_before: soon }), nameAt(90_000));
  assert.deepEqual([(await oldest()).state, (await oldest()).value], ['ok', 0]);
  put(self, entryText(logs('was later'), { not_before: due }), nameAt(80_000, 7));
  put(self, entryText(logs('mentions it'), { metadata: { not_before: 1 } }), nameAt(1800));
  const seen = await oldest();
  assert.deepEqual([seen.state, Math.floor((seen.value as number) / 1800)], ['warning', 1]);
  assert.equal((await oldest('oldest=1h:1d')).state, 'ok');
  put(self, entryText(logs('old')), nameAt(7200, 9));
  assert.equal((await oldest()).state, 'critical');
  assert.equal((await oldest('oldest=1h:1d')).state, 'warning');
  put(self, 'no entry', nameAt(200_000, 10));
  assert.equal((await oldest('oldest=1h:1d')).state, 'critical');
});

test('a thousand delayed entries hide what is younger than they are, and it says so', async (t) => {
  const self = project(t);
  const soon = new Date(Date.now() + 3_600_000).toISOString();
  for (let n = 0; n < 1000; n++) put(self, entryText(logs('x'), { not_before: soon }), nameAt(90_000 + n));
  const found = await alone(self, 'oldest', ['--threshold', 'worker=off']);
  assert.deepEqual(
    [found.state, found.detail],
    ['skipped', 'not known: the oldest thousand are all waiting for their time'],
  );
});

test('orphans, dead letters, and a clock that was set back', async (t) => {
  const self = project(t);
  ensureSpool(spoolAt(self.spool));
  const fill = (directory: string, count: number): void => {
    for (let n = 0; n < count; n++)
      writeFileSync(
        join(self.spool, directory, `05_17000000000000${String(n).padStart(2, '0')}_1.json`),
        entryText('x'),
        { mode: 0o600 },
      );
  };
  const orphans = async (): Promise<(string | number | null)[]> => {
    const { check } = await health(self);
    return [check('orphans').state, check('orphans').value];
  };
  fill('processing', 9);
  assert.deepEqual(await orphans(), ['ok', 9]);
  fill('processing', 10);
  assert.deepEqual(await orphans(), ['warning', 10]);
  fill('processing', 50);
  assert.deepEqual(await orphans(), ['critical', 50]);
  rmSync(join(self.spool, 'processing'), { recursive: true });
  mkdirSync(join(self.spool, 'processing'), { mode: 0o700 });

  fill('failed', 1);
  assert.equal((await alone(self, 'failed')).state, 'warning');
  assert.equal((await alone(self, 'failed', ['--threshold', 'failed=2:100'])).state, 'ok');
  fill('failed', 100);
  assert.equal((await alone(self, 'failed')).state, 'critical');
  rmSync(join(self.spool, 'failed'), { recursive: true });
  mkdirSync(join(self.spool, 'failed'), { mode: 0o700 });

  const floor = async (seconds: number): Promise<string> => {
    writeFileSync(join(self.spool, '.seq'), `${(Date.now() + seconds * 1000) * 1000}\n`, { mode: 0o600 });
    return (await alone(self, 'clock')).state;
  };
  assert.equal(await floor(-1), 'ok');
  assert.equal(await floor(600), 'warning');
  assert.equal(await floor(4000), 'critical');
  assert.equal(await floor(100_000), 'warning', 'more than a day: the next write drops it');
  writeFileSync(join(self.spool, '.seq'), 'nonsense');
  assert.equal((await alone(self, 'clock')).state, 'ok');
});

test('the worker: stalled, silent, waiting for its database', async (t) => {
  const self = project(t);
  withLog(self);
  const name = putEntry(self, logs('x'));
  const limits = ['--threshold', 'oldest=off'];
  const worker = async (): Promise<Check> => alone(self, 'worker', limits);
  assert.deepEqual(
    [(await worker()).state, (await worker()).advice],
    ['critical', 'Run: queue-worker start'],
  );
  rmSync(join(self.spool, 'pending', name));
  assert.equal((await worker()).state, 'ok');

  const sleeper = background(t, self, 'sleep', ['300']);
  const started = readFileSync(`/proc/${sleeper.pid}/stat`, 'latin1').split(' ')[21];
  writeFileSync(
    join(self.spool, 'worker.pid'),
    `${sleeper.pid} ${started} ${Math.floor(Date.now() / 1000) - 100}\n`,
    { mode: 0o600 },
  );
  assert.deepEqual(
    [(await worker()).state, (await worker()).advice],
    ['critical', 'Run: queue-worker restart'],
  );
  process.kill(sleeper.pid, 'SIGKILL');
  await sleeper.ended;
  rmSync(join(self.spool, 'worker.pid'));

  const unlock = lockDatabase(self);
  t.after(unlock);
  await startWorker(self, { SQLITE_BUSY_TIMEOUT: '10' });
  putEntry(self, logs('waits'));
  await waitFor('the worker to say that it waits', async () => {
    const { check } = await health(self, limits);
    return (
      check('worker').state === 'warning' && check('worker').detail.startsWith('it waits for the database')
    );
  });
  unlock();
});

test('the newest backup that is not known to be bad', async (t) => {
  const self = project(t);
  withLog(self);
  const directory = join(dirname(self.db), 'backups');
  const backup = async (): Promise<[string, string]> => {
    const { checks } = JSON.parse(
      (await self.run('queue-maint', ['health', '--json', '--threshold', 'disk=off'])).stdout,
    ) as Health;
    const found = checks.find(({ name }) => name === 'backup') as Check;
    return [found.state, found.detail.replace(/^.* ago: /, '')];
  };
  const make = (name: string, hoursAgo: number, verified: unknown = null, content = 'x'): void => {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, name), content);
    const createdAt = new Date(Date.now() - hoursAgo * 3_600_000).toISOString();
    writeFileSync(join(directory, `${name}.json`), JSON.stringify({ format: 1, createdAt, verified }));
  };
  assert.deepEqual(await backup(), ['warning', 'there is no backup']);
  make('queue_backup_old_20260101_000000.db', 24 * 8);
  assert.deepEqual(await backup(), ['critical', 'queue_backup_old_20260101_000000.db']);
  make('queue_backup_a b_20260102_000000.db.gz', 30, { at: '', ok: true });
  assert.deepEqual(await backup(), ['warning', 'queue_backup_a b_20260102_000000.db.gz']);
  make('queue_backup_new_20260103_000000.db', 1, { at: '', ok: false });
  make('queue_backup_empty_20260103_000000.db', 1, null, '');
  make('other_20260103_000000.db', 1);
  make('queue_backup_bad_20260103_000000.db', 1);
  writeFileSync(join(directory, 'queue_backup_bad_20260103_000000.db.json'), '{"createdAt": 5');
  make('queue_backup_gone_20260103_000000.db', 1);
  rmSync(join(directory, 'queue_backup_gone_20260103_000000.db'));
  symlinkSync('nowhere', join(directory, 'queue_backup_link_20260103_000000.db'));
  assert.deepEqual(await backup(), ['warning', 'queue_backup_a b_20260102_000000.db.gz']);
  make('queue_backup_new_20260104_000000.db', 2, { at: '', ok: true });
  assert.deepEqual(await backup(), ['ok', 'queue_backup_new_20260104_000000.db']);
  rmSync(directory, { recursive: true });
  writeFileSync(directory, 'a file');
  assert.equal((await backup())[0], 'critical');
});

test('room on the disks: less is worse', async (t) => {
  const self = project(t);
  const state = async (text: string): Promise<string> => {
    const report = await health(self, ['--threshold', text]);
    return report.check('disk').state;
  };
  assert.equal(await state('disk=2KB:1KB'), 'ok');
  assert.equal(await state('disk=8000TB:1KB'), 'warning');
  assert.equal(await state('disk=8000TB:7000TB'), 'critical');
});

test('a spool that is refused, or can not be read, is critical, and the database is looked at all the same', async (t) => {
  const self = project(t);
  withLog(self);
  chmodSync(self.spool, 0o755);
  const report = await health(self);
  assert.equal(report.state, 'critical');
  assert.match(report.check('spool').detail, /open to group or others \(mode 0755\)/);
  assert.match(report.check('spool').advice as string, /^Run: chmod 700/);
  assert.equal(report.check('failed').state, 'skipped');
  assert.match(report.check('integrity').detail, /^sound/);
});

test('directories that may not be read', { skip: noOtherUser() }, async (t: TestContext) => {
  const self = project(t);
  withLog(self);
  chmodSync(self.dir, 0o755);
  const args = [...AS_NOBODY, process.execPath, join(ROOT, 'dist', 'queue-maint'), 'health', '--json'].slice(
    1,
  );
  const run = async (): Promise<string> => {
    const result = await self.run(AS_NOBODY[0], args, { cwd: '/', env: { QUEUE_THRESHOLDS: QUIET } });
    assert.deepEqual([result.code, result.stderr], [2, '']);
    return result.stdout;
  };
  chmodSync(dirname(self.db), 0o755);
  assert.match(await run(), /"the spool is refused: .* belongs to user 0/);
  chmodSync(dirname(self.db), 0o000);
  assert.match(await run(), /EACCES: permission denied/);
  const report = await run();
  assert.match(report, /"Give this user permission to read and write it\."/);
  chmodSync(dirname(self.db), 0o755);
});

test('thresholds: options before the variable before the defaults; nonsense is named', async (t) => {
  const self = project(t);
  ensureSpool(spoolAt(self.spool));
  const env = { QUEUE_THRESHOLDS: 'wal=2MB:1.5GB, oldest=30min:2d  failed=off' };
  const { check } = await health(self, ['--threshold', 'oldest=90s:1h fragmentation=5:7.5%'], env);
  const limits = (name: string): (number | null)[] => [check(name).warning, check(name).critical];
  assert.deepEqual(limits('wal'), [2 * 1024 ** 2, 1.5 * 1024 ** 3]);
  assert.deepEqual(limits('oldest'), [90, 3600]);
  assert.deepEqual(limits('fragmentation'), [5, 7.5]);
  assert.deepEqual(limits('orphans'), [10, 50]);
  assert.deepEqual([check('failed').state, check('failed').detail], ['skipped', 'off']);
  const bad = {
    '': "''",
    wal: 'not of the form NAME=WARNING:CRITICAL',
    'size=1:2': "'1' is not a size such as 50MB",
    'wal=5MB': 'two values',
    'wal=5MB:6MB:7MB': 'two values',
    'wal=-5MB:6MB': "'-5MB' is not a size",
    'oldest=5MB:6MB': "'5MB' is not a time such as 30min",
    'oldest=1h:1min': 'must not be below the warning',
    'disk=1GB:2GB': 'must not be above the warning',
    'failed=1.5:2': "'1.5' is not a whole number",
    'failed=1e3:2e3': 'not a whole number',
    'fragmentation=10%:101%': "'101%' is not a percentage",
    'integrity=1:2': 'can only be off',
    'constructor=1:2': "there is no check 'constructor'",
    '=1:2': "there is no check ''",
  };
  for (const [text, why] of Object.entries(bad)) {
    assert.throws(
      () => parseThresholds(text, '--threshold'),
      (error: QueueError) =>
        error.exitCode === 2 &&
        error.message.startsWith(`--threshold: '${text}': `) &&
        error.message.includes(why) &&
        /the names are spool, worker, .*backup/.test(error.hint ?? ''),
      text,
    );
  }
  for (const [args, variable, source] of [
    [['--threshold', 'wal=nix:nix'], '', '--threshold'],
    [[], 'failed=1:2 wal=nix:nix', 'QUEUE_THRESHOLDS'],
  ] as const) {
    const result = await self.run('queue-maint', ['health', ...args], {
      env: { QUEUE_THRESHOLDS: variable },
    });
    assert.deepEqual([result.code, result.stdout], [2, '']);
    assert.ok(
      result.stderr.startsWith(`queue-maint: ${source}: 'wal=nix:nix': 'nix' is not a size`),
      result.stderr,
    );
  }
  assert.equal((await self.run('queue-maint', ['health', 'more'])).code, 2);
});

test('the page is plain in a pipe, a line a check with the advice below it, and a count', async (t) => {
  const self = project(t);
  withLog(self);
  execute(self, 'PRAGMA user_version = 1', join(self.dir, 'a\u001b[31mb.db'));
  put(self, entryText('nonsense'));
  await once(self, 3);
  const { stdout, code } = await self.run('queue-maint', [
    'health',
    '--db',
    'a\u001b[31mb.db',
    '--threshold',
    QUIET,
  ]);
  assert.equal(code, 1);
  assert.match(stdout, /^warning {3}failed +1 {2}\(1, 100\) +1 dead letter\n +-> Run: queue-failed list/m);
  assert.match(stdout, /^ok {8}size .* \(500\.0 MB, 1\.0 GB\) .*a\\x1b\[31mb\.db$/m);
  assert.match(stdout, /\n9 ok, 1 warning, 0 critical, 2 skipped\n$/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  assert.doesNotMatch(stdout, /\x1b/);
});
