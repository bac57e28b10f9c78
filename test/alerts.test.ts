/**
 * Alerts: one message when an incident begins and one when it is over, whatever becomes of workers meanwhile; and what
 * takes no message, a webhook that hangs or fails, a command that never ends, keeps nothing from its work.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Project, processesNaming, project, waitFor, workerPid } from './support/project.ts';
import {
  drained,
  ended,
  lockDatabase,
  logged,
  logs,
  once,
  putEntry,
  startNoWorker,
  startWorker,
  stopWorker,
  withLog,
  workerLog,
  write,
} from './support/queue.ts';
import { closedPort, SECRET, type Webhook, webhook } from './support/webhook.ts';

/** Nothing but what a test is about. */
const QUIET = { QUEUE_ALERT_DISK: '0', QUEUE_ALERT_AGE: '0', QUEUE_ALERT_OUTAGE: '0' };

async function watched(
  t: TestContext,
  env: Record<string, string> = {},
): Promise<{ self: Project; hook: Webhook }> {
  const hook = await webhook(t);
  const self = project(t, { ...QUIET, QUEUE_ALERT_URL: hook.url, ...env });
  withLog(self);
  return { self, hook };
}

interface State {
  incidents: Record<string, { told: boolean }>;
  outbox: { channel: string; tries: number; due: number; message: { kind: string; phase: string } }[];
}

function stateOf(self: Project): State {
  const path = join(self.spool, 'alerts.json');
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { incidents: {}, outbox: [] };
}

/**
 * A worker that does what there is to do and leaves, with `code`; and others until they have sent what can be sent now,
 * for on a busy machine two seconds may not be enough.
 */
async function work(self: Project, code = 0, env: Record<string, string> = {}): Promise<void> {
  await once(self, code, env);
  await waitFor('the messages to be sent', async () => {
    const isLeft = stateOf(self).outbox.some(({ due }) => due <= Date.now());
    if (isLeft) await once(self, 0, env);
    return !isLeft;
  });
}

/** Everything that was to be sent has been, and is noted as sent. */
async function sent(self: Project): Promise<void> {
  await waitFor('the outbox to be empty', () => stateOf(self).outbox.length === 0);
}

function assertKeepsSecret(self: Project): void {
  assert.ok(!workerLog(self).includes(SECRET), workerLog(self));
}

test('failed entries: one message when it begins, none for the next ones, one when none are left', async (t) => {
  const { self, hook } = await watched(t);
  const name = putEntry(self, 'INSERT INTO "<!channel> & co" VALUES(1)', { operation: 'odd\u001b[31m op' });
  await work(self, 3);
  assert.deepEqual(hook.told(), ['failed start']);
  const [first] = hook.alerts;
  assert.equal(first?.spool, self.spool);
  assert.match(first?.what ?? '', /1 failed entry is in failed\/; the last: /);
  assert.ok(first?.what.includes(`${name} (odd [31m op)`), first?.what);
  assert.match(
    first?.text ?? '',
    /^\[PROBLEM\] hookspool on .*no such table: &lt;!channel&gt; &amp; co\nsince .*\nspool: .*\nto do: queue-failed list/,
  );
  putEntry(self, 'INSERT INTO nowhere VALUES(1)');
  putEntry(self, logs('a'));
  await work(self, 3);
  assert.deepEqual(hook.told(), ['failed start']);
  assert.equal((await self.run('queue-failed', ['discard', '--all', '--yes'])).code, 0);
  await work(self);
  assert.deepEqual(hook.told(), ['failed start', 'failed end']);
  assert.equal(hook.alerts[1]?.what, 'no failed entries are left');
  assert.equal(hook.alerts[1]?.since, first?.since);
  await work(self);
  assert.equal(hook.alerts.length, 2);
  assertKeepsSecret(self);
});

test('entries that fail again after a quiet time are another incident', async (t) => {
  const { self, hook } = await watched(t, { QUEUE_ALERT_INTERVAL: '1' });
  await startWorker(self);
  putEntry(self, 'INSERT INTO nowhere VALUES(1)');
  await waitFor('the first to be told and over', () => hook.alerts.length === 2);
  putEntry(self, 'INSERT INTO nowhere VALUES(2)');
  await waitFor('the second to be told and over', () => hook.alerts.length === 4);
  assert.deepEqual(hook.told(), ['failed start', 'failed end', 'failed start', 'failed end']);
  assert.match(hook.alerts[3]?.what ?? '', /no entry has failed for 1 s; 2 failed entries are in failed/);
});

test('an outage is told once and its end once, though the worker is killed twice meanwhile', async (t) => {
  const { self, hook } = await watched(t, { QUEUE_ALERT_OUTAGE: '0.2', QUEUE_ALERT_INTERVAL: '0' });
  putEntry(self, logs('before'));
  await work(self);
  const unlock = lockDatabase(self);
  t.after(unlock);
  putEntry(self, logs('meanwhile'));
  await startWorker(self);
  await waitFor('the outage to be told', () => hook.alerts.length > 0);
  await sent(self);
  const first = workerPid(self) as number;
  process.kill(first, 'SIGKILL');
  await ended(first);
  await startWorker(self);
  await waitFor('the next one to know of the outage', async () => {
    const { stdout } = await self.run('queue-status', ['--json']);
    return JSON.parse(stdout).state === 'waiting';
  });
  assert.deepEqual(hook.told(), ['outage start']);
  const last = workerPid(self) as number;
  process.kill(last, 'SIGKILL');
  await ended(last);
  unlock();
  await startWorker(self);
  await waitFor('the end to be told', () => hook.told().includes('outage end'));
  await drained(self);
  await stopWorker(self);
  assert.deepEqual(hook.told(), ['outage start', 'outage end']);
  assert.match(hook.alerts[0]?.what ?? '', /hive\.db can't be used: .*locked/);
  assert.deepEqual(logged(self), ['before', 'meanwhile']);
});

test('a webhook that never answers delays no entry and no exit, and the next worker sends what it did not take', async (t) => {
  const { self, hook } = await watched(t);
  const unanswered: unknown[] = [];
  hook.answer = (response) => {
    unanswered.push(response);
  };
  putEntry(self, 'INSERT INTO nowhere VALUES(1)');
  await startWorker(self);
  await waitFor('the message to arrive', () => unanswered.length === 1);
  for (let n = 0; n < 300; n++) putEntry(self, logs(String(n)));
  await drained(self);
  assert.equal(logged(self).length, 300);
  assert.equal(unanswered.length, 1, 'it was drained while the one message was without an answer');
  await stopWorker(self);
  assert.deepEqual(
    stateOf(self).outbox.map(({ message, tries }) => [message.kind, message.phase, tries]),
    [['failed', 'start', 0]],
  );
  hook.answer = (response) => void response.end();
  await work(self);
  assert.ok(hook.alerts.length > 1);
  assert.deepEqual(hook.told(), ['failed start'], 'the same message again, by its id');
  assert.deepEqual(stateOf(self).outbox, []);
});

/** As if the pause before the next try were over. */
function makeDue(self: Project, change: Partial<State['outbox'][number]> = {}): void {
  const state = stateOf(self);
  const outbox = state.outbox.map((parcel) => ({ ...parcel, due: 0, ...change }));
  writeFileSync(join(self.spool, 'alerts.json'), JSON.stringify({ ...state, outbox }));
}

test('a webhook that fails is asked again: later, when it says so, not for ever, and not when it knows no such address', async (t) => {
  const { self, hook } = await watched(t);
  const answers = [500, 429, 503];
  hook.answer = (response) => {
    response.writeHead(answers.shift() ?? 200, { 'retry-after': '1200' });
    response.end(`no, not ${SECRET}`);
  };
  putEntry(self, 'INSERT INTO nowhere VALUES(1)');
  await work(self, 3);
  for (let tries = 1; tries <= 3; tries++) {
    const [parcel] = stateOf(self).outbox;
    assert.equal(parcel?.tries, tries);
    const pause = (parcel?.due ?? 0) - Date.now();
    assert.ok(pause > 1_000_000 && pause <= 1_200_000, String(pause));
    // Not due: not asked.
    const asked = hook.alerts.length;
    await work(self);
    assert.equal(hook.alerts.length, asked);
    makeDue(self);
    await work(self);
  }
  assert.ok(hook.alerts.length >= 4);
  assert.deepEqual(hook.told(), ['failed start']);
  assert.deepEqual(stateOf(self).outbox, []);
  assert.match(workerLog(self), /warn alert .* is sent again in 1200 s: it answered 429: no, not \*\*\*/);

  hook.answer = (response) => {
    response.writeHead(500);
    response.end();
  };
  assert.equal((await self.run('queue-failed', ['discard', '--all', '--yes'])).code, 0);
  await work(self);
  makeDue(self, { tries: 7 });
  await work(self);
  assert.deepEqual(stateOf(self).outbox, []);
  assert.match(workerLog(self), /is given up after 8 of 8 tries: it answered 500/);

  hook.answer = (response) => {
    response.writeHead(404);
    response.end();
  };
  rmSync(join(self.spool, 'alerts.json'));
  putEntry(self, 'INSERT INTO nowhere VALUES(1)');
  await work(self, 3);
  assert.deepEqual(stateOf(self).outbox, []);
  assert.match(workerLog(self), /is given up after 1 of 8 tries: it answered 404/);
  assertKeepsSecret(self);
});

test('a webhook that refuses or redirects costs a line in the log', async (t) => {
  const { self, hook } = await watched(t);
  hook.answer = (response) => {
    response.writeHead(302, { location: 'http://127.0.0.1:9/elsewhere' });
    response.end();
  };
  putEntry(self, 'INSERT INTO nowhere VALUES(1)');
  await work(self, 3);
  assert.match(workerLog(self), /given up after 1 of 8 tries: it answered 302/);
  rmSync(join(self.spool, 'alerts.json'));
  await work(self, 0, { QUEUE_ALERT_URL: `http://user:pa55@127.0.0.1:${await closedPort()}${SECRET}` });
  assert.match(workerLog(self), /is sent again in 5 s: connect ECONNREFUSED/);
  assert.ok(!workerLog(self).includes('pa55'));
  assertKeepsSecret(self);
});

test('a command gets the message on its input and in its environment, never in its command line', async (t) => {
  const { self } = await watched(t, {
    QUEUE_ALERT_URL: '',
    QUEUE_ALERT_CMD: 'cat >input; env | grep ^HOOKSPOOL_ALERT_ >variables',
  });
  putEntry(self, `INSERT INTO nowhere VALUES('$(touch pwned)')`, {
    operation: '$(touch pwned); `touch pwned`',
  });
  await work(self, 3);
  const input = JSON.parse(readFileSync(join(self.dir, 'input'), 'utf8'));
  const variables = readFileSync(join(self.dir, 'variables'), 'utf8');
  assert.equal(input.kind, 'failed');
  assert.ok(input.what.includes('$(touch pwned); `touch pwned`'), input.what);
  assert.match(variables, /^HOOKSPOOL_ALERT_KIND=failed$/m);
  assert.match(variables, /^HOOKSPOOL_ALERT_PHASE=start$/m);
  assert.match(variables, /^HOOKSPOOL_ALERT_WHAT=1 failed entry .*\$\(touch pwned\)/m);
  assert.equal(existsSync(join(self.dir, 'pwned')), false);
  assert.deepEqual(stateOf(self).outbox, []);
});

test('a command that never ends, and has children, is gone with the worker', async (t) => {
  const { self } = await watched(t, {
    QUEUE_ALERT_URL: '',
    QUEUE_ALERT_CMD: 'echo >>started; sleep 1000 & sleep 1000',
  });
  putEntry(self, 'INSERT INTO nowhere VALUES(1)');
  await startWorker(self);
  await waitFor('the command to start', () => existsSync(join(self.dir, 'started')));
  putEntry(self, logs('a'));
  await drained(self);
  await stopWorker(self);
  await waitFor('its processes to end', () => processesNaming(self.dir).length === 0);
  assert.equal(stateOf(self).outbox.length, 1);
});

test('workers that die again and again are told of by the next one, and that it is over', async (t) => {
  const { self, hook } = await watched(t);
  const lane = async (): Promise<number> => {
    const pid = await startWorker(self);
    await waitFor('its note', () => self.names('.tmp').includes(`run-${pid}`));
    return pid;
  };
  for (let kills = 0; kills < 3; kills++) {
    const pid = await lane();
    process.kill(pid, 'SIGKILL');
    await ended(pid);
    assert.deepEqual(hook.told(), []);
  }
  await work(self);
  assert.deepEqual(hook.told(), ['crash start']);
  assert.match(hook.alerts[0]?.what ?? '', /dies again and again: 3 times/);
  const then = Date.now() / 1000 - 601;
  for (const name of self.names('.tmp')) utimesSync(join(self.spool, '.tmp', name), then, then);
  await work(self);
  assert.deepEqual(hook.told(), ['crash start', 'crash end']);
  assert.deepEqual(self.names('.tmp'), []);
});

test('workers that leave, or are told to, and those that stop an endless entry, have not died', async (t) => {
  const { self, hook } = await watched(t, { SQLITE_TIMEOUT: '100' });
  for (let n = 0; n < 3; n++) {
    await work(self);
    await startWorker(self);
    await stopWorker(self);
  }
  for (let n = 0; n < 3; n++)
    putEntry(self, 'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r) SELECT sum(n) FROM r');
  await work(self, 3);
  await work(self);
  assert.deepEqual([...new Set(hook.told())], ['failed start']);
  assert.deepEqual(
    self.names('.tmp').filter((name) => name.startsWith('run-')),
    [],
  );
});

test('a disk with less room than wanted, and entries that wait for long', async (t) => {
  const { self, hook } = await watched(t, { QUEUE_ALERT_DISK: '1000000000' });
  await work(self);
  assert.deepEqual(hook.told(), ['disk start']);
  await work(self, 0, { QUEUE_ALERT_DISK: '1' });
  assert.deepEqual(hook.told(), ['disk start', 'disk end']);
  const unlock = lockDatabase(self);
  t.after(unlock);
  putEntry(self, logs('late'), { not_before: new Date(Date.now() + 3_600_000).toISOString() });
  await startWorker(self, { QUEUE_ALERT_AGE: '0.1', QUEUE_ALERT_DISK: '0' });
  await waitFor('it to be put off', () => stateOf(self));
  putEntry(self, logs('now'));
  await waitFor('the age to be told', () => hook.told().includes('age start'));
  unlock();
  await waitFor('its end to be told', () => hook.told().includes('age end'));
  assert.deepEqual(hook.told().slice(2), ['age start', 'age end']);
});

test('what begins and ends within the interval of the last message is not told', async (t) => {
  const { self, hook } = await watched(t, { QUEUE_ALERT_INTERVAL: '1000' });
  const shell = { QUEUE_ALERT_DISK: '1000000000' };
  for (let n = 0; n < 3; n++) {
    await work(self, 0, shell);
    await work(self);
    await work(self, 0, { QUEUE_ALERT_DISK: '1' });
  }
  assert.deepEqual(hook.told(), ['disk start', 'disk end']);
  await work(self, 0, { ...shell, QUEUE_ALERT_INTERVAL: '0' });
  assert.deepEqual(hook.told(), ['disk start', 'disk end', 'disk start']);
});

test('hooks send nothing, and without the variables a worker keeps no account', async (t) => {
  const { self, hook } = await watched(t);
  startNoWorker(self);
  await write(self, 'INSERT INTO nowhere VALUES(1)');
  const result = await self.bash('queue_db_write "INSERT INTO nowhere VALUES(2)"');
  assert.equal(result.code, 0);
  assert.deepEqual(hook.told(), []);
  await work(self, 3, { QUEUE_ALERT_URL: '' });
  assert.deepEqual(hook.told(), []);
  assert.equal(existsSync(join(self.spool, 'alerts.json')), false);
});

test('queue-maint health --alert: once for what it finds, not for what the worker has told, and when it is over', async (t) => {
  const { self, hook } = await watched(t, { QUEUE_THRESHOLDS: 'disk=off backup=off' });
  const health = async (code: number, ...args: string[]): Promise<void> => {
    const result = await self.run('queue-maint', ['health', '--alert', ...args]);
    assert.equal(result.code, code, result.stdout + result.stderr);
  };
  putEntry(self, 'INSERT INTO nowhere VALUES(1)');
  await work(self, 3);
  await health(1, '--threshold', 'size=1KB:1GB');
  await health(1, '--threshold', 'size=1KB:1GB');
  assert.deepEqual(hook.told(), ['failed start', 'health start']);
  assert.match(hook.alerts[1]?.what ?? '', /health, warning: size: .*hive\.db/);
  assert.equal((await self.run('queue-failed', ['discard', '--all', '--yes'])).code, 0);
  await health(0);
  assert.deepEqual(hook.told().slice(2).sort(), ['failed end', 'health end']);
  await health(0);
  assert.equal(hook.alerts.length, 4);
  const without = await self.run('queue-maint', ['health', '--alert'], { env: { QUEUE_ALERT_URL: '' } });
  assert.deepEqual([without.code, without.stdout], [2, '']);
  assert.match(without.stderr, /neither QUEUE_ALERT_URL nor QUEUE_ALERT_CMD is set/);
});

test('queue-maint alert --test says what came back, and not where it went', async (t) => {
  const { self, hook } = await watched(t, { QUEUE_ALERT_CMD: 'echo broken >&2; exit 3' });
  const result = await self.run('queue-maint', ['alert', '--test']);
  assert.deepEqual([result.code, result.stderr], [1, '']);
  assert.equal(result.stdout, 'webhook: ok: 200: ok\ncommand: failed: exit code 3: broken\n');
  assert.deepEqual(hook.told(), ['test test']);
  hook.answer = (response) => {
    response.writeHead(403);
    response.end(`no such hook: ${SECRET} \u001b[2J`);
  };
  const refused = await self.run('queue-maint', ['alert', '--test', '--json'], {
    env: { QUEUE_ALERT_CMD: '' },
  });
  assert.equal(refused.code, 1);
  assert.deepEqual(JSON.parse(refused.stdout), [
    { channel: 'webhook', ok: false, detail: 'it answered 403: no such hook: ***  [2J' },
  ]);
  for (const url of ['hooks.example/secret', 'ftp://secret', 'https://?s3cret']) {
    const bad = await self.run('queue-maint', ['alert', '--test'], { env: { QUEUE_ALERT_URL: url } });
    assert.equal(bad.code, 2);
    assert.ok(!bad.stderr.includes(url), bad.stderr);
  }
  assert.equal((await self.run('queue-maint', ['alert'])).code, 2);
});

test('whatever stands in alerts.json, alerts go on', async (t) => {
  const { self, hook } = await watched(t);
  for (const text of [
    '',
    '{',
    '[]',
    'null',
    '{"incidents":[1],"outbox":[{}],"toldAt":7,"letters":"x"}',
    '\0'.repeat(9),
  ]) {
    putEntry(self, 'INSERT INTO nowhere VALUES(1)');
    writeFileSync(join(self.spool, 'alerts.json'), text);
    await work(self, 3);
    assert.equal(hook.told().pop(), 'failed start', text);
    hook.alerts.length = 0;
  }
});
