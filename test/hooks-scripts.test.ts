/** The hook scripts as the agent runs them: by sh, elsewhere, in parallel, with whatever payload; and the rows. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  fire,
  HOOKS,
  type Hook,
  inParallel,
  type Payload,
  SAMPLES,
  SESSION,
  sample,
} from './support/hooks.ts';
import { fakeWorker } from './support/producer.ts';
import { type Project, project, ROOT, waitFor } from './support/project.ts';
import { once, startNoWorker, workerLog } from './support/queue.ts';

/** A project with no worker until `once`, which also makes the tables. */
function prepared(t: Parameters<typeof project>[0], env: Record<string, string> = {}): Project {
  const self = project(t, env);
  startNoWorker(self);
  return self;
}

/** Applies all that waits; nothing may fail. */
async function applied(self: Project): Promise<void> {
  await once(self);
  assert.deepEqual([self.names('pending'), self.names('failed')], [[], []]);
}

function stateFile(self: Project, name: string): string {
  return readFileSync(join(self.spool, 'hooks', name), 'utf8');
}

function count(self: Project, table: string, where = 'true'): unknown {
  return self.rows(`SELECT count(*) AS n FROM ${table} WHERE ${where}`)[0]?.n;
}

/** The sample, and what may become of it on its way. */
function mutations(text: string): string[] {
  const hook = JSON.parse(text) as Payload;
  return [
    text,
    JSON.stringify(hook, null, 2),
    JSON.stringify(Object.fromEntries(Object.entries(hook).toReversed())),
    JSON.stringify({
      ...hook,
      hook_event_name: 'Unheard',
      extra: '日本 🚀 \u0001 "\\ \'; DROP TABLE events; -- $(exit 1) `x`',
    }),
    text.slice(0, text.length / 2),
    '',
  ];
}

for (const hook of HOOKS) {
  test(`${hook}: every sample and its mutations, eight at a time: silent, and nothing is lost`, async (t) => {
    const self = prepared(t, { CHECKPOINT_INTERVAL: '3600' });
    const payloads = [...SAMPLES.values()].flatMap(mutations);
    await inParallel(payloads.map((payload) => () => fire(self, hook, payload)));
    await applied(self);
    assert.equal(workerLog(self).includes(' error '), false, workerLog(self));
    if (hook === 'tool-log') {
      const texts = self.rows('SELECT payload FROM events').map((row) => row.payload);
      assert.deepEqual(texts.toSorted(), payloads.toSorted());
      assert.equal(count(self, 'events', "event = 'unparsed'"), 2 * SAMPLES.size);
      assert.equal(count(self, 'events', "event = 'Unheard'"), SAMPLES.size);
    } else if (hook === 'auto-checkpoint') {
      // The empty ones have no session; a half still has its id at the start.
      assert.equal(stateFile(self, `${SESSION}.ops`).length, 5 * SAMPLES.size);
      assert.equal(count(self, 'session_logs', "kind = 'unparsed' AND message = 'log'"), SAMPLES.size);
      assert.equal(count(self, 'checkpoints'), 1);
    } else {
      const task = { 'session-start': 'start', 'task-agent-tracker': 'agent', 'session-checkpoint': 'final' }[
        hook
      ];
      assert.equal(
        count(self, 'session_logs', `kind = 'unparsed' AND message = '${task}'`),
        2 * SAMPLES.size,
      );
      assert.equal(count(self, 'session_logs', `message = '${task}: Unheard'`), SAMPLES.size);
    }
    // Nothing in a payload was run.
    assert.deepEqual(readdirSync(join(self.dir, 'else where')), []);
  });
}

test('a session by the hooks, from start to end: the rows, field by field, and the views', async (t) => {
  const self = prepared(t);
  const steps: [Hook, string][] = [
    ['session-start', 'SessionStart.startup'],
    ['tool-log', 'UserPromptSubmit'],
    ['tool-log', 'PostToolUse.Write'],
    ['auto-checkpoint', 'PostToolUse.Write'],
    ['tool-log', 'PostToolUseFailure.Bash'],
    ['task-agent-tracker', 'SubagentStart'],
    ['task-agent-tracker', 'SubagentStop'],
    ['task-agent-tracker', 'PostToolUse.Agent'],
    ['auto-checkpoint', 'PostToolUse.Agent'],
    ['session-checkpoint', 'Stop'],
    ['session-checkpoint', 'SessionEnd.other'],
  ];
  const before = new Date().toISOString();
  for (const [hook, name] of steps) await fire(self, hook, SAMPLES.get(name) as string);
  const after = new Date().toISOString();
  await applied(self);
  const [session] = self.rows('SELECT * FROM sessions') as [Payload];
  const times = ['started_at', 'latest_start_at', 'ended_at', 'checkpoint_at', 'last_seen_at'].map((key) =>
    String(session[key]),
  );
  assert.deepEqual(times, times.toSorted());
  assert.ok(
    (times[0] as string) >= before && (times[4] as string) <= after,
    'the hook tells the time, not the worker',
  );
  assert.deepEqual([session.operations, session.end_reason, session.cwd], [2, 'other', '/home/sam/shop']);
  const [instance, ...more] = self.rows('SELECT * FROM instances');
  assert.equal(more.length, 0);
  assert.deepEqual(
    [instance?.source, instance?.started_at, instance?.ended_at, instance?.operations],
    ['startup', session.started_at, session.ended_at, 2],
  );
  assert.deepEqual(self.rows('SELECT event, tool, duration_ms, ok FROM events ORDER BY at'), [
    { event: 'UserPromptSubmit', tool: null, duration_ms: null, ok: null },
    { event: 'PostToolUse', tool: 'Write', duration_ms: 5, ok: 1 },
    { event: 'PostToolUseFailure', tool: 'Bash', duration_ms: 2204, ok: 0 },
  ]);
  assert.deepEqual(self.rows('SELECT tool_use_id, agent_id, status, tokens, duration_ms FROM agents'), [
    {
      tool_use_id: 'toolu_sample04',
      agent_id: 'a90b7d3c5e1f24680',
      status: 'completed',
      tokens: 23,
      duration_ms: 1869,
    },
  ]);
  assert.deepEqual(self.rows('SELECT kind, operations FROM checkpoints ORDER BY at'), [
    { kind: 'auto', operations: 1 },
    { kind: 'Stop', operations: 2 },
    { kind: 'SessionEnd', operations: 2 },
  ]);
  assert.deepEqual(self.rows('SELECT kind, message FROM session_logs ORDER BY at'), [
    { kind: 'start', message: 'startup' },
    { kind: 'checkpoint', message: '1 operations' },
    { kind: 'end', message: 'other' },
  ]);
  for (const [view, rows] of Object.entries({
    session_summary: 1,
    tool_usage: 2,
    agent_timeline: 1,
    slowest_tools: 2,
  }))
    assert.equal(count(self, view), rows, view);
});

test('the worker starts by itself, and the rows arrive', async (t) => {
  const self = project(t);
  await fire(self, 'session-start', SAMPLES.get('SessionStart.startup') as string);
  await waitFor('the entry to be applied', () => self.names('pending').length === 0);
  assert.equal(count(self, 'instances'), 1);
});

test('a hundred calls in a row: one checkpoint, and the end has the right count', async (t) => {
  const self = prepared(t, { CHECKPOINT_INTERVAL: '3600' });
  const payload = SAMPLES.get('PostToolUse.Edit') as string;
  for (let call = 0; call < 100; call++) await fire(self, 'auto-checkpoint', payload);
  assert.equal(self.names('pending').length, 3);
  assert.deepEqual(
    self.names('pending').map((name) => name.slice(0, 2)),
    ['03', '05', '07'],
  );
  await fire(self, 'session-checkpoint', SAMPLES.get('Stop') as string);
  await applied(self);
  assert.deepEqual(self.rows('SELECT kind, operations FROM checkpoints ORDER BY operations'), [
    { kind: 'auto', operations: 1 },
    { kind: 'Stop', operations: 100 },
  ]);
  assert.deepEqual(self.rows('SELECT operations FROM sessions'), [{ operations: 100 }]);
  for (const name of ['ops', 'at'])
    assert.equal(statSync(join(self.spool, 'hooks', `${SESSION}.${name}`)).mode & 0o777, 0o600);
  assert.equal(statSync(join(self.spool, 'hooks')).mode & 0o777, 0o700);
});

test('a hundred calls, eight at a time: none is uncounted, and one checkpoint is made each time it is due', async (t) => {
  const self = prepared(t, { CHECKPOINT_INTERVAL: '3600' });
  const call = () => fire(self, 'auto-checkpoint', SAMPLES.get('PostToolUse.Edit') as string);
  await inParallel(Array.from({ length: 50 }, () => call));
  // More than an hour passes.
  const at = join(self.spool, 'hooks', `${SESSION}.at`);
  writeFileSync(at, `${Number(readFileSync(at, 'utf8')) - 7200}\n`);
  await inParallel(Array.from({ length: 50 }, () => call));
  await fire(self, 'session-checkpoint', SAMPLES.get('SessionEnd.other') as string);
  await applied(self);
  assert.equal(stateFile(self, `${SESSION}.ops`).length, 100);
  // The very first ones may differ in the second in which they found no time at all.
  const automatic = count(self, 'checkpoints', "kind = 'auto'") as number;
  assert.ok(automatic === 2 || automatic === 3, String(automatic));
  assert.deepEqual(self.rows("SELECT operations FROM checkpoints WHERE kind = 'SessionEnd'"), [
    { operations: 100 },
  ]);
});

test('the throttle: a time in the future, a broken one, an interval of 0 or nonsense', async (t) => {
  const self = prepared(t);
  const call = (env = {}) => fire(self, 'auto-checkpoint', SAMPLES.get('PostToolUse.Edit') as string, env);
  const at = join(self.spool, 'hooks', `${SESSION}.at`);
  const due = async (
    what: string,
    content: string | undefined,
    env: Record<string, string>,
    expected: number,
  ) => {
    if (content !== undefined) writeFileSync(at, content);
    const before = self.names('pending').length;
    await call(env);
    assert.equal(self.names('pending').length - before, expected * 3, what);
    assert.match(readFileSync(at, 'utf8'), /^\d{10}\n/, what);
  };
  const now = Math.floor(Date.now() / 1000);
  await due('the first', undefined, {}, 1);
  await due('at once again', undefined, {}, 0);
  await due('61 s ago', `${now - 61}\n`, {}, 1);
  await due('50 s ago', `${now - 50}\n`, {}, 0);
  await due('50 s ago, every 40 s', `${now - 50}\n`, { CHECKPOINT_INTERVAL: '040' }, 1);
  await due('an hour ahead', `${now + 3600}\n`, {}, 1);
  await due('empty', '', {}, 1);
  await due('no number', 'a[$(touch x)]\n', {}, 1);
  await due('every time', undefined, { CHECKPOINT_INTERVAL: '0' }, 1);
  await due('an interval that is none', undefined, { CHECKPOINT_INTERVAL: 'a[$(touch x)]' }, 0);
  await applied(self);
  assert.equal(self.rows('SELECT max(operations) AS n FROM sessions')[0]?.n, 9, 'as of the last checkpoint');
});

test('a session id that is no name for a file keeps no count, and every call is logged', async (t) => {
  const self = prepared(t);
  const ids = ['../../evil', 'a b', 'é', 'x'.repeat(65), '', '.', 5, null];
  for (const id of ids) {
    await fire(self, 'auto-checkpoint', sample('PostToolUse.Edit', { session_id: id }));
    await fire(self, 'session-checkpoint', sample('SessionEnd.other', { session_id: id }));
  }
  await applied(self);
  assert.equal(existsSync(join(self.spool, 'hooks')) ? readdirSync(join(self.spool, 'hooks')).length : 0, 0);
  assert.equal(count(self, 'session_logs', "kind = 'uncounted'"), ids.length);
  assert.equal(count(self, 'checkpoints'), 0);
  assert.equal(count(self, 'sessions', 'ended_at IS NOT NULL'), ids.length - 2);
});

test("a nested object's session_id is not taken for the payload's", async (t) => {
  const self = prepared(t);
  const hook = {
    tool_input: { session_id: 'nested' },
    ...sample('PostToolUse.Bash', { tool_input: undefined }),
  };
  await fire(
    self,
    'auto-checkpoint',
    `{"tool_input":{"session_id":"nested"},${JSON.stringify(hook).slice(1)}`,
  );
  await applied(self);
  assert.deepEqual(self.rows('SELECT session_id, operations FROM sessions'), [
    { session_id: SESSION, operations: 0 },
  ]);
  assert.equal(count(self, 'instances') as number, 0);
});

test("a nested object's session_id does not count for the session of that name", async (t) => {
  const self = prepared(t);
  const other = `{"tool_input":{"session_id":"victim"},"session_id":"other","hook_event_name":"PostToolUse"}`;
  for (let n = 0; n < 3; n++)
    await fire(self, 'auto-checkpoint', sample('PostToolUse.Edit', { session_id: 'victim' }));
  for (let n = 0; n < 5; n++) await fire(self, 'auto-checkpoint', other);
  await fire(self, 'session-checkpoint', sample('Stop', { session_id: 'victim' }));
  await applied(self);
  assert.deepEqual(self.rows('SELECT session_id, operations FROM sessions ORDER BY session_id'), [
    { session_id: 'other', operations: 0 },
    { session_id: 'victim', operations: 3 },
  ]);
  assert.equal(count(self, 'session_logs', "kind = 'uncounted'"), 5);
});

test('half an installation and a readonly locale leave a hook silent', async (t) => {
  const self = prepared(t);
  const half = join(self.dir, 'half');
  mkdirSync(half);
  for (const hook of HOOKS) copyFileSync(join(ROOT, 'hooks', `${hook}.sh`), join(half, `${hook}.sh`));
  const readonly = join(self.dir, 'readonly');
  writeFileSync(readonly, 'readonly LC_ALL=C.UTF-8\n');
  const silent = { code: 0, signal: null, stdout: '', stderr: '' };
  const input = SAMPLES.get('PostToolUse.Edit') as string;
  for (const hook of HOOKS) {
    for (const env of [{}, { POSIXLY_CORRECT: '1' }])
      assert.deepEqual(await self.run(join(half, `${hook}.sh`), [], { input, env }), silent);
    const script = join(ROOT, 'hooks', `${hook}.sh`);
    assert.deepEqual(await self.run('bash', [script], { input, env: { BASH_ENV: readonly } }), silent);
  }
});

test('two sessions at once never mix', async (t) => {
  const self = prepared(t, { CHECKPOINT_INTERVAL: '3600' });
  const sessions = { one: 12, two: 7 };
  const as = (name: string, session_id: string) => sample(name, { session_id });
  for (const id of Object.keys(sessions)) await fire(self, 'session-start', as('SessionStart.startup', id));
  await inParallel(
    Object.entries(sessions).flatMap(([id, calls]) =>
      Array.from({ length: calls }, (_, n) => async () => {
        await fire(self, 'auto-checkpoint', as('PostToolUse.Edit', id));
        await fire(self, 'tool-log', as('PostToolUse.Edit', id));
        if (n < 3) {
          const part = ['SubagentStop', 'SubagentStart', 'PostToolUse.Agent'][n] as string;
          await fire(self, 'task-agent-tracker', as(part, id));
        }
      }),
    ),
  );
  await fire(self, 'session-checkpoint', as('SessionEnd.other', 'one'));
  await fire(self, 'session-checkpoint', as('Stop', 'two'));
  await applied(self);
  const columns = 'session_id, tool_calls, agents, operations, instances, ended_at IS NOT NULL AS ended';
  assert.deepEqual(self.rows(`SELECT ${columns} FROM session_summary ORDER BY session_id`), [
    { session_id: 'one', tool_calls: 12, agents: 1, operations: 12, instances: 1, ended: 1 },
    { session_id: 'two', tool_calls: 7, agents: 1, operations: 7, instances: 1, ended: 0 },
  ]);
});

test('a resumed session goes on counting where it was', async (t) => {
  const self = prepared(t, { CHECKPOINT_INTERVAL: '3600' });
  const edit = () => fire(self, 'auto-checkpoint', SAMPLES.get('PostToolUse.Edit') as string);
  await fire(self, 'session-start', SAMPLES.get('SessionStart.startup') as string);
  for (let n = 0; n < 3; n++) await edit();
  await fire(self, 'session-checkpoint', SAMPLES.get('SessionEnd.other') as string);
  await fire(self, 'session-start', SAMPLES.get('SessionStart.resume') as string);
  await edit();
  await fire(self, 'session-start', sample('SessionStart.resume', { source: 'compact' }));
  await edit();
  await fire(self, 'session-checkpoint', SAMPLES.get('Stop') as string);
  await applied(self);
  assert.deepEqual(self.rows('SELECT operations, ended_at FROM sessions'), [
    { operations: 5, ended_at: null },
  ]);
  assert.deepEqual(
    self.rows('SELECT source, operations, ended_at IS NULL AS open FROM instances ORDER BY started_at'),
    [
      { source: 'startup', operations: 3, open: 0 },
      { source: 'resume', operations: 2, open: 1 },
    ],
  );
});

for (const hook of HOOKS) {
  test(`${hook}: USE_QUEUE=false writes to the database at once; half a MB goes through either way`, async (t) => {
    const self = prepared(t, { CHECKPOINT_INTERVAL: '0' });
    const name = {
      'session-start': 'SessionStart.startup',
      'task-agent-tracker': 'SubagentStart',
      'auto-checkpoint': 'PostToolUse.Write',
      'tool-log': 'PostToolUse.Write',
      'session-checkpoint': 'Stop',
    }[hook];
    const table = {
      'session-start': 'instances',
      'task-agent-tracker': 'agents',
      'auto-checkpoint': 'session_logs',
      'tool-log': 'events',
      'session-checkpoint': 'checkpoints',
    }[hook];
    const payload = sample(name);
    await fire(self, hook, payload, { USE_QUEUE: 'false' });
    assert.deepEqual([count(self, table), self.names('pending')], [1, []]);
    const big = { ...payload, session_id: 'big', tool_input: { content: 'ä"\\\n'.repeat(100_000) } };
    await fire(self, hook, big);
    await fire(self, hook, { ...big, session_id: 'big-2' }, { USE_QUEUE: 'false' });
    await applied(self);
    assert.equal(count(self, table, "session_id LIKE 'big%'"), 2);
  });
}

test('with a worker alive no hook starts a process, but for the first of a session, or looks through the queue', {
  skip: spawnSync('strace', ['-V']).status === 0 ? false : 'strace is not here',
}, async (t) => {
  const self = project(t, { CHECKPOINT_INTERVAL: '0' });
  fakeWorker(self);
  const input = SAMPLES.get('PostToolUse.Edit') as string;
  await fire(self, 'auto-checkpoint', input);
  for (const hook of HOOKS) {
    const file = join(self.dir, `trace-${hook}`);
    const script = join(ROOT, 'hooks', `${hook}.sh`);
    const before = self.names('pending').length;
    const result = await self.run(
      'strace',
      ['-f', '-qq', '-e', 'trace=process,getdents64', '-o', file, script],
      {
        input,
      },
    );
    assert.deepEqual([result.code, result.stdout, result.stderr], [0, '', ''], hook);
    assert.ok(self.names('pending').length > before, hook);
    const calls = readFileSync(file, 'utf8').split('\n');
    assert.deepEqual(
      calls
        .filter((line) => /\b(clone3?|fork|vfork|execve|getdents64)\(/.test(line))
        .map((line) => /\w+(?=\()/.exec(line)?.[0]),
      ['execve'],
      hook,
    );
  }
  rmSync(join(self.spool, 'worker.pid'));
});

test('QUEUE_EVENT_BYTES says where payloads are cut; what is no such number is the default', async (t) => {
  const self = prepared(t);
  const payload = sample('PostToolUse.Write', { padding: 'x'.repeat(70_000) });
  const lengths: Record<string, number> = {
    '100': 100,
    '': 65536,
    '-5': 65536,
    lots: 65536,
    '70000': 70_000,
  };
  for (const QUEUE_EVENT_BYTES of Object.keys(lengths))
    await fire(self, 'tool-log', payload, { QUEUE_EVENT_BYTES });
  await applied(self);
  const kept = self
    .rows('SELECT payload FROM events')
    .map((row) => String(row.payload).replace(/ \[cut: \d+ bytes\]$/, ''));
  assert.deepEqual(kept.map((text) => Buffer.byteLength(text)).toSorted(), Object.values(lengths).toSorted());
});

test('what goes wrong is a line in worker.log, and the agent hears nothing of it', async (t) => {
  const self = prepared(t);
  chmodSync(join(self.spool, 'pending'), 0o755);
  // Neither spool nor database: pending/ is refused, and there is no Node.
  const env = { QUEUE_NODE: join(self.dir, 'no-node') };
  for (const hook of HOOKS) await fire(self, hook, SAMPLES.get('SubagentStart') as string, env);
  const lines = workerLog(self).trimEnd().split('\n');
  for (const hook of HOOKS) {
    const line = lines.find((text) => text.includes(`hook ${hook}.sh: `)) ?? '';
    assert.match(
      line,
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} error hook \S+: \w+ was not written \(status 1\)$/,
      hook,
    );
  }
  // Without a spool there is nowhere to complain.
  rmSync(self.spool, { recursive: true });
  writeFileSync(self.spool, 'a file');
  for (const hook of HOOKS) await fire(self, hook, SAMPLES.get('SubagentStart') as string, env);
  rmSync(self.spool);
});

test("hooks' files that are no files, a symlink in place of their directory: no count, and still a row", async (t) => {
  const self = prepared(t);
  const hooks = join(self.spool, 'hooks');
  const elsewhere = join(self.dir, 'target');
  mkdirSync(elsewhere);
  symlinkSync(elsewhere, hooks);
  await fire(self, 'auto-checkpoint', SAMPLES.get('PostToolUse.Edit') as string);
  assert.deepEqual(readdirSync(elsewhere), []);
  rmSync(hooks);
  mkdirSync(hooks, { mode: 0o700 });
  await self.run('mkfifo', [join(hooks, `${SESSION}.ops`)]);
  await fire(self, 'auto-checkpoint', SAMPLES.get('PostToolUse.Edit') as string);
  await fire(self, 'session-checkpoint', SAMPLES.get('Stop') as string);
  await applied(self);
  assert.equal(count(self, 'session_logs', "kind = 'uncounted'"), 2);
});

test('the scripts work under odd surroundings: POSIX mode, a foreign locale, closed standard streams', async (t) => {
  const self = prepared(t);
  const script = join(ROOT, 'hooks', 'tool-log.sh');
  const input = SAMPLES.get('PostToolUse.Edit') as string;
  const run = async (command: string, env: Record<string, string> = {}) => {
    const result = await self.run('sh', ['-c', command], { input, env, cwd: '/' });
    assert.deepEqual([result.code, result.stdout, result.stderr], [0, '', ''], command);
  };
  await run(script, { POSIXLY_CORRECT: '1' });
  await run(script, { LC_ALL: 'C.UTF-8', LANG: 'C.UTF-8', IFS: 'a' });
  await run(script, { BASH_ENV: '/nonexistent', SHELLOPTS: 'nounset:errexit:xtrace', CDPATH: '/' });
  await run(`cd ${join(ROOT, 'hooks')} && bash tool-log.sh`);
  await run(`cd ${ROOT} && hooks/tool-log.sh >&- 2>&-`);
  await run(`${script} <&-`);
  await applied(self);
  assert.deepEqual(
    self.rows('SELECT payload FROM events ORDER BY event_id').map((row) => row.payload),
    [input, input, input, input, input, ''],
  );
});
