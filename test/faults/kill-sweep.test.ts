/**
 * SIGKILL at every system call: of a worker that applies a batch with entries of every kind, of the recovery after
 * that, of a large drain's second thread, and of producers. Afterwards every entry is applied once and in order, the
 * journal has it once, and nothing is left lying about; what a producer acknowledged is there, and nothing is torn.
 *
 * The points are the calls that change files: at any other a dead process leaves the same state, and only the long
 * form takes those as well. The bounded form takes a sample with every kind of call and file.
 */
import assert from 'node:assert/strict';
import { lutimesSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { type Batch, batchWithin, finish, settleAccount } from '../support/batch-of-all-kinds.ts';
import { compare, type FaultRun, FULL, faultRun } from '../support/faults.ts';
import { fakeWorker } from '../support/producer.ts';
import { PRODUCER_NAMES, PRODUCERS } from '../support/producers.ts';
import {
  DIST,
  type Project,
  processesNaming,
  project,
  projectWithin,
  QUEUE_LIB,
  type Result,
  waitFor,
} from '../support/project.ts';
import { entryText, letter, logged, logs, noStrace, put, withLog } from '../support/queue.ts';
import {
  CHANGING,
  describe,
  inLanes,
  killAt,
  type Point,
  pointsOf,
  pointsToTry,
  SYNCING,
  strike,
} from '../support/sweep.ts';

const WORKER = [process.execPath, join(DIST, 'queue-worker'), 'run', '--once'];
const CALLS = [...CHANGING, ...SYNCING, ...(FULL ? ['read', 'pread64'] : [])];

/** Runs the batch with a kill at each of the points; `prepare` is what happens to it before. */
async function sweep(
  outer: Project,
  label: string,
  points: readonly Point[],
  count: FaultRun['count'],
  prepare: (batch: Batch) => Promise<void> = async () => {},
): Promise<void> {
  let kills = 0;
  await inLanes(points, async (point, index) => {
    const context = `${label} ${describe(killAt(point))}, in the model ${point.line}`;
    const batch = batchWithin(outer, `${label}-${index}`);
    await prepare(batch);
    const { struck } = await strike(batch.self, killAt(point), WORKER);
    await finish(batch, context);
    count(settleAccount(batch, context));
    if (struck.length > 0) kills += 1;
  });
  count({ kills });
  // On a busy machine a run makes a few calls more or fewer than the model.
  assert.ok(kills > points.length * 0.6, `${kills} of ${points.length} points were reached`);
}

test('a worker is killed at each call of a run', { skip: noStrace() }, (t) =>
  faultRun(t, async ({ random, count }) => {
    const outer = project(t);
    const model = batchWithin(outer, 'model');
    const points = await pointsOf(model.self, CALLS, WORKER);
    await finish(model, 'the model');
    settleAccount(model, 'the model');
    await sweep(outer, 'run', pointsToTry(random, points, 50), count);
  }),
);

test('a worker is killed at each call of the recovery from a kill', { skip: noStrace() }, (t) =>
  faultRun(t, async ({ random, count }) => {
    const outer = project(t);
    const first = batchWithin(outer, 'first');
    const points = await pointsOf(first.self, CALLS, WORKER);
    // Committed and not journaled; journaled and not gone from pending/.
    const journal = points.findIndex(({ call, line }) => call === 'write' && line.includes('/completed/'));
    const unlink = points.findLastIndex(({ call, line }) => call === 'unlink' && line.includes('/pending/'));
    for (const [label, index] of Object.entries({ journal, unlink })) {
      const death = points[index];
      assert.ok(death, `the trace shows the ${label}`);
      const kill = async (batch: Batch): Promise<void> => {
        const { struck } = await strike(batch.self, killAt(death), WORKER);
        assert.ok(struck.length > 0, `it is killed at the ${label}`);
        count({ kills: 1 });
      };
      const model = batchWithin(outer, `model-${label}`);
      await kill(model);
      const recovery = await pointsOf(model.self, CALLS, WORKER);
      await sweep(outer, `recovery-${label}`, pointsToTry(random, recovery, 8), count, kill);
    }
  }),
);

test('a worker is killed while its second thread unlinks and reads ahead', { skip: noStrace() }, (t) =>
  faultRun(t, async ({ random, count }) => {
    const outer = project(t);
    // The main thread unlinks a manifest a batch: what comes to numbers like these is the other thread.
    const whens = FULL ? [60, 200, 777, 1300, 2100] : [100 + random.below(1500)];
    const faults = whens.flatMap((when) =>
      (FULL ? ['unlink', 'openat'] : ['unlink']).map((call) => ({
        kind: 'signal=SIGKILL',
        call,
        when: `${when}`,
      })),
    );
    for (const [index, fault] of faults.entries()) {
      const self = projectWithin(outer, String(index));
      withLog(self);
      const names = Array.from({ length: 5100 }, (_, i) => `05_${1_700_000_000_000_000 + i}_1.json`);
      for (const name of names) put(self, entryText(logs(name)), name);
      const { struck } = await strike(self, fault, WORKER);
      assert.ok(struck.length > 0, describe(fault));
      assert.equal((await self.run('queue-worker', ['run', '--once'])).code, 0, describe(fault));
      const rows = logged(self) as string[];
      const { lost, duplicated } = compare(names, rows);
      count({ entries: names.length, kills: 1, lost: lost.length, duplicated: duplicated.length });
      assert.deepEqual([lost, duplicated], [[], []], describe(fault));
      assert.deepEqual(rows, names, describe(fault));
      assert.deepEqual(
        self.journal().map((line) => line.name),
        names,
        describe(fault),
      );
      for (const directory of ['pending', 'processing', 'failed', '.tmp'] as const) {
        assert.deepEqual(self.names(directory), [], `${describe(fault)}: ${directory}/`);
      }
    }
  }),
);

for (const name of PRODUCER_NAMES) {
  test(`a producer is killed at each call: ${name}`, { skip: noStrace() }, (t) =>
    faultRun(t, async ({ random, count }) => {
      const outer = project(t);
      const command = PRODUCERS[name];
      const self = projectWithin(outer, 'spool');
      withLog(self);
      const model = projectWithin(outer, 'model');
      withLog(model);
      fakeWorker(model);
      const points = await pointsOf(model, CALLS, command('model'));
      assert.ok(points.length >= 2, 'the trace shows the write');
      // One spool for all: each has to do with what the killed ones before it left.
      const written: { text: string; isSure: boolean }[] = [];
      for (const point of pointsToTry(random, points, 50)) {
        fakeWorker(self);
        const text = describe(killAt(point)).replaceAll(' ', '-');
        const { struck, stdout } = await strike(self, killAt(point), command(text));
        count({ kills: struck.length > 0 ? 1 : 0 });
        const later = await laterWrite(self, `after-${text}`);
        assert.deepEqual([later.code, later.stderr], [0, ''], `after ${text}`);
        written.push({ text, isSure: stdout !== '' }, { text: `after-${text}`, isSure: true });
      }
      await finishTorn(self);
      const rows = logged(self) as string[];
      const expected = written
        .filter(({ text, isSure }) => isSure || rows.includes(text))
        .map(({ text }) => text);
      const { lost, duplicated } = compare(expected, rows);
      count({ entries: written.length, lost: lost.length, duplicated: duplicated.length });
      assert.deepEqual([lost, duplicated], [[], []], 'what was acknowledged, and perhaps others, once');
      assert.deepEqual(rows, expected, 'in order');
    }),
  );
}

for (const name of [
  "queue-write's Node half, durable",
  'the bash library, with a value in a file',
] as const) {
  test(
    `a producer that makes its spool is killed at each call, or the worker it starts: ${name}`,
    {
      skip: noStrace(),
    },
    (t) =>
      faultRun(t, async ({ random, count }) => {
        const outer = project(t);
        const command = PRODUCERS[name];
        const place = (directory: string): Project => {
          const self = projectWithin(outer, directory, { QUEUE_IDLE_EXIT: '0.2' });
          mkdirSync(join(self.dir, '.hive-mind'));
          const db = new Database(self.db);
          db.exec('CREATE TABLE log(n INTEGER PRIMARY KEY, t)');
          db.close();
          return self;
        };
        const points = await pointsOf(place('model'), CALLS, command('model'));
        await inLanes(pointsToTry(random, points, 12), async (point, index) => {
          const context = `${describe(killAt(point))}, in the model ${point.line}`;
          const self = place(String(index));
          const { struck, stdout } = await strike(self, killAt(point), command('first'));
          count({ kills: struck.length > 0 ? 1 : 0 });
          const later = await self.run('bash', [
            '-c',
            '. "$1"; queue_db_write "$2"',
            'test',
            QUEUE_LIB,
            logs('later'),
          ]);
          assert.deepEqual([later.code, later.stderr], [0, ''], context);
          await waitFor('the worker of the later one to leave', () => processesNaming(self.dir).length === 0);
          await finishTorn(self);
          const rows = logged(self);
          count({ entries: 2, lost: rows.includes('later') ? 0 : 1 });
          const isSure = stdout !== '' || rows.includes('first');
          assert.deepEqual(rows, isSure ? ['first', 'later'] : ['later'], context);
        });
      }),
  );
}

/** What another producer does after that: it must not mind. */
function laterWrite(self: Project, text: string): Promise<Result> {
  return self.run('bash', ['-c', '. "$1"; queue_db_write "$2"', 'test', QUEUE_LIB, logs(text)]);
}

/** Bash writes in pending/ itself: what a killed one left without its newline is set aside as torn, and nothing else. */
async function finishTorn(self: Project): Promise<void> {
  const then = Date.now() / 1000 - 3600;
  for (const directory of ['pending', 'values', '.tmp'] as const) {
    for (const name of self.names(directory)) lutimesSync(join(self.spool, directory, name), then, then);
  }
  const result = await self.run('queue-worker', ['run', '--once']);
  assert.ok(result.code === 0 || result.code === 3, result.stderr);
  for (const name of self.names('failed').filter((file) => !file.endsWith('.why'))) {
    assert.match(letter(self, name).message, /it is torn: its writer stopped/);
  }
  for (const directory of ['pending', 'processing', '.tmp'] as const) {
    assert.deepEqual(self.names(directory), [], `${directory}/`);
  }
  // A dead letter keeps its values for as long as it is there.
  const failed = self.names('failed');
  const values = self
    .names('values')
    .filter((name) => !failed.includes(name.slice(0, name.lastIndexOf('.'))));
  assert.deepEqual(values, [], 'values/');
}
