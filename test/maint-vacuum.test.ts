/**
 * A vacuum while others work, when the disk is too small, and when it is cut off: no row and no entry is lost, the queue
 * goes on, and what can't be done is said before it begins.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Random, SEED } from './support/faults.ts';
import { DIST, type Project, project, type Result, waitFor } from './support/project.ts';
import {
  background,
  drained,
  execute,
  lockDatabase,
  logged,
  logs,
  noMounts,
  noStrace,
  putEntry,
  startWorker,
  unless,
  withLog,
  workerLog,
} from './support/queue.ts';

const MAINT = join(DIST, 'queue-maint');

/** The table `log` and `megabytes` of others, half of which are free. */
function filled(self: Project, megabytes: number): void {
  withLog(self);
  execute(
    self,
    `PRAGMA journal_mode = WAL; CREATE TABLE big(n INTEGER PRIMARY KEY, t);
     WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < ${megabytes * 1000})
     INSERT INTO big SELECT n, hex(randomblob(490)) FROM r; DELETE FROM big WHERE n % 8 < 4;
     PRAGMA wal_checkpoint(TRUNCATE)`,
  );
}

/** What must stay as it is. */
function fingerprint(self: Project): unknown {
  return self.rows('SELECT count(*), sum(n), sum(unicode(substr(t, n % 900 + 1, 1)) * n) FROM big');
}

function assertSound(self: Project, before: unknown, context: string): void {
  assert.deepEqual(self.rows('PRAGMA integrity_check'), [{ integrity_check: 'ok' }], context);
  assert.deepEqual(fingerprint(self), before, context);
}

/** Writes as a hook does; that starts a worker if there is none. */
async function hook(self: Project, text: string): Promise<void> {
  const { code } = await self.bash('queue_db_write "$1"', [logs(text)]);
  assert.equal(code, 0);
}

/** The worker applied all of them, once each, and none failed. */
async function assertApplied(self: Project, texts: readonly string[], context: string): Promise<void> {
  await drained(self);
  await waitFor(`${context}: the rows`, () => logged(self).length >= texts.length);
  assert.deepEqual(logged(self).sort(), [...texts].sort(), context);
  assert.deepEqual(self.names('failed'), [], context);
}

test('hooks write and the worker applies while every command runs, again and again', async (t) => {
  const self = project(t);
  filled(self, 8);
  await self.run('queue-maint', ['vacuum', '--enable-incremental']);
  execute(self, 'DELETE FROM big WHERE n % 8 < 6');
  const before = fingerprint(self);
  await startWorker(self);
  const hooks = [1, 2, 3].map((lane) => {
    const script = `n=0; until [[ -e stop ]]; do n=$((n + 1))
      queue_db_write "INSERT INTO log(t) VALUES('${lane}-$n')" && printf '%s\\n' "${lane}-$n"; sleep 0.005; done`;
    const source = `. "${DIST}/../lib/queue-lib.sh"; cd "${self.dir}"; ${script}`;
    return background(t, self, 'bash', ['-c', source]);
  });
  const commands = [
    'vacuum --incremental',
    'checkpoint --mode truncate',
    'vacuum',
    'analyze',
    'optimize',
    'optimize --full',
    'integrity',
    'stats',
    'checkpoint',
    'vacuum',
  ];
  for (const command of commands) {
    const { code, stderr } = await self.run('queue-maint', command.split(' '));
    assert.equal(code, 0, `${command}: ${stderr}`);
  }
  await self.run('touch', [join(self.dir, 'stop')]);
  for (const { ended } of hooks) assert.equal(await ended, 0);
  const written = hooks.flatMap((lane) => lane.text().split('\n').filter(Boolean));
  assert.ok(written.length > commands.length, `${written.length} were written meanwhile`);
  await assertApplied(self, written, 'after all');
  assertSound(self, before, 'after all');
  assert.doesNotMatch(workerLog(self), / error /);
});

test('SIGKILL at any write of a vacuum harms nothing, and the next hook starts the worker', {
  skip: noStrace(),
}, async (t) => {
  const random = new Random(`${SEED} ${t.name}`);
  const self = project(t);
  const texts: string[] = [];
  filled(self, 40);
  const before = fingerprint(self);
  // Half of these pages three times: into the temporary file but for what the cache holds, the WAL, the database.
  const writes = 10_000;
  const points = [1, 2, 3, 4, 5].map((fifth) => ((fifth - 1) * writes) / 5 + 1 + random.below(writes / 5));
  let killed = 0;
  for (const point of points) {
    const context = `seed ${SEED}, SIGKILL at write ${point}`;
    execute(self, 'DELETE FROM big WHERE n < 0');
    await startWorker(self);
    const inject = ['-e', 'trace=pwrite64', '-e', `inject=pwrite64:signal=SIGKILL:when=${point}`];
    const result = await self.run('strace', ['-f', '-o', '/dev/null', ...inject, MAINT, 'vacuum']);
    if (result.signal === 'SIGKILL' || result.code === 137) killed += 1;
    else assert.equal(result.code, 0, `${context}: ${result.stderr}`);
    assertSound(self, before, context);
    texts.push(`after ${point}`);
    await hook(self, texts.at(-1) as string);
    await assertApplied(self, texts, context);
  }
  assert.ok(killed >= 2, `of ${points}, ${killed} were reached`);
});

/** A vacuum that holds the queue and can't go on, because another connection has the write lock. */
async function blockedVacuum(t: { after(fn: () => void): void }, self: Project) {
  filled(self, 1);
  const unlock = lockDatabase(self);
  t.after(unlock);
  const vacuum = background(t, self, MAINT, ['vacuum'], { SQLITE_BUSY_TIMEOUT: '120000' });
  await waitFor('the queue to be held', () => workerLog(self).includes('vacuum: the queue is held'));
  return { vacuum, unlock };
}

test('a vacuum cut off by Ctrl-C lets the queue go on at once, without another hook', async (t) => {
  const self = project(t);
  const { vacuum, unlock } = await blockedVacuum(t, self);
  const before = fingerprint(self);
  putEntry(self, logs('meanwhile'));
  process.kill(vacuum.pid, 'SIGINT');
  assert.equal(await vacuum.ended, null, 'it ended by the signal');
  unlock();
  await assertApplied(self, ['meanwhile'], 'after Ctrl-C');
  assertSound(self, before, 'after Ctrl-C');
});

test('two vacuums at once: one after the other', async (t) => {
  const self = project(t);
  const { vacuum, unlock } = await blockedVacuum(t, self);
  const before = fingerprint(self);
  const second = background(t, self, MAINT, ['vacuum']);
  await waitFor('the second to have begun', () => second.text().includes('this takes about'));
  unlock();
  assert.deepEqual(await Promise.all([vacuum.ended, second.ended]), [0, 0], vacuum.text() + second.text());
  assertSound(self, before, 'after both');
});

/** Runs a vacuum of a copy of the database on a disk of `kilobytes` of its own, mounted where only it sees it. */
function onDiskOf(self: Project, kilobytes: number, { temporaryToo = false } = {}): Promise<Result> {
  const disk = join(self.dir, 'disk');
  mkdirSync(disk, { recursive: true });
  const script = `set -e; mount -t tmpfs -o size=${kilobytes}k none "$1"; cp "$2" "$1/copy.db"
    "$3" vacuum --db "$1/copy.db"; "$3" integrity --db "$1/copy.db"`;
  return self.run('unshare', ['-m', 'bash', '-c', script, 'bash', disk, self.db, MAINT], {
    env: { SQLITE_TMPDIR: temporaryToo ? disk : self.dir },
  });
}

test('a disk that is too small is found out before anything is done; one that is just large enough does', {
  skip: noMounts(),
}, async (t) => {
  const self = project(t);
  filled(self, 20);
  execute(self, 'DROP TABLE log; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)');
  assert.ok(!existsSync(`${self.db}-wal`));
  const size = statSync(self.db).size / 1024;
  const disk = join(self.dir, 'disk');
  for (const temporaryToo of [false, true]) {
    const copies = temporaryToo ? 2 : 1;
    const tooSmall = await onDiskOf(self, Math.round(size * (0.95 + copies)), { temporaryToo });
    assert.equal(tooSmall.code, 1);
    assert.ok(
      tooSmall.stderr.includes(`there is too little space in ${disk} for a vacuum: `),
      tooSmall.stderr,
    );
    assert.match(tooSmall.stderr, temporaryToo ? /SQLITE_TMPDIR/ : /\n {2}Free some\.\n/);
    assert.equal(tooSmall.stdout, '');
    // Besides what is asked for, there are the -shm and the disk's own rounding.
    const enough = await onDiskOf(self, Math.round(size * (1 + copies * 1.02) + 200), { temporaryToo });
    assert.equal(enough.code, 0, enough.stderr);
    assert.match(enough.stdout, /sound\n$/);
  }
});

test('on a terminal a bar is drawn, and Ctrl-C gives the cursor back', {
  skip: unless('script', ['--version'], 'script'),
}, async (t) => {
  const self = project(t);
  filled(self, 1);
  const quiet = await self.run('script', ['-qec', `'${MAINT}' vacuum`, '/dev/null']);
  assert.match(quiet.stdout, /vacuum .*\d+%/);
  assert.match(quiet.stdout, /took \d/);
  const unlock = lockDatabase(self);
  t.after(unlock);
  const terminal = background(t, self, 'script', ['-qec', `exec '${MAINT}' vacuum`, '/dev/null'], {
    SQLITE_BUSY_TIMEOUT: '120000',
  });
  const pids = (): string[] =>
    [...workerLog(self).matchAll(/held by process (\d+)/g)].map(([, pid]) => pid as string);
  await waitFor('the bar', () => pids().length === 2 && terminal.text().includes('0%'));
  process.kill(Number(pids()[1]), 'SIGINT');
  await terminal.ended;
  const shown = terminal.text();
  assert.ok(shown.lastIndexOf('\x1b[?25h') > shown.lastIndexOf('\x1b[?25l'), JSON.stringify(shown));
});

test('an entry that waits before a vacuum is applied after it', async (t) => {
  const self = project(t);
  filled(self, 1);
  putEntry(self, logs('waiting'));
  assert.equal((await self.run('queue-maint', ['vacuum'])).code, 0);
  await assertApplied(self, ['waiting'], 'after it');
});
