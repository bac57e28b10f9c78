/**
 * SIGKILL of queue-sync: at each of its system calls, and at random while programs in Python and bash append, some of
 * which keep their file open. Each row is there once, and each line in exactly one of the output files.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compare, FULL, faultRun, SEED } from '../support/faults.ts';
import { DIST, type Project, project, projectWithin, waitFor } from '../support/project.ts';
import { background, execute, noStrace, unless } from '../support/queue.ts';
import {
  CHANGING,
  describe,
  inLanes,
  killAt,
  pointsOf,
  pointsToTry,
  SYNCING,
  strike,
} from '../support/sweep.ts';
import {
  assertEmpty,
  fill,
  idsIn,
  line,
  type Queue,
  recordsOf,
  settledIn,
  sync,
  withQueue,
} from '../support/sync.ts';

const SYNC = [process.execPath, join(DIST, 'queue-sync'), '--once'];
const CALLS = [...CHANGING, ...SYNCING];
const POINTS = 16;

const GOOD = [1, 2, 3, 4, 5];
const LINES = [
  line(1),
  line(2, { hash_fields: ['id'] }),
  'no json',
  line(3),
  '{"data":{"id":99}}',
  line(4, { content_hash: 'h4' }),
];

function prepare(outer: Project, name: string): { self: Project; queue: Queue; args: string[] } {
  const self = projectWithin(outer, name);
  const queue = withQueue(self);
  fill(queue, `${LINES.join('\n')}\n${line(5)}`);
  return { self, queue, args: ['--queue-dir', queue.dir, '--db', self.db] };
}

function assertExact(self: Project, queue: Queue, context: string): void {
  assert.deepEqual(idsIn(self), GOOD, `${context}: the rows`);
  const { log, error, failed, all } = settledIn(queue);
  assert.deepEqual(log.sort(), [...LINES.filter((_, at) => at !== 2 && at !== 4), line(5)].sort(), context);
  assert.deepEqual([error, failed, all], [['no json'], [LINES[4]], [LINES[4]]], context);
  assert.deepEqual(self.rows('SELECT * FROM _queue_sync'), [], `${context}: the books`);
  assertEmpty(queue, context);
}

test('queue-sync is killed at each call', { skip: noStrace() }, (t) =>
  faultRun(t, async ({ random, count }) => {
    const outer = project(t);
    const model = prepare(outer, 'model');
    const points = pointsToTry(random, await pointsOf(model.self, CALLS, [...SYNC, ...model.args]), POINTS);
    assertExact(model.self, model.queue, 'the model run');
    await inLanes(points, async (point, index) => {
      const context = describe(killAt(point));
      const { self, queue, args } = prepare(outer, `sync-${index}`);
      const { struck } = await strike(self, killAt(point), [...SYNC, ...args]);
      count({ entries: LINES.length + 1, kills: struck.length > 0 ? 1 : 0 });
      const last = await self.run('queue-sync', ['--once', ...args]);
      assert.ok(last.code === 0 || last.code === 3, `${context}: ${last.stderr}`);
      assertExact(self, queue, context);
    });
  }),
);

test('a replay of failures is killed at each call', { skip: noStrace() }, (t) =>
  faultRun(t, async ({ random, count }) => {
    const outer = project(t);
    const failing = async (name: string): Promise<ReturnType<typeof prepare>> => {
      const made = prepare(outer, name);
      await made.self.run('queue-sync', ['--once', ...made.args]);
      // Now the line that failed can be applied.
      const anew =
        'ALTER TABLE events RENAME TO was; CREATE TABLE events(id INTEGER PRIMARY KEY, name, extra)';
      execute(made.self, `${anew}; INSERT INTO events SELECT * FROM was; DROP TABLE was`);
      return made;
    };
    const model = await failing('model');
    const commandOf = (args: string[]): string[] => [...SYNC, '--replay-failed', ...args];
    const points = pointsToTry(random, await pointsOf(model.self, CALLS, commandOf(model.args)), POINTS);
    await inLanes(points, async (point, index) => {
      const context = describe(killAt(point));
      const { self, queue, args } = await failing(`replay-${index}`);
      const { struck } = await strike(self, killAt(point), commandOf(args));
      count({ entries: 1, kills: struck.length > 0 ? 1 : 0 });
      await sync(self, queue, 0, '--replay-failed');
      assert.deepEqual(idsIn(self), [...GOOD, 99], context);
      assert.equal(settledIn(queue).log.filter((text) => text === LINES[4]).length, 1, context);
      assert.deepEqual(
        [recordsOf(queue, 'events_queue.failed.jsonl'), recordsOf(queue, 'queue.failed.jsonl')],
        [[], []],
        context,
      );
      assert.equal(recordsOf(queue, 'events_queue.failed.jsonl.bak').length, 1, context);
      assert.equal(recordsOf(queue, 'queue.failed.jsonl.bak').length, 1, context);
      assertEmpty(queue, context);
    });
  }),
);

const BASH_REOPENING = `for ((i = $2; i < $2 + $3; i++)); do
  printf '{"data":{"id":%d,"name":"%s"}}\\n' "$i" "$4" >>"$1"; ((i % 40)) || read -rt 0.02 <> <(:); done; :`;
const BASH_HOLDING = `exec 3>>"$1"; for ((i = $2; i < $2 + $3; i++)); do
  printf '{"data":{"id":%d,"name":"%s"}}\\n' "$i" "$4" >&3; ((i % 40)) || read -rt 0.02 <> <(:); done; :`;
const PYTHON = `
import json, sys, time
path, first, count, name, holds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5] == 'holding'
file = open(path, 'a') if holds else None
for i in range(first, first + count):
    target = file or open(path, 'a')
    text = json.dumps({'table': 'events', 'data': {'id': i, 'name': name}, 'hash_fields': ['id']}) + '\\n'
    # In two parts now and then, a line that is being written: that needs a file of one's own.
    cut = len(text) // 2 if i % 7 == 0 else len(text)
    target.write(text[:cut]); target.flush(); target.write(text[cut:]); target.flush()
    if not holds: target.close()
    if i % 40 == 0: time.sleep(0.02)
`;
const noPython = (): string | false => unless('python3', ['-c', ''], 'python3');

test('SIGKILL again and again while Python and bash append', { skip: noPython() }, (t) =>
  faultRun(t, async ({ random, count }) => {
    const self = project(t);
    const queue = withQueue(self);
    const each = FULL ? 5000 : 600;
    const kills = FULL ? 60 : 8;
    const producers = [
      ['bash', ['-c', BASH_REOPENING, 'bash', queue.file, '10000', String(each), 'reopening bash']],
      ['bash', ['-c', BASH_HOLDING, 'bash', queue.file, '20000', String(each), 'holding bash']],
      [
        'python3',
        [
          '-c',
          PYTHON,
          join(queue.dir, 'parts_queue.jsonl'),
          '30000',
          String(each),
          'reopening python',
          'reopening',
        ],
      ],
      [
        'python3',
        [
          '-c',
          PYTHON,
          join(queue.dir, 'held_queue.jsonl'),
          '40000',
          String(each),
          'holding python',
          'holding',
        ],
      ],
    ] as const;
    const running = producers.map(([command, args]) => background(t, self, command, args));
    for (let kill = 0; kill < kills; kill++) {
      const child = background(t, self, join(DIST, 'queue-sync'), [
        ...['--queue-dir', queue.dir, '--db', self.db, '--interval', '0.1', '--watch'],
      ]);
      const holder = join(queue.dir, '.sync.pid');
      await waitFor('the sync to be at work', () => {
        return existsSync(holder) && readFileSync(holder, 'latin1') === `${child.pid}\n`;
      });
      await new Promise((done) => setTimeout(done, random.below(500)));
      process.kill(child.pid, 'SIGKILL');
      await child.ended;
    }
    for (const { ended, text } of running) assert.equal(await ended, 0, text());
    await sync(self, queue);
    const expected = [10000, 20000, 30000, 40000].flatMap((first) =>
      Array.from({ length: each }, (_, i) => String(first + i)),
    );
    const rows = self.rows('SELECT id FROM events').map(({ id }) => String(id));
    const logs = settledIn(queue).log.map((text) =>
      String((JSON.parse(text) as { data: { id: number } }).data.id),
    );
    const { lost, duplicated } = compare(expected, rows);
    count({ entries: expected.length, kills, lost: lost.length, duplicated: duplicated.length });
    assert.deepEqual({ lost, duplicated }, { lost: [], duplicated: [] }, `the rows (seed ${SEED})`);
    assert.deepEqual(compare(expected, logs), { lost: [], duplicated: [] }, 'queue.log.bak');
    const others = readdirSync(queue.dir).filter((name) => !name.startsWith('.'));
    assert.deepEqual(others, ['queue.log.bak']);
    assertEmpty(queue);
  }),
);
