/**
 * SIGKILL of the worker while it drains a lot: every entry is applied exactly once all the same, the journal has it once
 * and in order, and nothing is left lying about (faults/kill-sweep.test.ts has every system call of a small batch). And
 * an entry that kills the worker is found, and only that one.
 */
import assert from 'node:assert/strict';
import { readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DIST, type Project, project, waitFor } from './support/project.ts';
import { background, letter, logged, logs, once, putEntry, stats, withLog } from './support/queue.ts';

/** Everything is where it belongs: `names` were applied, each once and in this order, and nothing else was. */
function assertExact(self: Project, names: readonly string[], context: string): void {
  assert.deepEqual(logged(self), names, `${context}: the rows`);
  assert.deepEqual(
    self.journal().map((line) => line.name),
    names,
    `${context}: the journal`,
  );
  assert.deepEqual(self.rows('PRAGMA integrity_check'), [{ integrity_check: 'ok' }], context);
  for (const directory of ['pending', 'processing', 'failed'] as const) {
    assert.deepEqual(self.names(directory), [], `${context}: ${directory}/`);
  }
}

/** Half-written files of a killed process are removed by later workers, once they are old. */
async function assertTidied(self: Project, context: string): Promise<void> {
  const then = Date.now() / 1000 - 3600;
  for (const name of self.names('.tmp')) utimesSync(join(self.spool, '.tmp', name), then, then);
  await once(self);
  assert.deepEqual(self.names('.tmp'), [], `${context}: .tmp/`);
}

/** Puts `count` entries that log their own names. @returns these names. */
function putMany(self: Project, count: number): string[] {
  const names: string[] = [];
  for (let i = 0; i < count; i++) {
    // A name that it can know: the journal and the rows are compared by it.
    const name = `05_${1_700_000_000_000_000 + i}_1.json`;
    putNamed(self, name, i % 7 === 3 ? { id: `own-${i}` } : {});
    names.push(name);
  }
  return names;
}

function putNamed(self: Project, name: string, more: Record<string, unknown> = {}): void {
  const entry = { sql: 'INSERT INTO log(t) VALUES(:t)', params: { t: name }, ...more };
  writeFileSync(join(self.spool, 'pending', name), `${JSON.stringify(entry)}\n`, { mode: 0o600 });
}

test('SIGKILL again and again while 5,000 entries are drained by two threads', async (t) => {
  const self = project(t);
  withLog(self);
  const names = putMany(self, 5000);
  const left = (): number => self.names('pending').length;
  const marks = [4990, 4300, 3900, 3000, 2200, 1400, 300].map(
    (mark) => mark - Math.floor(Math.random() * 200),
  );
  for (const mark of marks) {
    const worker = background(t, self, join(DIST, 'queue-worker'), ['run', '--once'], {
      QUEUE_BATCH_SIZE: '100',
    });
    await waitFor(`${mark} entries to be left`, () => left() <= Math.max(0, mark));
    process.kill(worker.pid, 'SIGKILL');
    await worker.ended;
  }
  await once(self);
  assertExact(self, names, `killed at ${marks}`);
  await assertTidied(self, `killed at ${marks}`);
  assert.ok((stats(self).processed as number) <= 5000);
});

/** Its text; '' when it has just been removed. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

test('an entry that kills the worker is found by halving, and ends in failed/; its neighbours are applied once', async (t) => {
  const self = project(t, { SQLITE_TIMEOUT: '600000' });
  withLog(self);
  const names = putMany(self, 24);
  const poison = names.splice(13, 1)[0] as string;
  // It keeps SQLite busy until the killer comes: what a crash inside the engine would do.
  putNamed(self, poison, {
    sql: 'INSERT INTO log(t) VALUES(:t); WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r) SELECT sum(n) FROM r',
  });
  const manifest = join(self.spool, 'processing', 'batch');
  const written = (): bigint => statSync(manifest, { bigint: true, throwIfNoEntry: false })?.mtimeNs ?? 0n;
  const sizes: number[] = [];
  for (let isAtWork = true; isAtWork; ) {
    assert.ok(sizes.length < 20, `it was not found after 20 deaths with ${sizes} in hand`);
    const before = written();
    const worker = background(t, self, join(DIST, 'queue-worker'), ['run', '--once']);
    worker.ended.then(() => {
      isAtWork = false;
    });
    await waitFor('the poison in hand, or the end', () => {
      if (!isAtWork) return true;
      // What the last one left is not in the hand of this one.
      if (written() === 0n || written() === before) return false;
      const lines = textOf(manifest).split('\n');
      return lines.includes(poison) && sizes.push(lines.filter((line) => /^\d/.test(line)).length);
    });
    if (!isAtWork) break;
    process.kill(worker.pid, 'SIGKILL');
    await worker.ended;
    isAtWork = true;
  }
  assert.deepEqual(self.names('failed'), [poison]);
  assert.equal(letter(self, poison).code, 'POISON');
  assert.match(letter(self, poison).message, /died 3 times while this entry was in hand alone/);
  assert.deepEqual(logged(self), names);
  assert.deepEqual(
    self.journal().map((line) => line.name),
    names,
  );
  assert.deepEqual([self.names('pending'), self.names('processing')], [[], []]);
  assert.deepEqual(sizes.slice(-3), [1, 1, 1]);
  assert.ok(sizes.length <= 8, `it took ${sizes.length} deaths, with ${sizes} in hand`);
});

test('a SIGKILL that an entry has nothing to do with does not make it poison', async (t) => {
  const self = project(t);
  withLog(self);
  const name = putEntry(self, logs('a'));
  for (const deaths of [0, 1]) {
    writeFileSync(join(self.spool, 'processing', 'batch'), `deaths=${deaths}\n${name}\n`);
    if (deaths === 0) continue;
    await once(self);
  }
  assert.deepEqual([logged(self), self.names('failed')], [['a'], []]);
});

test('a manifest that is torn, empty or garbage keeps no worker from its work', async (t) => {
  const self = project(t);
  withLog(self);
  for (const text of ['', 'deaths=', 'deaths=0\n05_17', '\0\0\0\0', 'deaths=9\n../../../etc/passwd\n?x\n']) {
    putEntry(self, logs(JSON.stringify(text)));
    writeFileSync(join(self.spool, 'processing', 'batch'), text);
    await once(self);
    assert.deepEqual(self.names('processing'), []);
  }
  assert.equal(logged(self).length, 5);
});
