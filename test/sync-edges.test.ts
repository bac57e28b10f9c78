/** queue-sync where something changes beside it: writers, the database, the lock; and files that it can't take. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DIST, type Project, project, waitFor } from './support/project.ts';
import { AS_NOBODY, background, execute, noOtherUser, unless } from './support/queue.ts';
import {
  assertEmpty,
  fill,
  idsIn,
  line,
  linesOf,
  type Queue,
  recordsOf,
  sync,
  withQueue,
} from './support/sync.ts';

const MANY = 20_000;

/** Writes a line, hands the open file on to a child, and ends; so does the child, until STOP is there. */
const RELAY = `
import json, os, sys
queue, stop, done = sys.argv[1:]
fd = os.open(queue, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
written = 0
while not os.path.exists(stop):
    written += 1
    os.write(fd, (json.dumps({"data": {"id": written, "name": "x"}}) + "\\n").encode())
    if os.fork():
        os._exit(0)
open(done + '.tmp', 'w').write(str(written))
os.rename(done + '.tmp', done)
`;

test('a file that is handed from process to process is not lost sight of', {
  skip: unless('python3', ['-c', ''], 'python3'),
}, async (t) => {
  const self = project(t);
  const queue = withQueue(self);
  const [stop, done] = [join(self.dir, 'stop'), join(self.dir, 'done')];
  background(t, self, 'python3', ['-c', RELAY, queue.file, stop, done]);
  await waitFor('the first line', () => existsSync(queue.file) && statSync(queue.file).size > 0);
  try {
    for (let pass = 0; pass < 5; pass++) await sync(self, queue);
  } finally {
    writeFileSync(stop, '');
  }
  const written = Number(
    await waitFor('the last of them', () => existsSync(done) && readFileSync(done, 'utf8')),
  );
  await sync(self, queue);
  assert.deepEqual(
    idsIn(self),
    Array.from({ length: written }, (_, at) => at + 1),
  );
});

test('a database that is replaced while lines go into it gets all lines of the file', async (t) => {
  const self = project(t);
  const { queue, resume } = await stoppedWithin(t, self);
  for (const suffix of ['-wal', '-shm']) rmSync(self.db + suffix, { force: true });
  const other = join(self.dir, 'other.db');
  execute(self, 'CREATE TABLE events(id INTEGER PRIMARY KEY, name)', other);
  renameSync(other, self.db);
  assert.equal((await resume()).code, 0);
  assert.equal(idsIn(self).length, MANY);
  assertEmpty(queue);
});

test('a sync whose lock is removed stops; the next one goes on', async (t) => {
  const self = project(t);
  const { queue, resume } = await stoppedWithin(t, self);
  rmSync(join(queue.dir, '.sync.lock'));
  const { code, text } = await resume();
  assert.deepEqual([code, /\.sync\.lock was removed or replaced/.test(text)], [1, true], text);
  await sync(self, queue);
  assert.equal(idsIn(self).length, MANY);
  assert.equal(linesOf(queue, 'queue.log.bak').length, MANY);
  assertEmpty(queue);
});

test('a file that can not be taken is named, and keeps no other waiting', {
  skip: noOtherUser(),
}, async (t) => {
  const self = project(t);
  const queue = withQueue(self);
  const secret = join(queue.dir, 'a_queue.jsonl');
  const long = join(queue.dir, `${'b'.repeat(214)}_queue.jsonl`);
  for (const path of [secret, long, queue.file]) fill(queue, `${line(1)}\n`, path);
  chmodSync(secret, 0);
  for (const path of [self.dir, join(queue.dir, '..'), queue.dir, self.db, secret, long, queue.file])
    chownSync(path, 65534, 65534);
  const [program, ...args] = AS_NOBODY;
  const command = [process.execPath, join(DIST, 'queue-sync'), '--once', '--queue-dir', queue.dir];
  const { code, stderr } = await self.run(program, [...args, ...command, '--db', self.db]);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /a_queue\.jsonl can't be taken: EACCES/);
  assert.match(stderr, /b_queue\.jsonl can't be taken: its name is too long/);
  assert.deepEqual([existsSync(secret), existsSync(long), existsSync(queue.file)], [true, true, false]);
  assert.deepEqual(idsIn(self), [1]);
});

test('a value is the same whatever else stands in its line, and a hint fits lines', async (t) => {
  const self = project(t);
  const queue = withQueue(self);
  const zero = '{"data":{"id":1,"name":"x","extra":-0}}';
  fill(queue, `${zero}\n${zero.replace('1', '2').replace('}}', '},"more":1234567890123456789}')}\n`);
  fill(queue, '{"table":"none","data":{"a":1}}\n');
  await sync(self, queue, 3);
  assert.deepEqual(self.rows('SELECT DISTINCT typeof(extra) AS type FROM events'), [{ type: 'integer' }]);
  const { error } = recordsOf(queue, 'queue.failed.jsonl')[0] as { error: { hint: string } };
  assert.equal(error.hint, 'Create the table, then: queue-sync --replay-failed');
});

/** A sync of many lines, stopped (SIGSTOP) after the first of them. */
async function stoppedWithin(
  t: TestContext,
  self: Project,
): Promise<{
  queue: Queue;
  resume: () => Promise<{ code: number | null; text: string }>;
}> {
  const queue = withQueue(self);
  fill(queue, Array.from({ length: MANY }, (_, at) => `${line(at)}\n`).join(''));
  const args = ['--once', '--queue-dir', queue.dir, '--db', self.db];
  const child = background(t, self, join(DIST, 'queue-sync'), args);
  const log = join(queue.dir, 'queue.log.bak');
  await waitFor('the first batch', () => existsSync(log) && statSync(log).size > 0);
  process.kill(child.pid, 'SIGSTOP');
  const resume = async (): Promise<{ code: number | null; text: string }> => {
    process.kill(child.pid, 'SIGCONT');
    return { code: await child.ended, text: child.text() };
  };
  return { queue, resume };
}
