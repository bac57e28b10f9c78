/**
 * An error from every system call, once and for good: of a worker that applies a batch with entries of every kind,
 * and of producers. The worker neither crashes nor hangs, and when the fault is gone the next one finds nothing lost,
 * repeated or in failed/ that has not deserved it. A producer that reports success has its entry applied once; one
 * that reports failure has not.
 *
 * EACCES is not injected where entries are read: it speaks of the file, and sends the entry to failed/ for good.
 */
import assert from 'node:assert/strict';
import { lutimesSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { batchWithin, finish, settleAccount } from '../support/batch-of-all-kinds.ts';
import { compare, FULL, faultRun, type Random } from '../support/faults.ts';
import { fakeWorker } from '../support/producer.ts';
import { PRODUCER_NAMES, PRODUCERS } from '../support/producers.ts';
import { DIST, project, projectWithin, waitFor } from '../support/project.ts';
import { letter, logged, logs, noStrace, once, putEntry, startNoWorker, withLog } from '../support/queue.ts';
import {
  describe,
  type Fault,
  inLanes,
  type Point,
  pointsOf,
  type Struck,
  someOf,
  strike,
} from '../support/sweep.ts';

const WORKER = [process.execPath, join(DIST, 'queue-worker'), 'run', '--once'];

const ERRORS: Readonly<Record<string, readonly string[]>> = {
  openat: ['EIO', 'EMFILE', 'EACCES', 'ENOSPC'],
  read: ['EIO'],
  pread64: ['EIO'],
  write: ['ENOSPC', 'EIO'],
  pwrite64: ['ENOSPC', 'EIO'],
  fsync: ['EIO'],
  fdatasync: ['EIO', 'ENOSPC'],
  rename: ['ENOSPC', 'EIO', 'EACCES'],
  link: ['ENOSPC', 'EIO', 'EACCES'],
  unlink: ['EIO', 'EACCES'],
  symlink: ['ENOSPC', 'EACCES'],
  ftruncate: ['EIO'],
  statx: ['EIO'],
  newfstatat: ['EIO'],
  getdents64: ['EIO'],
  fcntl: ['EIO'],
  inotify_add_watch: ['ENOSPC'],
};
/** Entries, their values, and the migrations that one names. */
const READ_FOR_AN_ENTRY = /\/((pending|values)\/\d|schema\.sql)/;
const CALLS = Object.keys(ERRORS);
/** Not for good: Node's threads wake each other with these, and it aborts when it can't ask for stdio's flags. */
const NODES_OWN = new Set(['read', 'write', 'fcntl']);

interface Case {
  readonly fault: Fault;
  readonly context: string;
}

/** Each point with the errors that fit it, once or for good; in the bounded form `count` of the points, an error each. */
function casesOf(random: Random, points: readonly Point[], suffix: '' | '+', count: number): Case[] {
  const possible = points.filter(({ call }) => suffix === '' || !NODES_OWN.has(call));
  const chosen = FULL ? possible : someOf(random, possible, count);
  return chosen.flatMap((point) => {
    const { call, when, line } = point;
    const fitting = (ERRORS[call] as readonly string[]).filter((error) => fits(point, error));
    const errors = FULL ? fitting : [random.pick(fitting)];
    return errors.map((error) => {
      const fault = { kind: `error=${error}`, call, when: `${when}${suffix}` };
      return { fault, context: `${describe(fault)}, in the model ${line}` };
    });
  });
}

function fits({ call, line }: Point, error: string): boolean {
  if (call !== 'openat') return true;
  const creates = line.includes('O_CREAT');
  if (error === 'ENOSPC') return creates;
  return error !== 'EACCES' || creates || !READ_FOR_AN_ENTRY.test(line);
}

/** It may give up, and say so, but in no other way. Node aborts where its own threads can't wake each other. */
function assertOrderly({ code, signal, stdout, stderr, struck }: Struck, context: string): void {
  const how = `${context}: code ${code}, signal ${signal}\n${stdout}${stderr}${struck.join('\n')}`;
  if (signal === 'SIGABRT' && struck.some((line) => line.includes('eventfd'))) return;
  assert.ok(signal === null && [0, 1, 3].includes(code as number), how);
  assert.doesNotMatch(stderr, /^\s+at .+:\d+|^Node\.js v/m, how);
}

function isRefusedToRead(line: string): boolean {
  return line.includes('EACCES') && READ_FOR_AN_ENTRY.test(line) && !line.includes('O_CREAT');
}

for (const [suffix, times, sample] of [
  ['', 'once', 45],
  ['+', 'for good', 20],
] as const) {
  test(`a worker gets an error ${times} from each call of a run`, { skip: noStrace() }, (t) =>
    faultRun(t, async ({ random, count }) => {
      const outer = project(t);
      const model = batchWithin(outer, 'model');
      const points = await pointsOf(model.self, CALLS, WORKER);
      await finish(model, 'the model');
      await inLanes(casesOf(random, points, suffix, sample), async ({ fault, context }, index) => {
        const batch = batchWithin(outer, String(index));
        const result = await strike(batch.self, fault, WORKER);
        assertOrderly(result, context);
        await finish(batch, context);
        // What this user may not read is set aside: the point was another call in the model.
        if (result.struck.some(isRefusedToRead)) return;
        count({ ...settleAccount(batch, context), faults: result.struck.length });
      });
    }),
  );
}

test(
  'a fault of the spool is no death: nothing becomes POISON by it, and --once leaves with 1 beside one that lasts',
  {
    skip: noStrace(),
  },
  (t) =>
    faultRun(t, async ({ count }) => {
      const outer = project(t);
      const places: readonly [string, string, string][] = [
        ['openat', 'EIO', 'pending/NAME'],
        ['read', 'EIO', 'pending/NAME'],
        ['pread64', 'EIO', 'pending/NAME'],
        ['openat', 'ENOSPC', 'processing/batch'],
        ['write', 'ENOSPC', 'processing/batch'],
        ['pwrite64', 'ENOSPC', 'processing/batch'],
        ['write', 'ENOSPC', 'completed/journal-00000001.jsonl'],
      ];
      let hit = 0;
      await inLanes(places, async ([call, error, file], index) => {
        const self = projectWithin(outer, `place-${index}`, { SQLITE_BUSY_TIMEOUT: '100' });
        withLog(self);
        const name = putEntry(self, logs('innocent'));
        const paths = [join(self.spool, file.replace('NAME', name))];
        const fault = { kind: `error=${error}`, call, when: '1+', paths };
        // As often as deaths with the entry in hand alone would make it POISON, and once more.
        for (let times = 0; times < 4; times++) {
          const result = await strike(self, fault, WORKER);
          assertOrderly(result, describe(fault));
          if (result.struck.length === 0) break;
          assert.equal(result.code, 1, `${describe(fault)}: ${result.stdout}`);
          count({ faults: result.struck.length });
          hit += 1;
        }
        await once(self);
        count({ entries: 1 });
        assert.deepEqual([logged(self), self.names('failed')], [['innocent'], []], describe(fault));
        assert.equal(self.journal().length, 1, describe(fault));
      });
      // Which of read and pread64, write and pwrite64 it is, is Node's choice.
      assert.ok(hit >= 5 * 4, `${hit} runs had the fault`);
    }),
);

test('--once leaves when both the database and the spool are full', { skip: noStrace() }, (t) =>
  faultRun(t, async ({ count }) => {
    const batch = batchWithin(project(t), 'batch');
    const fault = { kind: 'error=ENOSPC', call: 'pwrite64', when: '2+' };
    const result = await strike(batch.self, fault, WORKER);
    assert.equal(result.code, 1, result.stderr);
    await finish(batch, describe(fault));
    count({ ...settleAccount(batch, describe(fault)), faults: result.struck.length });
  }),
);

test('an entry whose temporary name can not be removed is written once', { skip: noStrace() }, (t) =>
  faultRun(t, async ({ count }) => {
    const self = projectWithin(project(t), 'spool');
    withLog(self);
    fakeWorker(self);
    const fault = { kind: 'error=EIO', call: 'unlink', when: '1+' };
    const result = await strike(self, fault, PRODUCERS['enqueue()']('a'));
    assert.equal(result.code, 0, result.stderr);
    await self.run('queue-worker', ['run', '--once']);
    count({ entries: 1, faults: result.struck.length });
    assert.deepEqual(logged(self), ['a']);
  }),
);

for (const name of PRODUCER_NAMES) {
  test(`a producer gets an error from each call, once and for good: ${name}`, { skip: noStrace() }, (t) =>
    faultRun(t, async ({ random, count }) => {
      const outer = project(t);
      const command = PRODUCERS[name];
      const model = projectWithin(outer, 'model');
      withLog(model);
      fakeWorker(model);
      const points = await pointsOf(model, CALLS, command('model'));
      for (const suffix of ['', '+'] as const) {
        const env = { SQLITE_BUSY_TIMEOUT: '200', QUEUE_IDLE_EXIT: '0.2' };
        const self = projectWithin(outer, `spool${suffix}`, env);
        withLog(self);
        // Without a worker.pid that can be read, one is started; with a fault for good it would never leave.
        if (suffix === '+') startNoWorker(self);
        const written: { text: string; isSure: boolean }[] = [];
        const cases = casesOf(random, points, suffix, 20);
        await inLanes(cases, async ({ fault, context }, index) => {
          fakeWorker(self);
          const text = `${index}:${describe(fault).replaceAll(' ', '-')}`;
          // Node, which the bash library asks when it fails, has pipes of its own, on which it hangs.
          const isAlone = name.startsWith('the bash library') && NODES_OWN.has(fault.call);
          const result = await strike(self, { ...fault, isAlone }, command(text));
          // Node itself may be unable to start, and says so in its own way.
          assert.ok(
            result.code === 0 || result.code === 1,
            `${context}: code ${result.code}\n${result.stderr}`,
          );
          count({ faults: result.struck.length });
          written.push({ text, isSure: result.code === 0 });
        });
        const then = Date.now() / 1000 - 3600;
        for (const directory of ['pending', 'values', '.tmp'] as const) {
          for (const file of self.names(directory))
            lutimesSync(join(self.spool, directory, file), then, then);
        }
        // A producer may have started one, which is at work.
        await waitFor('everything to be settled', async () => {
          await self.run('queue-worker', ['run', '--once']);
          return self.names('pending').length === 0;
        });
        const rows = logged(self) as string[];
        const sure = written.filter(({ isSure }) => isSure).map(({ text }) => text);
        const { lost, duplicated } = compare(sure, rows);
        count({ entries: written.length, lost: lost.length, duplicated: duplicated.length });
        assert.deepEqual({ lost, duplicated }, { lost: [], duplicated: [] });
        for (const file of self.names('failed').filter((other) => !other.endsWith('.why'))) {
          assert.match(letter(self, file).message, /it is torn: its writer stopped/);
        }
        assert.deepEqual([self.names('pending'), self.names('processing')], [[], []]);
      }
    }),
  );
}
