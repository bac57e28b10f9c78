/** What hooks/schema.sql makes of payloads: sessions and instances in any order, events field by field, broken text. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  HookDatabase,
  type Input,
  iso,
  type Payload,
  permutations,
  SAMPLES,
  SESSION,
  sample,
  someOrders,
} from './support/hooks.ts';
import { ROOT } from './support/project.ts';

const T0 = 1_767_328_963;
const SESSIONS =
  'SELECT session_id, started_at, last_seen_at, ended_at, end_reason, operations, checkpoint_at FROM sessions';
const INSTANCES = 'SELECT * FROM instances ORDER BY started_at';
/** Every task that takes a payload. */
const TASKS = ['event', 'start', 'agent', 'checkpoint', 'log', 'final'];

function start(at: number, operations: number, source = 'startup'): Input {
  const hook = sample('SessionStart.startup', { source });
  return { task: 'start', hook, at: T0 + at, session: SESSION, operations };
}

function checkpoint(at: number, operations: number): Input[] {
  const common = { at: T0 + at, session: SESSION, operations };
  return [
    { ...common, task: 'checkpoint', hook: sample('PostToolUse.Edit'), due: T0 + at },
    { ...common, task: 'instance' },
  ];
}

function final(at: number, operations: number, name: 'Stop' | 'SessionEnd.other'): Input {
  return { task: 'final', hook: sample(name), at: T0 + at, session: SESSION, operations };
}

test('the file begins as the worker wants it: its name, then numbered migrations', () => {
  const lines = readFileSync(join(ROOT, 'hooks', 'schema.sql'), 'utf8').split('\n');
  assert.equal(lines[0], '-- schema: hooks');
  const numbers = lines.flatMap((line) => /^-- migration (\d+): \S/.exec(line)?.[1] ?? []);
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => String(index + 1)),
  );
});

test('one session, all orders: start, checkpoint, stop, end', () => {
  const db = new HookDatabase();
  const events = [start(0, 0), ...checkpoint(10, 5), final(20, 7, 'Stop'), final(30, 8, 'SessionEnd.other')];
  for (const order of permutations(events)) {
    assert.deepEqual(db.after(order, SESSIONS), [
      {
        session_id: SESSION,
        started_at: iso(T0),
        last_seen_at: iso(T0 + 30),
        ended_at: iso(T0 + 30),
        end_reason: 'other',
        operations: 8,
        checkpoint_at: iso(T0 + 30),
      },
    ]);
    assert.deepEqual(db.after(order, INSTANCES), [
      {
        session_id: SESSION,
        started_at: iso(T0),
        source: 'startup',
        ended_at: iso(T0 + 30),
        end_reason: 'other',
        checkpoint_at: iso(T0 + 30),
        operations_before: 0,
        operations_after: 8,
        operations: 8,
      },
    ]);
    assert.deepEqual(db.after(order, 'SELECT kind, at, operations FROM checkpoints ORDER BY at'), [
      { kind: 'auto', at: iso(T0 + 10), operations: 5 },
      { kind: 'Stop', at: iso(T0 + 20), operations: 7 },
      { kind: 'SessionEnd', at: iso(T0 + 30), operations: 8 },
    ]);
  }
});

test('a resumed session keeps its start and its count, is open again, and has a second instance', () => {
  const db = new HookDatabase();
  const starts = [start(0, 0), start(100, 8, 'resume')];
  const rest = [
    ...checkpoint(10, 5),
    final(30, 8, 'SessionEnd.other'),
    start(105, 8, 'compact'),
    ...checkpoint(110, 9),
    final(115, 12, 'Stop'),
  ];
  for (const order of someOrders(rest, 300)) {
    for (const inputs of [
      [...starts, ...order],
      [...starts.toReversed(), ...order],
    ]) {
      const session = db.after(inputs, SESSIONS)[0] as Payload;
      assert.deepEqual(
        [session.started_at, session.ended_at, session.end_reason, session.operations],
        [iso(T0), null, null, 12],
      );
      assert.deepEqual(
        db
          .after(inputs, INSTANCES)
          .map((row) => [row.started_at, row.source, row.ended_at, row.operations_before, row.operations]),
        [
          [iso(T0), 'startup', iso(T0 + 30), 0, 8],
          [iso(T0 + 100), 'resume', null, 8, 4],
        ],
      );
    }
  }
  const logs = db.after([...starts, ...rest], 'SELECT kind, message FROM session_logs ORDER BY at');
  assert.deepEqual(logs, [
    { kind: 'start', message: 'startup' },
    { kind: 'end', message: 'other' },
    { kind: 'start', message: 'resume' },
    { kind: 'start', message: 'compact' },
  ]);
  // The session's own row does not need the starts first.
  for (const order of someOrders([...starts, ...rest, final(120, 13, 'SessionEnd.other')], 300)) {
    const session = db.after(order, SESSIONS)[0] as Payload;
    assert.deepEqual(
      [session.started_at, session.ended_at, session.operations],
      [iso(T0), iso(T0 + 120), 13],
    );
  }
});

test('two windows on one session: each end closes an instance, the last one first', () => {
  const db = new HookDatabase();
  const inputs = [
    start(0, 0),
    start(50, 3, 'resume'),
    final(60, 4, 'SessionEnd.other'),
    final(70, 5, 'SessionEnd.other'),
  ];
  assert.deepEqual(
    db.after(inputs, INSTANCES).map((row) => [row.started_at, row.ended_at]),
    [
      [iso(T0), iso(T0 + 70)],
      [iso(T0 + 50), iso(T0 + 60)],
    ],
  );
});

test('hooks that find a checkpoint due at once make one row of it, with the higher count', () => {
  const db = new HookDatabase();
  const [first, second] = [checkpoint(10, 5)[0], checkpoint(10.01, 6)[0]] as [Input, Input];
  for (const order of permutations([first, { ...second, due: first.due as number }])) {
    assert.deepEqual(db.after(order, 'SELECT at, operations FROM checkpoints'), [
      { at: iso(T0 + 10.01), operations: 6 },
    ]);
  }
});

test("another session's count is not taken, and the payload is kept", () => {
  const db = new HookDatabase();
  const inputs = checkpoint(10, 5).map((input) => ({ ...input, session: 'nested' }));
  assert.deepEqual(
    db.after(inputs, SESSIONS).map((row) => [row.session_id, row.operations]),
    [[SESSION, 0]],
  );
  assert.deepEqual(db.after(inputs, 'SELECT * FROM checkpoints UNION ALL SELECT * FROM checkpoints'), []);
  assert.deepEqual(db.after(inputs, INSTANCES), []);
  assert.deepEqual(db.after(inputs, 'SELECT kind, message, payload FROM session_logs'), [
    {
      kind: 'uncounted',
      message: 'checkpoint: PostToolUse',
      payload: JSON.stringify(sample('PostToolUse.Edit')),
    },
  ]);
});

/** What a row in events is to hold, computed here from the payload. */
function eventRow(text: string): Payload {
  const hook = JSON.parse(text) as Payload;
  const input = (hook.tool_input ?? {}) as Payload;
  const name = hook.hook_event_name;
  const detail = input.file_path ?? input.command ?? input.description ?? hook.prompt ?? hook.trigger ?? null;
  return {
    at: iso(T0),
    session_id: hook.session_id,
    event: name,
    tool: hook.tool_name ?? null,
    tool_use_id: hook.tool_use_id ?? null,
    agent_id: hook.agent_id ?? null,
    prompt_id: hook.prompt_id ?? null,
    duration_ms: hook.duration_ms ?? null,
    ok: name === 'PostToolUse' ? 1 : name === 'PostToolUseFailure' ? 0 : null,
    error: hook.error ?? null,
    detail,
    payload: text,
    payload_bytes: Buffer.byteLength(text),
  };
}

test('every sample payload is an event, field by field, with its keys in any order and printed prettily', () => {
  const db = new HookDatabase();
  for (const [name, text] of SAMPLES) {
    const keys = Object.entries(JSON.parse(text) as Payload);
    const forms = [
      text,
      JSON.stringify(JSON.parse(text), null, 2),
      JSON.stringify(Object.fromEntries(keys.toReversed())),
      JSON.stringify(Object.fromEntries(keys.toSorted(([a], [b]) => (a < b ? -1 : 1))), null, '\t'),
    ];
    for (const form of forms) {
      const [row, ...more] = db.after([{ task: 'event', hook: form, at: T0 }], 'SELECT * FROM events');
      assert.equal(more.length, 0);
      const { event_id, ...rest } = row as Payload;
      assert.deepEqual(rest, eventRow(form), name);
    }
  }
});

test('an unknown event is logged as it is', () => {
  const db = new HookDatabase();
  const hook = sample('Stop', { hook_event_name: 'Tëapot', message: 'x'.repeat(500) });
  db.put({ task: 'event', hook });
  const row = db.row('SELECT event, tool, ok, detail, payload FROM events');
  const payload = JSON.stringify(hook);
  assert.deepEqual(row, { event: 'Tëapot', tool: null, ok: null, detail: 'x'.repeat(200), payload });
});

/** No JSON object that SQLite could take apart. */
const BROKEN: Record<string, string> = {
  empty: '',
  'a newline': '\n',
  'no JSON': 'Traceback (most recent call last):',
  truncated: (SAMPLES.get('PostToolUse.Edit') as string).slice(0, 400),
  'an array': '[1,2]',
  'a string': '"x"',
  'a number': '5',
  null: 'null',
  JSON5: "{hook_event_name:'Stop',}",
  'too deep': `{"session_id":"s","a":${'['.repeat(1500)}${']'.repeat(1500)}}`,
  'two of them': '{"a":1}{"b":2}',
};

test('broken payloads raise no error in any task: the text is kept, marked as unparsed', () => {
  const db = new HookDatabase();
  for (const [name, hook] of Object.entries(BROKEN)) {
    for (const task of TASKS) {
      const input = { task, hook, session: 's-1', operations: 3 };
      const [events, logs] = ['SELECT * FROM events', 'SELECT * FROM session_logs'].map((sql) =>
        db.after([input], sql),
      ) as [Payload[], Payload[]];
      assert.equal(events.length + logs.length, 1, `${name} ${task}`);
      const row = (events[0] ?? logs[0]) as Payload;
      assert.deepEqual(
        [row.event ?? row.kind, row.payload, row.session_id, row.message],
        ['unparsed', hook, 's-1', task === 'event' ? undefined : task],
        `${name} ${task}`,
      );
    }
  }
});

test('fields of odd types, empty ones, twice given ones raise no error in any task', () => {
  const db = new HookDatabase();
  const odd: string[] = [
    '{}',
    '{"session_id":null,"hook_event_name":null}',
    '{"session_id":{},"hook_event_name":[],"tool_input":5,"tool_response":"x","duration_ms":"9","error":{"a":1}}',
    '{"session_id":"","hook_event_name":"","tool_name":"","tool_use_id":"","agent_id":""}',
    '{"session_id":"a","session_id":"b","hook_event_name":"Stop","hook_event_name":"SessionEnd"}',
    '{"session_id":"\\u0000","hook_event_name":"PostToolUse","tool_name":"\\ud83d","duration_ms":1e999}',
    '{"session_id":"a","hook_event_name":"PostToolUse","tool_name":"Task","duration_ms":-1.5,"tool_use_id":7}',
    '{"session_id":"a","hook_event_name":"SessionStart","source":{"a":[]}}',
  ];
  for (const hook of odd) {
    for (const task of TASKS) {
      const rows = db.after(
        [{ task, hook, session: 'a', operations: 1, due: 1 }],
        'SELECT 1 FROM events UNION ALL SELECT 1 FROM session_logs UNION ALL SELECT 1 FROM checkpoints UNION ALL SELECT 1 FROM agents',
      );
      assert.ok(rows.length > 0, `${hook} ${task}`);
    }
  }
});

test('a payload over the limit is cut between characters, with a mark, and taken apart before that', () => {
  const db = new HookDatabase();
  const text = (hook: Payload) => JSON.stringify(hook);
  const big = sample('PostToolUse.Write', { tool_input: { content: 'é🚀'.repeat(90_000) } });
  db.put({ task: 'event', hook: big });
  const bytes = Buffer.byteLength(text(big));
  const row = db.row('SELECT payload, payload_bytes, tool, duration_ms FROM events');
  const mark = ` [cut: ${bytes} bytes]`;
  assert.deepEqual([row.payload_bytes, row.tool, row.duration_ms], [bytes, 'Write', 5]);
  assert.ok(String(row.payload).endsWith(mark));
  const kept = String(row.payload).slice(0, -mark.length);
  assert.ok(text(big).startsWith(kept));
  assert.ok(Buffer.byteLength(kept) <= 65536 && Buffer.byteLength(kept) > 65532);

  const characters = 'aé€🚀';
  const whole = { task: 'event', hook: characters };
  const cutAt = (limit: number) =>
    String(
      db.after([{ ...whole, bytes: limit }], 'SELECT payload FROM events ORDER BY event_id DESC')[0]?.payload,
    ).replace(/ \[cut.*/, '');
  assert.deepEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map(cutAt), [
    'a',
    'a',
    'aé',
    'aé',
    'aé',
    'aé€',
    'aé€',
    'aé€',
    'aé€',
    characters,
    characters,
  ]);
  // No limit of that kind: the default.
  for (const limit of [0, -1]) assert.equal(cutAt(limit), characters);
});

test('the views: what happened in a session, by tool, and the slowest', () => {
  const db = new HookDatabase();
  db.put(start(0, 0));
  for (const text of SAMPLES.values()) db.put({ task: 'event', hook: text, at: T0 + 1 });
  db.put({ task: 'agent', hook: sample('PostToolUse.Agent'), at: T0 + 2 });
  db.put(final(90, 4, 'SessionEnd.other'));
  assert.deepEqual(db.row('SELECT * FROM session_summary'), {
    session_id: SESSION,
    started_at: iso(T0),
    ended_at: iso(T0 + 90),
    minutes: 1.5,
    instances: 1,
    prompts: 1,
    tool_calls: 5,
    failures: 1,
    agents: 1,
    agent_tokens: 23,
    operations: 4,
    cwd: '/home/sam/shop',
  });
  assert.deepEqual(
    db.rows('SELECT tool, calls, failures, failed_percent, longest_ms FROM tool_usage LIMIT 2'),
    [
      { tool: 'Bash', calls: 2, failures: 1, failed_percent: 50, longest_ms: 2204 },
      { tool: 'Agent', calls: 1, failures: 0, failed_percent: 0, longest_ms: 1873 },
    ],
  );
  assert.deepEqual(
    db.rows('SELECT duration_ms, tool FROM slowest_tools LIMIT 3').map((row) => [row.duration_ms, row.tool]),
    [
      [2204, 'Bash'],
      [1873, 'Agent'],
      [38, 'Bash'],
    ],
  );
});

test('the questions people ask are answered from an index', () => {
  const db = new HookDatabase();
  const questions = [
    `SELECT * FROM events WHERE session_id = 's' ORDER BY at`,
    `SELECT * FROM events WHERE ok = 0 AND at >= date('now')`,
    `SELECT * FROM events WHERE tool = 'Bash' AND at >= date('now')`,
    `SELECT * FROM events WHERE event = 'PreCompact' ORDER BY at`,
    `SELECT * FROM events WHERE at >= date('now')`,
    'SELECT * FROM slowest_tools LIMIT 10',
    `SELECT * FROM agents WHERE session_id = 's' ORDER BY started_at`,
    `SELECT * FROM checkpoints WHERE session_id = 's' ORDER BY at`,
    `SELECT * FROM session_logs WHERE session_id = 's' ORDER BY at`,
    `SELECT * FROM sessions ORDER BY started_at DESC LIMIT 10`,
  ];
  for (const question of questions) {
    const plan = db.rows(`EXPLAIN QUERY PLAN ${question}`).map((row) => row.detail);
    assert.match(plan.join('; '), /USING (COVERING )?INDEX/, question);
    assert.doesNotMatch(plan.join('; '), /TEMP B-TREE/, question);
  }
});
