/**
 * What may go wrong around alerts: state that is no state, a clock that is set, a webhook or a command that behaves
 * badly, directories that can't be read, workers that are killed. Every incident is told once, and its end once.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { noDisk, withDisk } from './support/disk.ts';
import { type Project, processesNaming, project, waitFor, workerPid } from './support/project.ts';
import {
  drained,
  ended,
  isAlive,
  lockDatabase,
  logged,
  logs,
  noMounts,
  once,
  putEntry,
  startWorker,
  stopWorker,
  withLog,
  workerLog,
} from './support/queue.ts';
import { type Webhook, webhook } from './support/webhook.ts';

/** Nothing but what a test is about. */
const QUIET = {
  QUEUE_ALERT_DISK: '0',
  QUEUE_ALERT_AGE: '0',
  QUEUE_ALERT_OUTAGE: '0',
  QUEUE_THRESHOLDS: 'disk=off backup=off oldest=off',
};
const BAD = 'INSERT INTO nowhere VALUES(1)';

async function watched(
  t: TestContext,
  env: Record<string, string> = {},
): Promise<{ self: Project; hook: Webhook }> {
  const hook = await webhook(t);
  const self = project(t, { ...QUIET, QUEUE_ALERT_URL: hook.url, ...env });
  withLog(self);
  return { self, hook };
}

/** A worker that does what there is to do, and others until `told` says that what is to arrive has arrived. */
async function work(self: Project, code: number, told: () => boolean): Promise<void> {
  await once(self, code);
  await waitFor('the messages to be sent', async () => {
    if (!told()) await once(self);
    return told();
  });
}

function alertsFile(self: Project): string {
  return join(self.spool, 'alerts.json');
}

interface State {
  incidents: Record<string, unknown>;
  outbox: Record<string, unknown>[];
}

function stateOf(self: Project): State {
  const path = alertsFile(self);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as State) : { incidents: {}, outbox: [] };
}

async function sent(self: Project): Promise<void> {
  await waitFor('the outbox to be empty', () => stateOf(self).outbox.length === 0);
}

/** The command lines of all processes there are. */
function commandLines(): string {
  const read = (pid: string): string => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
    } catch {
      return '';
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(read)
    .join('\n');
}

test('whatever stands in the place of alerts.json or its lock, a failure is told', async (t) => {
  const { self, hook } = await watched(t);
  const path = alertsFile(self);
  const elsewhere = join(self.dir, 'elsewhere');
  const fifo = (at: string): unknown => spawnSync('mkfifo', [at]);
  const future = (at: string): void => {
    mkdirSync(at);
    utimesSync(at, Date.now() / 1000 + 86_400, Date.now() / 1000 + 86_400);
  };
  const obstacles: Record<string, () => unknown> = {
    'a FIFO': () => fifo(path),
    'a symlink': () => symlinkSync(elsewhere, path),
    'a directory': () => mkdirSync(join(path, 'in it'), { recursive: true }),
    'a lock of a process that has died': () => mkdirSync(`${path}.lock`),
    'a lock from the future': () => future(`${path}.lock`),
    'a lock that is a file': () => {
      writeFileSync(`${path}.lock`, '');
      utimesSync(`${path}.lock`, 1, 1);
    },
    'a lock that holds something': () => {
      mkdirSync(join(`${path}.lock`, 'in it'), { recursive: true });
      utimesSync(`${path}.lock`, 1, 1);
    },
    'a lock that is a FIFO': () => fifo(`${path}.lock`),
  };
  for (const [what, place] of Object.entries(obstacles)) {
    for (const old of [path, `${path}.lock`]) rmSync(old, { recursive: true, force: true });
    place();
    putEntry(self, BAD);
    await startWorker(self);
    await waitFor(`a failure to be told in spite of ${what}`, () => hook.told().includes('failed start'));
    await stopWorker(self);
    assert.equal((await self.run('queue-failed', ['discard', '--all', '--yes'])).code, 0);
    hook.alerts.length = 0;
  }
  assert.equal(existsSync(elsewhere), false, 'nothing is written where a symlink leads');
});

test('a message that waits for its next try is sent when the clock was set back', async (t) => {
  const { self, hook } = await watched(t);
  hook.answer = (response) => {
    response.writeHead(503, { 'retry-after': '1000' });
    response.end();
  };
  putEntry(self, BAD);
  await once(self, 3);
  await waitFor('a try', async () => {
    if (hook.alerts.length === 0) await once(self);
    return hook.alerts.length > 0;
  });
  hook.answer = (response) => void response.end();
  // As if 20 minutes had been taken back since.
  const state = stateOf(self);
  const outbox = state.outbox.map((parcel) => ({
    ...parcel,
    due: (parcel.due as number) + 1_200_000,
    from: (parcel.from as number) + 1_200_000,
  }));
  writeFileSync(alertsFile(self), JSON.stringify({ ...state, outbox }));
  await work(self, 0, () => stateOf(self).outbox.length === 0);
  assert.deepEqual(hook.told(), ['failed start']);
});

test('a webhook that has said 200 has taken it, whatever becomes of its words', async (t) => {
  const { self, hook } = await watched(t);
  hook.answer = (response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('well');
  };
  putEntry(self, BAD);
  await startWorker(self);
  await waitFor('it to arrive', () => hook.alerts.length > 0);
  await sent(self);
  hook.answer = (response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('well', () => response.destroy());
  };
  assert.equal((await self.run('queue-failed', ['discard', '--all', '--yes'])).code, 0);
  await waitFor('the end to arrive', () => hook.alerts.length > 1);
  await sent(self);
  assert.deepEqual(
    hook.alerts.map(({ phase }) => phase),
    ['start', 'end'],
    'each has arrived once',
  );
});

test('a webhook whose name no server answers keeps no worker from leaving', {
  skip: noMounts() || (process.geteuid?.() !== 0 && 'needs port 53'),
}, async (t) => {
  const { self } = await watched(t, { QUEUE_ALERT_URL: 'http://hooks.nowhere.example/services/x' });
  const dns = createSocket('udp4');
  t.after(() => dns.close());
  let asked = 0;
  dns.on('message', () => {
    asked += 1;
  });
  // One of many, so that two runs at once do not meet.
  const address = `127.${process.pid % 250}.${(process.pid >> 8) % 250}.53`;
  await new Promise<void>((done) => dns.bind(53, address, () => done()));
  writeFileSync(join(self.dir, 'resolv.conf'), `nameserver ${address}\noptions timeout:30 attempts:5\n`);
  putEntry(self, BAD);
  const script =
    'mount --bind "$CLAUDE_PROJECT_DIR/resolv.conf" /etc/resolv.conf && exec queue-worker --once';
  const path = `${join(import.meta.dirname, '..', 'dist')}:${self.env.PATH}`;
  const start = performance.now();
  const result = await self.run('unshare', ['-m', 'sh', '-c', script], { env: { PATH: path } });
  const seconds = (performance.now() - start) / 1000;
  assert.equal(result.code, 3, result.stderr);
  assert.ok(asked > 0, 'the name server was asked');
  assert.ok(seconds < 25, `it took ${seconds} s`);
  assert.equal(stateOf(self).outbox.length, 1);
  await waitFor('all processes to end', () => processesNaming(self.dir).length === 0, 10);
});

test('no word of the URL is in the log, the status or a command line, whoever repeats it', async (t) => {
  const { self, hook } = await watched(t);
  const token = 'tOkEn0123456789';
  const url = `${hook.url.replace('//', '//bot:pa%2055%25@')}/${token}?key=qUeRy%2Fk3y#fr4gment`;
  const words = ['T0S3CR3T', token, 'qUeRy/k3y', 'qUeRy%2Fk3y', 'pa 55%', 'pa%2055%25', 'fr4gment'];
  // Where words are cut, half of one must not be left.
  hook.answer = (response) => {
    response.writeHead(500);
    response.end(`${words.join(' ')} ${'-'.repeat(200 - words.join(' ').length - 8)}${token}`);
  };
  const env = {
    QUEUE_ALERT_URL: url,
    QUEUE_ALERT_CMD: `echo "${words.join(' ')} $QUEUE_ALERT_URL" >&2; no-such http://x.invalid/${token}x; exit 1`,
  };
  putEntry(self, BAD);
  await once(self, 3, env);
  await waitFor('both to have failed', async () => {
    const tried = workerLog(self).match(/is sent again/g)?.length ?? 0;
    if (tried < 2) await once(self, 0, env);
    return tried >= 2;
  });
  const test = await self.run('queue-maint', ['alert', '--test'], { env });
  const status = await self.run('queue-status', ['--json'], { env });
  const health = await self.run('queue-maint', ['health', '--alert'], { env });
  assert.match(test.stdout, /webhook: failed: it answered 500: \*\*\*/);
  assert.match(test.stdout, /command: failed: exit code 1: \*\*\*/);
  for (const text of [workerLog(self), test.stdout, test.stderr, status.stdout, health.stdout, health.stderr])
    for (const word of [...words, token.slice(0, 8)]) assert.ok(!text.includes(word), `${word} in: ${text}`);

  rmSync(alertsFile(self));
  hook.alerts.length = 0;
  hook.answer = () => {};
  await startWorker(self, {
    QUEUE_ALERT_URL: url,
    QUEUE_ALERT_CMD: `echo >started; : ${token}; sleep 1000; : it goes on`,
  });
  await waitFor(
    'both to be under way',
    () => hook.alerts.length > 0 && existsSync(join(self.dir, 'started')),
  );
  const lines = commandLines();
  assert.match(lines, /alert\0--post/);
  for (const word of words) assert.ok(!lines.includes(word), word);
  await stopWorker(self);
});

test('a password that is no %-escape, and a command that floods, forks and is killed', async (t) => {
  const { self, hook } = await watched(t);
  const url = hook.url.replace('//', '//bot:50%@');
  const commands: Record<string, [RegExp, number]> = {
    'yes >&2 & yes & kill -9 $$': [/command: failed: was killed by SIGKILL/, 1],
    'head -c 100000000 /dev/zero; head -c 10000000 /dev/zero >&2': [/command: ok: exit code 0/, 0],
    'sleep 1000 >&2 & echo left one behind; exit 0': [/command: ok: exit code 0/, 0],
    ')': [/command: failed: exit code 2: /, 1],
  };
  for (const [command, [said, code]] of Object.entries(commands)) {
    const env = { QUEUE_ALERT_URL: url, QUEUE_ALERT_CMD: command };
    const result = await self.run('queue-maint', ['alert', '--test'], { env });
    assert.match(result.stdout, /^webhook: ok/);
    assert.match(result.stdout, said);
    assert.equal(result.code, code, command);
    for (const pid of processesNaming(self.dir)) process.kill(pid, 'SIGKILL');
  }
});

test('a spool that can not be used is told, though it can not be looked at either', async (t) => {
  const { self, hook } = await watched(t, { QUEUE_ALERT_OUTAGE: '0.2', QUEUE_ALERT_AGE: '1000' });
  await startWorker(self);
  const [pending, aside] = ['pending', 'aside'].map((name) => join(self.spool, name)) as [string, string];
  renameSync(pending, aside);
  writeFileSync(pending, '');
  await waitFor('it to be told', () => hook.told().length > 0);
  rmSync(pending);
  renameSync(aside, pending);
  await startWorker(self);
  await waitFor('its end to be told', () => hook.told().length > 1);
  assert.deepEqual(hook.told(), ['outage start', 'outage end']);
  assert.match(hook.alerts[0]?.what ?? '', /the spool can't be used: ENOTDIR/);
});

test('a worker that has just begun does not take a spool for mended that can not be used', async (t) => {
  const { self, hook } = await watched(t, { QUEUE_ALERT_OUTAGE: '0.2' });
  await startWorker(self);
  await stopWorker(self);
  // No file, so that no journal can be written.
  const journal = join(self.spool, 'completed', 'journal-00000001.jsonl');
  rmSync(journal, { force: true });
  mkdirSync(journal);
  putEntry(self, logs('a'));
  for (let workers = 1; workers <= 2; workers++) {
    const pid = await startWorker(self);
    await waitFor(
      'it to have tried',
      () => (workerLog(self).match(/ error EISDIR/g)?.length ?? 0) >= workers,
    );
    await waitFor('it to be told', () => hook.told().length > 0);
    await sent(self);
    process.kill(pid, 'SIGKILL');
    await ended(pid);
  }
  assert.deepEqual(hook.told(), ['outage start']);
  rmSync(journal, { recursive: true });
  await startWorker(self);
  await waitFor('its end to be told', () => hook.told().length > 1);
  assert.deepEqual(hook.told(), ['outage start', 'outage end']);
  assert.equal(hook.alerts.at(-1)?.what, 'the spool can be used again');
});

for (const [why, env] of Object.entries({
  'of a paused operation': {},
  'that was delayed': { not_before: new Date(Date.now() + 3_600_000).toISOString() },
}))
  test(`the end of an outage is told by the next worker though an entry ${why} stays`, async (t) => {
    const { self, hook } = await watched(t, { QUEUE_ALERT_OUTAGE: '0.2' });
    const unlock = lockDatabase(self);
    t.after(unlock);
    const first = await startWorker(self);
    putEntry(self, logs('held'), { operation: 'held', ...env });
    putEntry(self, logs('free'));
    await waitFor('the outage to be told', () => hook.told().length > 0);
    await sent(self);
    assert.equal((await self.run('queue-job', ['pause', 'held'])).code, 0);
    process.kill(first, 'SIGKILL');
    await ended(first);
    unlock();
    // One that tells nobody does the work.
    await startWorker(self, { QUEUE_ALERT_URL: '' });
    await waitFor('the free one', () => logged(self).length === 1);
    await stopWorker(self);
    assert.equal(self.names('pending').length, 1);
    await startWorker(self);
    await waitFor('the end to be told', () => hook.told().length > 1);
    assert.deepEqual(hook.told(), ['outage start', 'outage end']);
    assert.match(hook.alerts.at(-1)?.what ?? '', /nothing waits for .*hive\.db any more/);
  });

test('a worker stays while its database is down, and health tells the end where no worker is left', async (t) => {
  const { self, hook } = await watched(t, { QUEUE_ALERT_OUTAGE: '0.2', QUEUE_IDLE_EXIT: '0' });
  const unlock = lockDatabase(self);
  t.after(unlock);
  putEntry(self, logs('a'));
  const pid = await startWorker(self);
  await waitFor('the outage to be told', () => hook.told().length > 0);
  await sent(self);
  assert.ok(isAlive(pid) && workerPid(self) === pid);
  const health = async (): Promise<void> => {
    await self.run('queue-maint', ['health', '--alert']);
  };
  await health();
  assert.deepEqual(hook.told(), ['outage start'], `it goes on: ${hook.alerts.at(-1)?.what}`);
  process.kill(pid, 'SIGKILL');
  await ended(pid);
  await health();
  assert.deepEqual(hook.told(), ['outage start'], 'its entry waits');
  unlock();
  await once(self, 0, { QUEUE_ALERT_URL: '' });
  await health();
  await waitFor('the end to be sent', async () => {
    if (hook.told().length < 2) await health();
    return hook.told().length > 1;
  });
  assert.deepEqual(hook.told(), ['outage start', 'outage end']);
  assert.match(hook.alerts.at(-1)?.what ?? '', /nothing waits for .*hive\.db any more/);
});

test('on a full disk an incident is told once, whoever looks, and its end once', {
  skip: noDisk(),
}, async (t) => {
  const { self, hook } = await watched(t, { QUEUE_THRESHOLDS: 'disk=off backup=off oldest=off spool=off' });
  await withDisk(self, 'size=4m', async (disk) => {
    const base = { QUEUE_BASE_DIR: join(disk.root, 'queue') };
    const health = async (room: string): Promise<void> => {
      const env = { ...base, QUEUE_ALERT_DISK: room };
      await disk.run('queue-maint', ['health', '--alert'], { env });
    };
    await disk.run('queue-write', [BAD], { env: base });
    await waitFor('a failure to be told', () => hook.alerts.length > 0);
    await disk.run('queue-worker', ['stop'], { env: base });
    disk.fill({ bytes: 0 });
    for (let n = 0; n < 3; n++) await health('1000');
    assert.deepEqual(hook.told(), ['failed start', 'disk start']);
    disk.free();
    for (let n = 0; n < 2; n++) await health('1');
    assert.deepEqual(hook.told(), ['failed start', 'disk start', 'disk end']);
  });
});

test('what waits for a channel that health does not have is not missed there', async (t) => {
  const { self, hook } = await watched(t);
  const env = { QUEUE_ALERT_CMD: 'exit 1' };
  putEntry(self, BAD);
  await once(self, 3, env);
  await waitFor('one to be left', async () => {
    const left = stateOf(self).outbox;
    if (left.some(({ channel }) => channel === 'webhook')) await once(self, 0, env);
    return left.length === 1 && left[0]?.channel === 'command';
  });
  const health = await self.run('queue-maint', ['health', '--alert']);
  assert.equal(health.stderr, '');
  assert.equal(hook.told().length, 1);
});

test('several health checks beside workers that are killed: each incident is told once', async (t) => {
  const { self, hook } = await watched(t);
  for (let round = 1; round <= 3; round++) {
    putEntry(self, BAD);
    const pid = await startWorker(self, { QUEUE_ALERT_INTERVAL: '0' });
    const checks = [1, 2, 3].map(() =>
      self.run('queue-maint', ['health', '--alert'], { env: { QUEUE_ALERT_INTERVAL: '0' } }),
    );
    await waitFor('the failure', () => self.names('failed').length > 0);
    process.kill(pid, 'SIGKILL');
    await Promise.all(checks);
    await ended(pid);
    // Its note would make a crash loop of this.
    for (const name of self.names('.tmp')) rmSync(join(self.spool, '.tmp', name), { force: true });
    assert.equal((await self.run('queue-failed', ['discard', '--all', '--yes'])).code, 0);
    await startWorker(self);
    await drained(self);
    await waitFor('its end', () => {
      const { outbox, incidents } = stateOf(self);
      return outbox.length === 0 && !incidents.failed;
    });
    await stopWorker(self);
  }
  const failures = hook.told().filter((text) => text.startsWith('failed'));
  for (const [index, text] of failures.entries())
    assert.equal(text, index % 2 === 0 ? 'failed start' : 'failed end', failures.join());
  assert.ok(failures.length <= 6);
});
