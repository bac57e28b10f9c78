/** queue-sync through the executable: what becomes of lines of every kind, of the files they are in, and who may do it. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DIST, project, waitFor } from './support/project.ts';
import { AS_NOBODY, background, execute, lockDatabase, noOtherUser } from './support/queue.ts';
import {
  assertEmpty,
  fill,
  idsIn,
  line,
  linesOf,
  recordsOf,
  settledIn,
  sync,
  withQueue,
} from './support/sync.ts';

test('lines of every kind end in the file that is for them, with file, line and field', async (t) => {
  const self = project(t);
  const queue = withQueue(self);
  const good = [
    '\ufeff{"data":{"id":1,"name":"with a mark"}}',
    '{"values":{"id":2,"name":"crlf"}}\r',
    '{"table":"EVENTS","data":{"id":3,"name":"nested","extra":{"a":[1,9007199254740993]}},"unknown":true}',
    '{"data":{"id":9007199254740993,"name":"long"},"hash_fields":null,"content_hash":null}',
    '{"data":{"id":5,"name":"5.5","extra":5.5},"source_menace_id":"m5","hash_fields":["id"]}',
  ];
  const malformed: [string, RegExp][] = [
    ['no json', /not JSON/],
    ['[1]', /no JSON object/],
    ['{"table":7,"data":{"id":1}}', /^table is no name/],
    ['{"table":"events"}', /neither data nor values/],
    ['{"data":{"id":1},"values":{"id":1}}', /both data and values/],
    ['{"values":[1,2]}', /^values is no object/],
    ['{"data":{"id":6,"name":"x"},"hash_fields":[1]}', /^hash_fields/],
    ['{"data":{"id":6,"name":"x"},"content_hash":5}', /^content_hash/],
    ['{"data":{"id":6,"name":"x"},"source_menace_id":{}}', /^source_menace_id/],
  ];
  const failing: [string, RegExp][] = [
    ['{"table":"evnts","data":{"id":6}}', /no table "evnts"; .*"events"/],
    ['{"data":{"id":6,"nme":"x"}}', /no column "nme"; .*"name"/],
    ['{"data":{"id":6}}', /NOT NULL constraint failed: events.name/],
    ['{"data":{"id":1,"name":"again"}}', /UNIQUE constraint failed: events.id/],
    ['{"data":{"id":12345678901234567890,"name":"x"}}', /"id" is 12345678901234567890/],
    ['{"data":{"id":6,"name":"x"},"hash_fields":["nme"]}', /hash field "nme"/],
    ['{"table":"_queue_sync","data":{"file":"x"}}', /_queue_sync/],
  ];
  const lines = [...good, ...malformed.map(([text]) => text), '', ...failing.map(([text]) => text)];
  fill(queue, Buffer.concat([Buffer.from(`${lines.join('\n')}\n`), Buffer.from([0xff, 0x0a])]));
  const { stdout } = await sync(self, queue, 3);
  assert.match(stdout, /^inserted 5, already there 0, failed 7, malformed 10 /);
  assert.deepEqual(
    self
      .rows('SELECT CAST(id AS TEXT) AS id, name, extra FROM events ORDER BY name')
      .map((row) => Object.values(row)),
    [
      ['5', '5.5', 5.5],
      ['2', 'crlf', null],
      ['9007199254740993', 'long', null],
      ['3', 'nested', '{"a":[1,9007199254740993]}'],
      ['1', 'with a mark', null],
    ],
  );
  const errors = recordsOf(queue, 'events_queue.error.jsonl');
  malformed.forEach(([text, reason], at) => {
    assert.equal(errors[at]?.line, text);
    assert.match(String(errors[at]?.reason), reason);
    assert.deepEqual(
      [errors[at]?.file, errors[at]?.lineNumber],
      ['events_queue.jsonl', good.length + at + 1],
    );
  });
  assert.equal(errors.at(-1)?.lineBase64, '/w==');
  const failures = recordsOf(queue, 'events_queue.failed.jsonl');
  failing.forEach(([text, message], at) => {
    const {
      line: kept,
      lineNumber,
      error,
    } = failures[at] as { line: string; lineNumber: number; error: Record<string, string> };
    assert.deepEqual([kept, lineNumber], [text, good.length + malformed.length + at + 2]);
    assert.match(String(error.message), message);
    assert.ok(error.code && error.at);
  });
  assert.equal(failures.length, failing.length);
  assert.deepEqual(recordsOf(queue, 'queue.failed.jsonl'), failures);
  assert.deepEqual(settledIn(queue).log.length, good.length);
  assertEmpty(queue);
});

test('a line copied back from queue.log.bak is applied again only if its row is gone', async (t) => {
  const self = project(t);
  const queue = withQueue(self, 'CREATE TABLE events(id, name)');
  fill(queue, `${[line(1), line(2, { hash_fields: ['id'] }), line(3, { content_hash: 'c' })].join('\n')}\n`);
  await sync(self, queue);
  const again = async (): Promise<string> => {
    const log = join(queue.dir, 'queue.log.bak');
    copyFileSync(log, queue.file);
    rmSync(log);
    return (await sync(self, queue)).stdout;
  };
  assert.match(await again(), /^inserted 0, already there 3,/);
  assert.deepEqual(idsIn(self), [1, 2, 3]);
  execute(self, 'DELETE FROM events');
  assert.match(await again(), /^inserted 3, already there 0,/);
  assert.match(await again(), /^inserted 0, already there 3,/);
  assert.deepEqual(idsIn(self), [1, 2, 3]);
});

test('what failed is taken again by --replay-failed, and its file is kept', async (t) => {
  const self = project(t);
  const queue = withQueue(self);
  for (const number of [0, 1]) {
    fill(queue, `{"table":"later${number}","data":{"id":${number}}}\n`);
    await sync(self, queue, 3);
    execute(self, `CREATE TABLE later${number}(id)`);
    await sync(self, queue, 0, '--replay-failed');
    assert.deepEqual(self.rows(`SELECT id FROM later${number}`), [{ id: number }]);
    for (const name of ['events_queue.failed.jsonl', 'queue.failed.jsonl']) {
      assert.equal(existsSync(join(queue.dir, name)), false);
      assert.equal(linesOf(queue, `${name}.bak${number === 0 ? '' : '.1'}`).length, 1);
    }
  }
  assert.equal(linesOf(queue, 'queue.log.bak').length, 2);
  // Again there is nothing to replay.
  assert.match(
    (await sync(self, queue, 0, '--replay-failed')).stdout,
    /^inserted 0, already there 0, failed 0/,
  );
});

test('a program that keeps its file open is followed until it ends, and a line that it has begun waits', async (t) => {
  const self = project(t);
  const queue = withQueue(self);
  const fd = openSync(queue.file, 'a');
  t.after(() => {
    try {
      closeSync(fd);
    } catch {}
  });
  writeSync(fd, `${line(1)}\n{"data":{"id":2,`);
  utimesSync(queue.file, 1, 1);
  assert.match((await sync(self, queue)).stdout, /^inserted 1, .*; 1 file may still be written to$/m);
  assert.equal(existsSync(queue.file), false);
  writeSync(fd, `"name":"whole"}}\n`);
  // Another program makes a new file meanwhile.
  appendFileSync(queue.file, `${line(3)}\n`);
  assert.match((await sync(self, queue)).stdout, /^inserted 2, .*; 1 file may/m);
  writeSync(fd, '{"data":{"id":4');
  closeSync(fd);
  assert.match((await sync(self, queue, 3)).stdout, /malformed 1 /);
  assert.deepEqual(idsIn(self), [1, 2, 3]);
  const [record] = recordsOf(queue, 'events_queue.error.jsonl');
  assert.equal(record?.line, '{"data":{"id":4');
  assert.match(String(record?.reason), /^torn, without a newline/);
  assertEmpty(queue);
});

test('a line of 50 MB is a row; one over 64 MiB is kept in a file of its own', async (t) => {
  const self = project(t);
  const queue = withQueue(self);
  const long = `{"data":{"id":2,"name":"${'x'.repeat(50_000_000)}"}}`;
  const longer = Buffer.alloc(64 * 1024 * 1024 + 1, 'y');
  fill(queue, Buffer.concat([Buffer.from(`${line(1)}\n${long}\n`), longer, Buffer.from(`\n${line(3)}\n`)]));
  await sync(self, queue, 3);
  assert.deepEqual(
    self
      .rows('SELECT id, length(name) AS length FROM events ORDER BY id')
      .map(({ id, length }) => [id, length]),
    [
      [1, 6],
      [2, 50_000_000],
      [3, 6],
    ],
  );
  const [record] = recordsOf(queue, 'events_queue.error.jsonl');
  const name = /it is in (\S+),/.exec(String(record?.reason))?.[1] as string;
  assert.ok(readFileSync(join(queue.dir, name)).subarray(0, longer.length).equals(longer));
  assertEmpty(queue);
});

test('a line that ends the transaction takes no other along', async (t) => {
  const self = project(t);
  const queue = withQueue(
    self,
    `CREATE TABLE events(id INTEGER PRIMARY KEY ON CONFLICT ROLLBACK, name);
     CREATE TRIGGER no BEFORE INSERT ON events WHEN new.name = 'no' BEGIN SELECT RAISE(ROLLBACK, 'not this one'); END`,
  );
  const lines = Array.from({ length: 40 }, (_, id) =>
    id % 3 === 1 ? `{"data":{"id":${id},"name":"no"}}` : id % 7 === 6 ? line(0) : line(id),
  );
  fill(queue, `${lines.join('\n')}\n`);
  await sync(self, queue, 3);
  const good = lines.flatMap((text, id) => (text === line(id) ? [id] : []));
  assert.deepEqual(idsIn(self), good);
  assert.equal(recordsOf(queue, 'events_queue.failed.jsonl').length, lines.length - good.length);
  assert.equal(linesOf(queue, 'queue.log.bak').length, good.length);
});

test('while the database can not be used nothing is taken; --once says why', async (t) => {
  const self = project(t, { SQLITE_BUSY_TIMEOUT: '50' });
  const queue = withQueue(self);
  fill(queue, `${line(1)}\n`);
  const unlock = lockDatabase(self);
  const { stderr } = await sync(self, queue, 1);
  assert.match(stderr, /^queue-sync: database .*hive.db can't be used: .*locked/);
  assert.deepEqual(linesOf(queue, 'events_queue.jsonl'), [line(1)]);
  const waiting = background(t, self, join(DIST, 'queue-sync'), ['--queue-dir', queue.dir, '--db', self.db]);
  await waitFor('the reason', () => waiting.text().includes("can't be used"));
  unlock();
  await waitFor('the line to be applied', () => idsIn(self).length === 1);
  process.kill(waiting.pid, 'SIGTERM');
  assert.equal(await waiting.ended, 0);
  const other = await self.run('queue-sync', [
    '--once',
    '--queue-dir',
    queue.dir,
    '--db',
    join(self.dir, 'none.db'),
  ]);
  assert.deepEqual([other.code, /it is missing/.test(other.stderr)], [1, true]);
  assertEmpty(queue);
});

test('two syncs on one directory: the second says who is at work, or waits', async (t) => {
  const self = project(t);
  const queue = withQueue(self);
  const args = ['--queue-dir', queue.dir, '--db', self.db, '--watch', '--interval', '600'];
  const first = background(t, self, join(DIST, 'queue-sync'), args);
  await waitFor('the first', () => existsSync(join(queue.dir, '.sync.pid')));
  const { stderr } = await sync(self, queue, 1);
  assert.match(stderr, /another queue-sync works in .*lines \(pid \d+\)/);
  // It sees new lines at once: its interval is ten minutes.
  appendFileSync(queue.file, `${line(1)}\n`);
  await waitFor('the line', () => idsIn(self).length === 1);
  const second = background(t, self, join(DIST, 'queue-sync'), args);
  await waitFor('the second to wait', () => second.text().includes('another queue-sync'));
  process.kill(first.pid, 'SIGKILL');
  await first.ended;
  appendFileSync(queue.file, `${line(2)}\n`);
  await waitFor('the second line', () => idsIn(self).length === 2);
  process.kill(second.pid, 'SIGINT');
  assert.equal(await second.ended, 0);
});

test('a symlink, a FIFO or a directory in the place of a queue file is refused, and others are taken', async (t) => {
  const self = project(t);
  const queue = withQueue(self);
  fill(queue, `${line(1)}\n`);
  const elsewhere = join(self.dir, 'elsewhere');
  writeFileSync(elsewhere, `${line(2)}\n`);
  symlinkSync(elsewhere, join(queue.dir, 'link_queue.jsonl'));
  await self.run('mkfifo', [join(queue.dir, 'pipe_queue.jsonl')]);
  const { stderr } = await sync(self, queue, 1);
  assert.match(stderr, /link_queue.jsonl is a symlink, not a file/);
  assert.match(stderr, /pipe_queue.jsonl is a FIFO, not a file/);
  assert.deepEqual(idsIn(self), [1]);
  assert.equal(readFileSync(elsewhere, 'utf8'), `${line(2)}\n`);
});

test('files that were begun with one database are not finished with another', async (t) => {
  const self = project(t);
  const queue = withQueue(self);
  const fd = openSync(queue.file, 'a');
  t.after(() => closeSync(fd));
  writeSync(fd, `${line(1)}\n`);
  await sync(self, queue);
  const other = join(self.dir, 'other.db');
  execute(self, 'CREATE TABLE events(id, name)', other);
  const result = await self.run('queue-sync', ['--once', '--queue-dir', queue.dir, '--db', other]);
  assert.equal(result.code, 1);
  assert.match(result.stderr, /were begun with .*hive.db, not with .*other.db/);
});

test('a directory that is missing or may not be written is an error that names it', async (t) => {
  const self = project(t);
  withQueue(self);
  const none = join(self.dir, 'none');
  const { code, stderr } = await self.run('queue-sync', ['--once', '--db', self.db], {
    env: { MENACE_QUEUE_DIR: none },
  });
  assert.deepEqual([code, stderr.includes(`there is no queue directory ${none}`)], [1, true]);
});

test('another user may not write there: nothing is lost', { skip: noOtherUser() }, async (t) => {
  const self = project(t);
  const queue = withQueue(self);
  fill(queue, `${line(1)}\n`);
  await self.run('chmod', ['-R', 'a+rX', self.dir]);
  const [program, ...args] = AS_NOBODY;
  const tool = [process.execPath, join(DIST, 'queue-sync')];
  const result = await self.run(program, [
    ...args,
    ...tool,
    '--once',
    '--queue-dir',
    queue.dir,
    '--db',
    self.db,
  ]);
  assert.equal(result.code, 1);
  assert.match(result.stderr, /lines.* (can't be|permission denied)/);
  assert.deepEqual(linesOf(queue, 'events_queue.jsonl'), [line(1)]);
});

test('queue-cleanup --queue-dir removes what is old and no line that waits', async (t) => {
  const self = project(t);
  const queue = withQueue(self);
  fill(queue, `${line(1)}\nno json\n{"data":{}}\n`);
  await sync(self, queue, 3);
  const old = ['events_queue.error.jsonl', 'events_queue.failed.jsonl', 'queue.failed.jsonl'];
  fill(queue, `${line(2)}\n`);
  for (const name of old) utimesSync(join(queue.dir, name), 1, 1);
  const args = ['--queue-dir', queue.dir, '--days', '3'];
  const dry = await self.run('queue-cleanup', [...args, '--dry-run']);
  assert.equal(dry.stdout.split('\n').length, old.length + 1, dry.stdout);
  const { stdout } = await self.run('queue-cleanup', [...args, '--json']);
  const { removed } = JSON.parse(stdout) as { removed: { path: string }[] };
  assert.deepEqual(removed.map(({ path }) => path).sort(), old.map((name) => join(queue.dir, name)).sort());
  const left = readdirSync(queue.dir).filter((name) => !name.startsWith('.'));
  assert.deepEqual(left.sort(), ['events_queue.jsonl', 'queue.log.bak']);
  assert.match((await self.run('queue-cleanup', args)).stdout, /^nothing is older than 3 days/);
  const wrong = await self.run('queue-cleanup', ['--days', '3']);
  assert.equal(wrong.code, 2);
});
