/** queue-status: the page, --json, --stats and --watch, against real queues and in a real terminal. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DIST, type Project, project, type Result, waitFor, workerPid } from './support/project.ts';
import {
  background,
  execute,
  lockDatabase,
  logs,
  noStrace,
  once,
  putEntry,
  startWorker,
  stopWorker,
  withLog,
} from './support/queue.ts';
import { inTerminal, noTmux } from './support/terminal.ts';

type Json = Record<string, unknown>;

async function status(self: Project, ...args: string[]): Promise<Result> {
  const result = await self.run('queue-status', args);
  assert.deepEqual([result.code, result.stderr], [0, ''], result.stdout);
  return result;
}

async function json(self: Project, ...args: string[]): Promise<Json> {
  return JSON.parse((await status(self, '--json', ...args)).stdout) as Json;
}

test('the page of a queue that a worker has drained', async (t) => {
  const self = project(t);
  withLog(self);
  for (const text of ['a', 'b', 'c']) putEntry(self, logs(text), { operation: 'add' });
  putEntry(self, 'INSERT INTO nowhere VALUES(1)', { operation: 'bad' });
  await startWorker(self);
  const page = await waitFor('the counters to be written', async () => {
    const { stdout } = await status(self);
    return stdout.includes('Completed:   3') && stdout.includes('Failed:      1') ? stdout : '';
  });
  assert.match(page, /^Status: running - nothing to do$/m);
  assert.match(
    page,
    /^Queue Depths:\n {2}Pending: +0\n {2}Processing: +0\n {2}Completed: +3\n {2}Failed: +1 /m,
  );
  assert.match(
    page,
    new RegExp(
      `^Worker:\\n {2}PID: +${workerPid(self)}\\n {2}Since: +\\d{4}-.*\\n {2}Heartbeat: +\\d+ s ago$`,
      'm',
    ),
  );
  assert.match(
    page,
    /^Statistics:\n {2}Enqueued: +4\n {2}Processed: +3\n {2}Failed: +1\n {2}Retried: +0\n {2}Duplicates: +0\n {2}Direct: +0$/m,
  );
  assert.match(page, /^Database: ok\n.*hive\.db\n.*KB, WAL .*, journal mode wal$/m);
  assert.match(page, /^Last complaints: see .*worker\.log\n.*error .*no such table: nowhere$/m);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  assert.doesNotMatch(page, /\x1b/);
});

test('--json has the documented keys, --stats the operations', async (t) => {
  const self = project(t);
  withLog(self);
  putEntry(self, logs('x'), { operation: 'add' });
  putEntry(self, 'nonsense', { operation: 'bad' });
  await once(self, 3);
  const late = putEntry(self, logs('y'), { priority: 9 });
  const old = putEntry(self, logs('z'), { priority: 10 });
  const report = await json(self, '--stats');
  assert.deepEqual(Object.keys(report), [
    'time',
    'state',
    'message',
    'spool',
    'depths',
    'oldest',
    'worker',
    'statistics',
    'database',
    'paused',
    'outages',
    'log',
    'complaints',
    'operations',
  ]);
  assert.deepEqual(report.depths, { pending: 2, processing: 0, completed: 1, failed: 1 });
  assert.deepEqual(report.statistics, {
    enqueued: 4,
    processed: 1,
    failed: 1,
    retried: 0,
    duplicates: 0,
    direct: 0,
  });
  assert.equal(report.worker, null);
  assert.equal(report.state, 'stalled');
  // nameOf counts up: the one that was made first is the older, whatever its priority.
  assert.ok(late.slice(3) < old.slice(3));
  assert.equal((report.oldest as Json).name, late);
  const operations = report.operations as Json[];
  assert.deepEqual(
    operations.map(({ operation, count, failed }) => [operation, count, failed]),
    [
      ['add', 1, 0],
      ['bad', 0, 1],
    ],
  );
  assert.ok((operations[0]?.meanMicros as number) > 0 && (operations[0]?.p95Micros as number) > 0);
  const { stdout } = await status(self, '--stats');
  assert.match(
    stdout,
    /^Operation +Count +Mean +p95 +Failed\nadd +1 +[\d.]+ \S+ +[\d.]+ \S+ +0\nbad +0 +- +- +1$/m,
  );
});

test('the oldest entry is that of all priorities, and odd names do not count', async (t) => {
  const self = project(t);
  putEntry(self, logs('x'), { priority: 1 });
  const pending = join(self.spool, 'pending');
  writeFileSync(join(pending, '10_1600000000000000_7.json'), '');
  writeFileSync(join(pending, '10_1500000000000000_7.txt'), '');
  writeFileSync(join(pending, '00_1400000000000000_7.json'), '');
  const report = await json(self);
  assert.deepEqual(
    [(report.oldest as Json).name, (report.oldest as Json).since],
    ['10_1600000000000000_7.json', '2020-09-13T12:26:40.000Z'],
  );
});

test('each state has its word and its advice', async (t) => {
  const self = project(t);
  const absent = await status(self);
  assert.match(absent.stdout, /^Status: no spool - .*queue-init$/m);
  assert.deepEqual(readdirSync(self.dir), [], 'looking made something');

  withLog(self);
  assert.match((await status(self)).stdout, /^Status: idle - no worker, nothing to do/m);

  putEntry(self, logs('x'));
  assert.match(
    (await status(self)).stdout,
    /^Status: STALLED - 1 waiting and no worker: queue-worker start$/m,
  );
  writeFileSync(join(self.spool, '.tmp', `start-${Math.floor(Date.now() / 5000)}`), '');
  assert.match((await status(self)).stdout, /^Status: starting/m);

  const unlock = lockDatabase(self);
  try {
    await startWorker(self, { SQLITE_BUSY_TIMEOUT: '10' });
    const page = await waitFor('the outage to be noted', async () => {
      const { stdout } = await status(self);
      return stdout.includes('WAITING') ? stdout : '';
    });
    assert.match(page, /^Status: WAITING - for the database since .*locked.*nothing is lost$/m);
  } finally {
    unlock();
  }
  await waitFor('the worker to go on', async () => (await status(self)).stdout.includes('running'));
});

test('a refused spool is an error that says what is wrong', async (t) => {
  const self = project(t);
  withLog(self);
  chmodSync(self.spool, 0o755);
  const { code, stdout, stderr } = await self.run('queue-status');
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(
    stderr,
    /^queue-status: the spool is refused: .* is open to group or others \(mode 0755\)\n {2}Run: chmod 700/,
  );
});

test('a look at the database creates nothing, waits for nothing and finds what is wrong', async (t) => {
  const self = project(t);
  const database = async (): Promise<Json> => (await json(self)).database as Json;
  execute(self, 'PRAGMA journal_mode = WAL; CREATE TABLE a(b)');
  const files = (): string[] => readdirSync(join(self.dir, '.hive-mind')).sort();
  const before = files();
  assert.equal((await database()).state, 'ok');
  assert.deepEqual(files(), before);

  const bytes = readFileSync(self.db);
  writeFileSync(self.db, bytes.subarray(0, bytes.length - 4096));
  assert.match(String((await database()).message), /truncated/);
  writeFileSync(self.db, 'this is no database, but long enough to be looked at as if it were one'.repeat(10));
  assert.deepEqual(
    [(await database()).state, (await database()).message],
    ['faulty', 'it is not a SQLite database'],
  );
  rmSync(self.db);
  assert.equal((await database()).state, 'missing');
  mkdirSync(self.db);
  assert.equal((await database()).state, 'faulty');
  rmSync(self.db, { recursive: true });
  const page = await self.run('queue-status', ['--json'], {
    env: { HIVE_DB: 'postgres://me:secret@host/db' },
  });
  assert.doesNotMatch(page.stdout, /secret/);

  execute(self, 'PRAGMA journal_mode = DELETE; CREATE TABLE a(b)');
  const unlock = lockDatabase(self);
  try {
    assert.equal((await database()).state, 'ok');
  } finally {
    unlock();
  }
});

test('control characters of entries and logs are escaped', async (t) => {
  const self = project(t);
  putEntry(self, 'nonsense', { operation: 'a\u001b[31mb\u202e\u009b' });
  await once(self, 3);
  writeFileSync(
    join(self.spool, 'worker.log'),
    `${new Date().toISOString()} error it is \u001b]0;pwned\u0007 red\n`,
  );
  const { stdout } = await status(self, '--stats');
  assert.match(stdout, /^a\\x1b\[31mb\\u202e\\x9b +0/m);
  assert.match(stdout, /error it is \\x1b\]0;pwned\\x07 red$/m);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  assert.doesNotMatch(stdout, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
});

test('a large backlog costs one listing: no system call a file', { skip: noStrace() }, async (t) => {
  const self = project(t);
  putEntry(self, logs('x'));
  const pending = join(self.spool, 'pending');
  const micros = 1_700_000_000_000_000;
  const trace = join(self.dir, 'trace');
  const count = async (): Promise<number> => {
    const calls = ['-f', '-o', trace, process.execPath, join(DIST, 'queue-status'), '--json'];
    const { code, stdout, stderr } = await self.run('/usr/bin/env', ['strace', ...calls]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /"pending": \d+/);
    const lines = readFileSync(trace, 'utf8').split('\n');
    return lines.filter((line) =>
      /\b(stat|lstat|statx|newfstatat|fstat|open|openat|access|readlink)\(/.test(line),
    ).length;
  };
  const few = await count();
  for (let i = 0; i < 20_000; i++) writeFileSync(join(pending, `05_${micros + i}_9.json`), '');
  const many = await count();
  assert.ok(many < few + 50, `${few} calls with 1 entry, ${many} with 20001`);
});

test('bad options are usage errors, and --help has examples', async (t) => {
  const self = project(t);
  const wrong = [
    ['--nonsense'],
    ['surplus'],
    ['--json', '--watch'],
    ['--interval', '1'],
    ['--watch', '--interval', '0'],
  ];
  for (const args of wrong) {
    const { code, stderr } = await self.run('queue-status', args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, /^queue-status: /);
  }
  assert.match((await status(self, '--help')).stdout, /^Examples:$/m);
});

test('--watch in a pipe: plain pages after a blank line, and SIGTERM ends it with 0', async (t) => {
  const self = project(t);
  withLog(self);
  const watch = background(
    t,
    self,
    process.execPath,
    [join(DIST, 'queue-status'), '--watch', '--interval', '0.1'],
    {
      FORCE_COLOR: '1',
    },
  );
  await waitFor('three pages', () => (watch.text().match(/^Status: /gm)?.length ?? 0) >= 3);
  process.kill(watch.pid, 'SIGTERM');
  assert.equal(await watch.ended, 0);
  const pages = watch.text().split(/\n\n(?=Status: )/);
  assert.ok(pages.length >= 3);
  for (const page of pages)
    assert.match(page, /^Status: idle.*\n[\s\S]*^Throughput: 0 entries\/s$[\s\S]*^Database: /m);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  assert.doesNotMatch(watch.text(), /[\x00-\x09\x0b-\x1f]/);
});

test('--watch in a terminal: redrawn in place, and Ctrl-C leaves the terminal as it was', {
  skip: noTmux,
}, async (t) => {
  const self = project(t);
  withLog(self);
  await inTerminal(self, {}, async (shell) => {
    await waitFor('the prompt', () => shell.screen().at(-1) === '>');
    shell.keys(`${join(DIST, 'queue-status')} --watch --interval 0.2`, 'Enter');
    await waitFor('the page', () => shell.screen().some((line) => line.startsWith('Status: idle')));
    assert.equal(shell.cursor(), '0', 'the cursor is hidden');
    assert.ok(shell.screen(true).join('\n').includes('\u001b[32m'), 'the state is green');

    for (let i = 0; i < 7; i++) putEntry(self, logs('x'));
    await startWorker(self);
    await waitFor('the new numbers', () => shell.screen().some((line) => /^ {2}Completed: +7$/.test(line)));
    const count = (pattern: RegExp): number => shell.screen().filter((line) => pattern.test(line)).length;
    assert.deepEqual([count(/^Status: /), count(/Pending:/), count(/^Database: /)], [1, 1, 1]);
    assert.equal(count(/^ {2}[▁▂▃▄▅▆▇█]+$/), 1, 'the sparkline');

    shell.resize(30, 45);
    await waitFor('the narrow page', () => shell.screen().some((line) => /^Spool:.*…$/.test(line)));
    assert.ok(shell.screen().every((line) => line.length <= 30));
    await waitFor('the whole reason', () => {
      return /^Status: running - nothing to\n {2}do$/m.test(shell.screen().join('\n'));
    });
    assert.deepEqual([count(/^Status: /), count(/Pending:/), count(/^Database: /)], [1, 1, 1]);

    shell.keys('C-c');
    await waitFor('the prompt', () => shell.screen().at(-1) === '>');
    assert.equal(shell.cursor(), '1', 'the cursor is back');
    assert.equal(count(/^Status: /), 1, 'the last page stays');
    shell.keys('echo code=$? works', 'Enter');
    await waitFor('the shell to answer', () => shell.screen().includes('code=0 works'));
  });
});

test('NO_COLOR is honoured on a terminal', { skip: noTmux }, async (t) => {
  const self = project(t);
  withLog(self);
  await inTerminal(self, { NO_COLOR: '1' }, async (shell) => {
    shell.keys(`clear; ${join(DIST, 'queue-status')}; echo do"ne"`, 'Enter');
    await waitFor('the page', () => shell.screen().includes('done'));
    assert.ok(shell.screen().some((line) => line.startsWith('Status: idle')));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
    assert.doesNotMatch(shell.screen(true).join('\n'), /\x1b\[3/);
  });
});

test('the worker can be stopped and the page says so', async (t) => {
  const self = project(t);
  withLog(self);
  await startWorker(self);
  assert.match((await status(self)).stdout, /^Status: running/m);
  await stopWorker(self);
  assert.match((await status(self)).stdout, /^Status: idle[\s\S]*^Worker: none$/m);
  assert.ok(statSync(self.spool).isDirectory());
});

test('what the system says of a path is told without a stack', async (t) => {
  const self = project(t);
  writeFileSync(join(self.dir, '.hive-mind'), '');
  for (const command of ['queue-status', 'queue-failed', 'queue-cleanup']) {
    const result = await self.run(command, command === 'queue-failed' ? ['list'] : []);
    assert.equal(result.code, 1, command);
    assert.match(result.stderr, /^queue-[a-z]+: ENOTDIR: [^\n]*\n$/);
  }
});
