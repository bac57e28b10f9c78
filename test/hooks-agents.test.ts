/** Agents: whatever arrives of a subagent, in whatever order, becomes one row a subagent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  HookDatabase,
  type Input,
  iso,
  type Payload,
  permutations,
  SESSION,
  sample,
  someOrders,
} from './support/hooks.ts';

const ROWS = 'SELECT * FROM agents ORDER BY tool_use_id, agent_id, session_id';
const T0 = 1_767_328_963;

/** Without the number of the row, which is of no meaning. */
function rowsOf(db: HookDatabase, inputs: readonly Input[]): Payload[] {
  return db.after(inputs, ROWS).map(({ agent_row, ...row }) => row);
}

function agent(hook: Payload, at: number): Input {
  return { task: 'agent', hook, at: T0 + at };
}

interface Case {
  call?: string;
  run?: string;
  from?: number;
}

const TOOL = { tool_name: 'Agent', tool_input: sample('PostToolUse.Agent').tool_input as Payload };

/** The four events of a call in the foreground, from second `from` on: 10 s in all. */
function foreground({ call = 'toolu_1', run = 'a1', from = 0 }: Case = {}): Input[] {
  const response = { ...(sample('PostToolUse.Agent').tool_response as Payload), agentId: run };
  return [
    agent({ ...sample('PreToolUse.Bash'), ...TOOL, tool_use_id: call }, from),
    agent(sample('SubagentStart', { agent_id: run }), from + 1),
    agent(sample('SubagentStop', { agent_id: run }), from + 9),
    agent(
      sample('PostToolUse.Agent', {
        tool_use_id: call,
        duration_ms: 10_000,
        tool_response: { ...response, totalDurationMs: 8000, totalTokens: 23 },
      }),
      from + 10,
    ),
  ];
}

/** The same in the background: the call is back after half a second. */
function background({ call = 'toolu_2', run = 'a2', from = 0 }: Case = {}): Input[] {
  const [before, start, stop, after] = foreground({ call, run, from }) as [Input, Input, Input, Input];
  const back: Input = {
    ...after,
    at: T0 + from + 0.5,
    hook: {
      ...(after.hook as Payload),
      duration_ms: 500,
      tool_input: { ...TOOL.tool_input, run_in_background: true },
      tool_response: { status: 'async_launched', agentId: run, description: 'count the tests' },
    },
  };
  return [before, back, start, stop];
}

const WHOLE: Payload = {
  session_id: SESSION,
  tool_use_id: 'toolu_1',
  agent_id: 'a1',
  parent_agent_id: null,
  agent_type: 'general-purpose',
  description: 'count the tests',
  model: 'model-name',
  background: 0,
  started_at: iso(T0),
  ended_at: iso(T0 + 10),
  reported_ms: 8000,
  tokens: 23,
  tool_uses: 1,
  transcript_path: sample('SubagentStop').agent_transcript_path,
  error: null,
  status: 'completed',
  duration_ms: 8000,
};

test('the sample payloads: one row, field by field, in every order', () => {
  const db = new HookDatabase();
  for (const order of permutations(foreground())) assert.deepEqual(rowsOf(db, order), [WHOLE]);
});

test('any part of the events, in every order, gives the same rows; two only while nothing joins them', () => {
  const db = new HookDatabase();
  for (const events of [foreground(), background()]) {
    const [before, after] = events[1]?.hook && 'tool_use_id' in (events[1].hook as Payload) ? [0, 1] : [0, 3];
    for (let mask = 1; mask < 16; mask++) {
      const part = events.filter((_, index) => mask & (1 << index));
      const has = (index: number) => (mask & (1 << index)) !== 0;
      const isJoined = has(after) || !has(before) || part.length === 1;
      const expected = rowsOf(db, part);
      assert.equal(expected.length, isJoined ? 1 : 2, `events ${mask.toString(2)}`);
      for (const order of permutations(part)) assert.deepEqual(rowsOf(db, order), expected);
    }
  }
});

test('an agent in the background is running until its own stop, not until the call is back', () => {
  const db = new HookDatabase();
  const events = background();
  const [running] = rowsOf(db, events.slice(0, 3));
  assert.deepEqual(
    [running?.status, running?.background, running?.ended_at, running?.duration_ms],
    ['running', 1, null, null],
  );
  for (const order of permutations(events)) {
    const [row, ...more] = rowsOf(db, order);
    assert.equal(more.length, 0);
    assert.deepEqual(
      [row?.status, row?.background, row?.started_at, row?.ended_at, row?.duration_ms],
      ['completed', 1, iso(T0), iso(T0 + 9), 9000],
    );
  }
});

test('agents of one type in parallel, in the foreground and the background, in another session too', () => {
  const db = new HookDatabase();
  const other = (input: Input): Input => ({
    ...input,
    hook: { ...(input.hook as Payload), session_id: 'another' },
  });
  const events = [
    ...foreground(),
    ...foreground({ call: 'toolu_9', run: 'a9', from: 0.001 }),
    ...background({ from: 2 }),
    ...foreground().map(other),
  ];
  const expected = rowsOf(db, events);
  assert.deepEqual(
    expected.map((row) => [row.session_id, row.tool_use_id, row.agent_id, row.status, row.started_at]),
    [
      [SESSION, 'toolu_1', 'a1', 'completed', iso(T0)],
      ['another', 'toolu_1', 'a1', 'completed', iso(T0)],
      [SESSION, 'toolu_2', 'a2', 'completed', iso(T0 + 2)],
      [SESSION, 'toolu_9', 'a9', 'completed', iso(T0 + 0.001)],
    ],
  );
  for (const order of someOrders(events, 400)) assert.deepEqual(rowsOf(db, order), expected);
});

test('a call that fails has an error; the run that it never named stays a row of its own', () => {
  const db = new HookDatabase();
  const [before, start, stop] = foreground() as [Input, Input, Input];
  const failure = agent(
    { ...sample('PostToolUseFailure.Bash'), ...TOOL, tool_use_id: 'toolu_1', duration_ms: 4000 },
    4,
  );
  for (const order of permutations([before, failure])) {
    const [row, ...more] = rowsOf(db, order);
    assert.equal(more.length, 0);
    assert.deepEqual(
      [row?.status, row?.error, row?.started_at, row?.ended_at, row?.duration_ms],
      ['failed', sample('PostToolUseFailure.Bash').error, iso(T0), iso(T0 + 4), 4000],
    );
  }
  const expected = rowsOf(db, [before, start, stop, failure]);
  assert.equal(expected.length, 2);
  for (const order of permutations([before, start, stop, failure]))
    assert.deepEqual(rowsOf(db, order), expected);
});

test('a subagent that starts another is its parent; the payload of a call names the caller', () => {
  const db = new HookDatabase();
  const nested = foreground({ call: 'toolu_3', run: 'a3', from: 2 }).map((input) => {
    const hook = input.hook as Payload;
    return 'tool_use_id' in hook ? { ...input, hook: { ...hook, agent_id: 'a1' } } : input;
  });
  for (const order of someOrders([...foreground(), ...nested], 100)) {
    assert.deepEqual(
      rowsOf(db, order).map((row) => [row.tool_use_id, row.agent_id, row.parent_agent_id]),
      [
        ['toolu_1', 'a1', null],
        ['toolu_3', 'a3', 'a1'],
      ],
    );
  }
});

test('a second call of the same agent is a row of its own, and every event comes twice without harm', () => {
  const db = new HookDatabase();
  const again = foreground({ call: 'toolu_4', from: 20 }).filter((_, index) => index === 0 || index === 3);
  for (const order of someOrders([...foreground(), ...again], 100)) {
    const rows = rowsOf(db, order);
    assert.deepEqual(
      rows.map((row) => row.tool_use_id),
      ['toolu_1', 'toolu_4'],
    );
    assert.equal(rows.filter((row) => row.agent_id === 'a1').length, 1);
  }
  for (const order of someOrders([...foreground(), ...foreground()], 50)) {
    assert.deepEqual(rowsOf(db, order), [WHOLE]);
  }
});

test('what is no agent event is logged, and makes no row', () => {
  const db = new HookDatabase();
  const odd: [Payload, string][] = [
    [sample('PostToolUse.Bash'), 'agent: PostToolUse'],
    [sample('Stop'), 'agent: Stop'],
    [sample('SubagentStart', { hook_event_name: 'SubagentPause' }), 'agent: SubagentPause'],
    [sample('SubagentStart', { agent_id: undefined }), 'agent: SubagentStart without an id'],
    [
      sample('PostToolUse.Agent', { tool_use_id: '', tool_response: 'text' }),
      'agent: PostToolUse without an id',
    ],
    [{ session_id: SESSION }, 'agent: unnamed'],
    [sample('SubagentStart', { session_id: undefined }), 'agent: SubagentStart'],
  ];
  for (const [hook, message] of odd) {
    const input = agent(hook, 0);
    assert.deepEqual(db.after([input], 'SELECT kind, message, payload FROM session_logs'), [
      { kind: 'unexpected', message, payload: JSON.stringify(hook) },
    ]);
    assert.deepEqual(rowsOf(db, [input]), []);
  }
});

test('fields of odd types do no harm', () => {
  const db = new HookDatabase();
  const hook = sample('PostToolUse.Agent', {
    duration_ms: 'long',
    tool_input: [],
    tool_response: {
      agentId: 7,
      totalTokens: {},
      totalDurationMs: 1e300,
      totalToolUseCount: null,
      status: [1],
    },
  });
  const [row] = rowsOf(db, [agent(hook, 0)]);
  assert.deepEqual([row?.agent_id, row?.tokens, row?.tool_uses, row?.status], ['7', null, null, 'completed']);
});

test('agent_timeline tells which agents ran beside each other', () => {
  const db = new HookDatabase();
  for (const input of [
    ...foreground(),
    ...background({ from: 2 }),
    ...foreground({ call: 't', run: 'r', from: 30 }),
  ])
    db.put(input);
  assert.deepEqual(
    db.rows('SELECT started_at, duration_ms, status, background, beside FROM agent_timeline'),
    [
      { started_at: iso(T0), duration_ms: 8000, status: 'completed', background: 0, beside: 0 },
      { started_at: iso(T0 + 2), duration_ms: 9000, status: 'completed', background: 1, beside: 1 },
      { started_at: iso(T0 + 30), duration_ms: 8000, status: 'completed', background: 0, beside: 0 },
    ],
  );
});
