/** The order in which entries are applied, what the journal keeps of them, and that each is applied once. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { project, waitFor, workerPid } from './support/project.ts';
import {
  drained,
  ended,
  entryText,
  logged,
  logs,
  nameOf,
  nodeWrite,
  once,
  put,
  putEntry,
  startWorker,
  stopWorker,
  withLog,
  write,
} from './support/queue.ts';

test('what was spooled while no worker ran is applied by priority, 10 after 2', async (t) => {
  const self = project(t);
  withLog(self);
  for (const priority of [10, 3, 1, 7, 2, 9, 4, 8, 6, 5]) {
    await write(self, '-p', String(priority), logs(String(priority)));
  }
  await once(self);
  assert.deepEqual(logged(self), ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10']);
});

test('within a priority entries are applied in the order of their writing', async (t) => {
  const self = project(t);
  withLog(self);
  const texts = Array.from({ length: 12 }, (_, index) => String(index));
  for (const text of texts) await write(self, logs(text));
  await once(self);
  assert.deepEqual(logged(self), texts);
});

test('the byte order of the names decides, not the order of their arrival', async (t) => {
  const self = project(t);
  withLog(self);
  put(self, entryText(logs('b')), nameOf(5, 1_700_000_000_000_002));
  put(self, entryText(logs('c')), nameOf(5, 1_700_000_000_000_010));
  put(self, entryText(logs('a')), nameOf(5, 1_700_000_000_000_001));
  put(self, entryText(logs('z')), '10_1600000000000000_1.json');
  await once(self);
  assert.deepEqual(logged(self), ['a', 'b', 'c', 'z']);
});

test('an urgent entry that comes while a backlog is drained is applied before the rest of it', async (t) => {
  const self = project(t, { QUEUE_BATCH_SIZE: '10', QUEUE_POLL_INTERVAL: '0.01' });
  withLog(self);
  for (let i = 0; i < 3000; i++) putEntry(self, logs('backlog'), { priority: 9 });
  const worker = await startWorker(self);
  await waitFor('the first rows', () => logged(self).length > 0);
  // It must not be done before the urgent one has come, however late this process gets to stop it.
  process.kill(worker, 'SIGSTOP');
  for (let i = 0; i < 1000; i++) putEntry(self, logs('backlog'), { priority: 9 });
  await write(self, '-p', '1', logs('urgent'));
  process.kill(worker, 'SIGCONT');
  await drained(self);
  const at = logged(self).indexOf('urgent');
  assert.ok(at !== -1 && at < 3500, `it came as number ${at}`);
});

test('QUEUE_AGING lets an old entry of a lower priority overtake a new one; without it, it does not', async (t) => {
  const now = Date.now() * 1000;
  for (const [aging, expected] of [
    ['0', ['new 06', 'old 07']],
    ['60', ['old 07', 'new 06']],
  ] as const) {
    await t.test(`QUEUE_AGING=${aging}`, async (t) => {
      const self = project(t, { QUEUE_AGING: aging });
      withLog(self);
      put(self, entryText(logs('old 07')), nameOf(7, now - 150_000_000));
      put(self, entryText(logs('new 06')), nameOf(6, now - 1));
      await once(self);
      assert.deepEqual(logged(self), expected);
    });
  }
});

test('the journal keeps each applied entry as it was written, once, in the order of applying', async (t) => {
  const self = project(t);
  withLog(self);
  await write(self, '--param', 'x=ä', '-m', '{"k":[1]}', '-p', '9', 'INSERT INTO log(t) VALUES(:x)', 'late');
  await write(self, '-p', '1', '--id', 'mine', logs('b'), 'early');
  const foreign = putEntry(self, logs('c'), { priority: 10, x_trace: { a: 1 } });
  await once(self);
  const lines = self.journal();
  assert.deepEqual(
    lines.map((line) => line.operation),
    ['early', 'late', 'write'],
  );
  assert.deepEqual([lines[1]?.params, lines[1]?.metadata], [{ x: 'ä' }, { k: [1] }]);
  assert.deepEqual([lines[2]?.name, lines[2]?.x_trace], [foreign, { a: 1 }]);
  const keys = self.rows('SELECT id FROM _queue_ledger').map((row) => row.id);
  assert.deepEqual(lines.map((line) => line.key).sort(), keys.sort());
  assert.equal(lines[0]?.key, 'mine');
  for (const line of lines) assert.ok(Date.parse(line.applied_at as string) <= Date.now());
});

test('the older form, pretty-printed and without most keys, is taken as it is', async (t) => {
  const self = project(t);
  withLog(self);
  const name = put(
    self,
    `${JSON.stringify({ sql: logs('old, "form"\n') }, null, 2)}\n`,
    '03_some-seq.1.json',
  );
  await once(self);
  assert.deepEqual(logged(self), ['old, "form"\n']);
  const [line] = self.journal();
  assert.deepEqual([line?.name, line?.sql], [name, logs('old, "form"\n')]);
});

test('QUEUE_EXACTLY_ONCE=false keeps no ledger; the entries are applied and journaled', async (t) => {
  const self = project(t, { QUEUE_EXACTLY_ONCE: 'false' });
  withLog(self);
  await write(self, logs('a'));
  await once(self);
  assert.deepEqual([logged(self), self.journal().length], [['a'], 1]);
  assert.deepEqual(self.rows("SELECT name FROM sqlite_schema WHERE name = '_queue_ledger'"), []);
});

test('an idle worker leaves, removes worker.pid, and the next write starts another', async (t) => {
  const self = project(t, { QUEUE_IDLE_EXIT: '0.2' });
  withLog(self);
  const pids: number[] = [];
  for (const text of ['a', 'b']) {
    assert.equal((await nodeWrite(self, [logs(text)])).code, 0);
    pids.push((await waitFor('a worker', () => workerPid(self))) as number);
    await drained(self);
    await ended(pids.at(-1) as number);
    assert.equal(workerPid(self), undefined, 'worker.pid is still there');
    assert.deepEqual(self.names('processing'), []);
  }
  assert.deepEqual(logged(self), ['a', 'b']);
  assert.notEqual(pids[0], pids[1]);
});

test('no entry is stranded by workers that leave as soon as they are idle', async (t) => {
  const self = project(t, { QUEUE_IDLE_EXIT: '0' });
  withLog(self);
  for (let i = 0; i < 12; i++) assert.equal((await nodeWrite(self, [logs(String(i))])).code, 0);
  await drained(self);
  assert.equal(logged(self).length, 12);
});

test('applied entries leave nothing in pending/, processing/, failed/ and .tmp', async (t) => {
  const self = project(t);
  withLog(self);
  for (let i = 0; i < 5; i++) await write(self, logs(String(i)));
  await startWorker(self);
  await drained(self);
  await stopWorker(self);
  for (const directory of ['pending', 'processing', 'failed', '.tmp'] as const) {
    assert.deepEqual(self.names(directory), [], directory);
  }
});

test('--once applies again nothing that the ledger has, when pending/ was restored from a backup', async (t) => {
  const self = project(t);
  withLog(self);
  const name = nameOf();
  const text = entryText(logs('a'));
  put(self, text, name);
  await once(self);
  put(self, text, name);
  await once(self);
  assert.deepEqual(logged(self), ['a']);
  assert.equal(self.journal().length, 1);
  rmSync(join(self.spool, 'stats.json'));
});
