/** queue-maint restore and replay: from any backup to any later moment, exactly. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { loadConfig } from '../lib/config.ts';
import { restoreBackup } from '../lib/maintenance/backups/restore.ts';
import { spoolAt } from '../lib/spool/layout.ts';
import {
  backup,
  beside,
  type Content,
  contentOf,
  controlOf,
  maint,
  storm,
  WRITE,
  withTables,
} from './support/backups.ts';
import { Random, SEED } from './support/faults.ts';
import { DIST, type Project, project, waitFor } from './support/project.ts';
import { drained, execute, once, putEntry, startWorker, stopWorker, workerLog } from './support/queue.ts';

/** Puts an entry for each text and applies them. @returns their names. */
async function apply(self: Project, ...texts: string[]): Promise<string[]> {
  const names = texts.map((t) => putEntry(self, WRITE, { params: { t }, operation: `op-${t}` }));
  await once(self);
  return names;
}

function texts(self: Project, path = self.db): unknown[] {
  return contentOf(path).log.map((row) => (row as unknown[])[1]);
}

function lines(self: Project): Record<string, unknown>[] {
  const completed = join(self.spool, 'completed');
  return readdirSync(completed)
    .filter((name) => name.startsWith('journal-'))
    .sort()
    .flatMap((name) => readFileSync(join(completed, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('backups under a storm of writes, and the journal since, are the database at any later moment', async (t) => {
  const random = new Random(`${SEED} ${t.name}`);
  t.diagnostic(`again: FAULT_SEED=${SEED}`);
  const self = project(t);
  withTables(self);
  await startWorker(self);
  const names = ['a', 'b', 'c', 'd'];
  const writing = storm(self, names, 400);
  const backups: string[] = [];
  for (const part of [0.1, 0.5, 0.8]) {
    await waitFor('some of the storm', () => lines(self).length > 1600 * part);
    backups.push(await backup(self));
  }
  await writing;
  await drained(self);
  await stopWorker(self);
  const journal = lines(self);
  const control = controlOf(journal);
  assert.equal(control.log.length, 1600);
  assert.deepEqual(contentOf(self.db), control, 'the worker itself');

  for (const damage of ['garbage', 'gone', 'half'] as const) {
    for (const suffix of ['-wal', '-shm']) rmSync(self.db + suffix, { force: true });
    if (damage === 'gone') rmSync(self.db);
    else if (damage === 'garbage') writeFileSync(self.db, 'no database '.repeat(5000));
    else writeFileSync(self.db, readFileSync(self.db).subarray(0, 30_000));
    await maint(self, ['restore', random.pick(backups), '--yes']);
    await stopWorker(self);
    assert.deepEqual(contentOf(self.db), control, damage);
  }

  await t.test('20 random moments', async () => {
    for (let n = 0; n < 20; n++) {
      const file = random.pick(backups);
      const index = Math.min(linesBefore(self, file) + random.below(journal.length), journal.length - 1);
      const line = journal[index] as Record<string, string>;
      const byName = random.below(2) === 0;
      const to = join(self.dir, `moment-${n}.db`);
      const until = String(byName ? line.name : line.applied_at);
      const after = byName
        ? index + 1
        : journal.findIndex((each) => String(each.applied_at) > String(line.applied_at));
      const expected = after === -1 ? journal.length : after;
      // The copy was made after its place in the journal was noted: what was applied in between is in it as well.
      const isThere = !byName || index >= linesBefore(self, file);
      const isPossible = isThere && expected >= contentOf(file).log.length;
      await maint(self, ['restore', file, '--to', to, '--until', until], isPossible ? 0 : 1);
      if (!isPossible) continue;
      assert.deepEqual(contentOf(to), controlOf(journal.slice(0, expected)), `${line.name} from ${file}`);
    }
  });
});

/** How many lines of the journal are certainly in a backup. */
function linesBefore(self: Project, file: string): number {
  const { position } = JSON.parse(readFileSync(`${file}.json`, 'utf8')) as { position: string };
  const journal = readFileSync(join(self.spool, 'completed', 'journal-00000001.jsonl'));
  return (
    journal
      .subarray(0, Number(position.split(':')[1]))
      .toString()
      .split('\n').length - 1
  );
}

test('a rollback: back to before a bad entry, then forward without it; and a restore can be undone', async (t) => {
  const self = project(t);
  withTables(self);
  await apply(self, 'a');
  const file = await backup(self);
  const [b, bad, c] = await apply(self, 'b', 'bad', 'c');
  assert.ok(b && bad && c);
  await maint(self, ['restore', file, '--before', bad, '--yes']);
  assert.deepEqual(texts(self), ['a', 'b']);
  await maint(self, ['replay', '--before', bad]);
  assert.deepEqual(texts(self), ['a', 'b']);
  await maint(self, ['replay', '--except', bad]);
  assert.deepEqual(texts(self), ['a', 'b', 'c']);
  await apply(self, 'd');

  // A later restore from the old backup does not bring back what was taken out.
  await maint(self, ['restore', file, '--yes']);
  assert.deepEqual(texts(self), ['a', 'b', 'c', 'd']);
  // In one step, from the beginning.
  await maint(self, ['restore', file, '--except', c, '--yes']);
  assert.deepEqual(texts(self), ['a', 'b', 'd']);

  const aside = beside(self).filter((name) => /before-restore-[\d_.]+$/.test(name));
  assert.equal(aside.length, 3);
  await maint(self, ['restore', join(self.dir, '.hive-mind', aside.at(-1) as string), '--yes']);
  assert.deepEqual(texts(self), ['a', 'b', 'c', 'd'], 'undone');
  // As it was before the rollback, bad entry and all.
  await maint(self, ['restore', file, '--until', c, '--yes']);
  assert.deepEqual(texts(self), ['a', 'b', 'bad', 'c']);
});

test('replay: dry run, one operation, from a place; it repeats nothing', async (t) => {
  const self = project(t);
  withTables(self);
  await apply(self, 'a');
  const file = await backup(self);
  const [b, c] = await apply(self, 'b', 'c');
  rmSync(self.db);
  copyFileSync(file, self.db);
  const dry = JSON.parse((await maint(self, ['replay', '--dry-run', '--json'])).stdout) as {
    planned: { name: string }[];
    duplicates: number;
  };
  assert.deepEqual([dry.planned.map(({ name }) => name), dry.duplicates], [[b, c], 1]);
  assert.deepEqual(texts(self), ['a']);
  await maint(self, ['replay', '--only-operation', 'op-c', '--from', file]);
  assert.deepEqual(texts(self), ['a', 'c']);
  await maint(self, ['replay', '--from', 'journal-00000001.jsonl', '--until', `${b}`.replace('.json', '')]);
  assert.deepEqual(texts(self), ['a', 'c', 'b']);
  const again = await maint(self, ['replay']);
  assert.match(again.stdout, /^replayed 0 from the journal; 3 were there already, 0 left out\n$/);
});

test('hooks go on spooling during a restore, and the worker applies it afterwards', async (t) => {
  const self = project(t);
  withTables(self);
  await startWorker(self);
  await storm(self, ['a'], 100);
  await drained(self);
  const file = await backup(self);
  const [writing] = [storm(self, ['b', 'c'], 300), await maint(self, ['restore', file, '--yes'])];
  await writing;
  await drained(self);
  assert.equal(contentOf(self.db).log.length, 700);
  assert.match(workerLog(self), /restore: the queue is held by process \d+/);
  await stopWorker(self);
  assert.deepEqual(contentOf(self.db), controlOf(lines(self)));
});

test('what is written directly during a restore is in the new database as well', async (t) => {
  const self = project(t);
  withTables(self);
  await apply(self, 'a');
  const file = await backup(self);
  await apply(self, 'b');
  const written: string[] = [];
  const { aside } = await restoreBackup({
    config: loadConfig(self.env),
    spool: spoolAt(self.spool),
    database: self.db,
    file,
    onProgress(step) {
      if (step !== 'check' || written.length > 0) return;
      written.push('direct');
      const args = [join(DIST, 'queue-write'), '--param', 't=direct', WRITE];
      const env = { ...self.env, USE_QUEUE: 'false' };
      const { status, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
      assert.equal(status, 0, stderr);
    },
  });
  assert.deepEqual(texts(self), ['a', 'b', 'direct']);
  assert.deepEqual(texts(self, aside as string), ['a', 'b', 'direct']);
  await maint(self, ['restore', file, '--yes']);
  assert.deepEqual(texts(self), ['a', 'b', 'direct']);
});

test('what the SQL asks of the clock is answered with the time of then', async (t) => {
  const self = project(t);
  execute(
    self,
    `CREATE TABLE times(id INTEGER PRIMARY KEY, a DEFAULT CURRENT_TIMESTAMP, b, c, d, e, f);
     CREATE INDEX by_day ON times(date(b));`,
  );
  const sql = `INSERT INTO times(b, c, d, e, f) VALUES
    (datetime('now'), strftime('%Y-%m-%d %H:%M'), unixepoch(), datetime('2020-01-01', '+1 day'),
     unixepoch('subsec', '+1 day'))`;
  putEntry(self, 'SELECT 1');
  await once(self);
  const file = await backup(self);
  putEntry(self, sql);
  await once(self);
  // The entry was applied long ago, says the journal.
  const journal = join(self.spool, 'completed', 'journal-00000001.jsonl');
  const text = readFileSync(journal, 'utf8').replaceAll(
    /"applied_at":"[^"]*"/g,
    '"applied_at":"2001-02-03T04:05:06.789Z"',
  );
  writeFileSync(journal, text);
  await maint(self, ['restore', file, '--yes']);
  assert.deepEqual(self.rows('SELECT a, b, c, d, e, f FROM times'), [
    {
      a: '2001-02-03 04:05:06',
      b: '2001-02-03 04:05:06',
      c: '2001-02-03 04:05',
      d: 981173106,
      e: '2020-01-02 00:00:00',
      f: 981259506.789,
    },
  ]);
});

test('archived parts of the journal, and a pruned ledger: the same rows from every backup', async (t) => {
  const self = project(t);
  withTables(self);
  await apply(self, 'a', 'b');
  const early = await backup(self, '--name', 'early');
  await apply(self, 'c');
  const pruned = await maint(self, ['ledger', '--prune', '--days', '0']);
  assert.match(pruned.stdout, /^3 rows removed, up to 00000001:\d+ of the journal\n$/);
  assert.deepEqual(self.rows('SELECT count(*) AS n FROM _queue_ledger'), [{ n: 0 }]);
  const late = await backup(self, '--name', 'late', '--compress');
  await apply(self, 'd');
  await self.run('queue-cleanup', ['--archive', '--hours', '0']);
  assert.deepEqual(self.names('completed'), ['journal-00000001.jsonl.gz', 'journal-00000002.jsonl']);
  await apply(self, 'e');
  const all: Content = contentOf(self.db);
  for (const file of [early, late]) {
    await maint(self, ['restore', file, '--yes']);
    assert.deepEqual(contentOf(self.db), all, file);
  }
  assert.match((await maint(self, ['replay'])).stdout, /^replayed 0 /);
  // With the label lost, the whole journal is read: ledger and pruning still tell what is there.
  rmSync(`${late}.json`);
  await maint(self, ['restore', late, '--yes']);
  assert.deepEqual(contentOf(self.db), all);
});

test('the ledger keeps the rows of entries that are still in pending/, and of those it does not know', async (t) => {
  const self = project(t);
  withTables(self);
  const [a, b] = await apply(self, 'a', 'b');
  // A crash between COMMIT and unlink has left it there.
  const line = lines(self).find(({ name }) => name === a) as Record<string, unknown>;
  writeFileSync(join(self.spool, 'pending', a as string), `${JSON.stringify(line)}\n`, { mode: 0o600 });
  assert.match((await maint(self, ['ledger', '--prune', '--days', '0'])).stdout, /^1 row removed/);
  await once(self);
  assert.deepEqual(texts(self), ['a', 'b']);
  assert.ok(b);
  // An older copy, put back by hand: what it lacks must not be taken for applied.
  const file = await backup(self);
  const [c] = await apply(self, 'c', 'd');
  await stopWorker(self);
  rmSync(self.db);
  copyFileSync(file, self.db);
  const stopped = await maint(self, ['ledger', '--prune', '--days', '0'], 1);
  assert.ok(stopped.stdout.includes(`stopped at ${c}`), stopped.stdout);
  await maint(self, ['replay']);
  assert.deepEqual(texts(self), ['a', 'b', 'c', 'd']);
});

test('an entry that fails in the replay is reported, and the others go on', async (t) => {
  const self = project(t);
  withTables(self);
  await apply(self, 'a');
  const file = await backup(self);
  execute(self, 'CREATE TABLE later(x)');
  const lost = putEntry(self, 'INSERT INTO later VALUES(1)');
  await apply(self, 'b');
  const result = await maint(self, ['restore', file, '--yes'], 3);
  assert.match(result.stdout, new RegExp(`failed ${lost}: SQLITE_ERROR: no such table: later`));
  assert.deepEqual(texts(self), ['a', 'b']);
});

test('what can not be restored is refused, and database and queue are as they were', async (t) => {
  const self = project(t);
  withTables(self);
  const [a] = await apply(self, 'a');
  const file = await backup(self);
  const [b] = await apply(self, 'b');
  const before = contentOf(self.db);
  const refused = async (args: string[], code: number, message: RegExp): Promise<void> => {
    const { stderr } = await maint(self, ['restore', ...args], code);
    assert.match(stderr, message);
    assert.deepEqual(contentOf(self.db), before, String(message));
    assert.deepEqual(beside(self), [], String(message));
  };
  const copy = (name: string, bytes: Buffer | string): string => {
    const path = join(self.dir, name);
    writeFileSync(path, bytes);
    copyFileSync(`${file}.json`, `${path}.json`);
    return path;
  };
  const bytes = readFileSync(file);
  const flipped = Buffer.from(bytes);
  flipped[5000] = (flipped[5000] as number) ^ 1;
  const other = join(self.dir, 'other.db');
  execute(self, 'CREATE TABLE x(y)', other);

  await refused([join(self.dir, 'none.db'), '--yes'], 1, /none\.db can't be restored: it is not there/);
  await refused([copy('short.db', bytes.subarray(0, 9000)), '--yes'], 1, /it has 9000 bytes, and had \d+/);
  await refused([copy('flipped.db', flipped), '--yes'], 1, /its checksum is \w{8}, and was \w{8}/);
  await refused([other, '--yes'], 1, /it has no table _queue_ledger/);
  writeFileSync(join(self.dir, 'text.db'), 'just text');
  await refused([join(self.dir, 'text.db'), '--yes'], 1, /not a database/);
  await refused([file, '--yes', '--until', '2026-01-31T18:00:00'], 2, /it does not say in which zone/);
  await refused([file, '--yes', '--until', '2001-02-03T04:05:06Z'], 1, /was made at .*, after that time/);
  await refused([file, '--yes', '--until', 'yesterday'], 2, /neither the name of an entry nor a time/);
  await refused([file, '--yes', '--until', '05_1_1'], 1, /has no entry 05_1_1\.json/);
  await refused([file, '--yes', '--until', `${a}`], 1, /it may have been applied before the backup/i);
  await refused([file, '--yes', '--until', `${b}`, '--before', `${b}`], 2, /exclude each other/);
  await refused([file], 2, /asks on a terminal/);
  await refused([file, '--to', other], 2, /is there already/);
  await refused([], 2, /name one backup/);
  await refused([file, file], 2, /name one backup/);

  const reader = new Database(self.db);
  reader.prepare('SELECT count(*) FROM log').get();
  await refused([file, '--yes'], 1, new RegExp(`is in use by another process \\(pid ${process.pid}\\)`));
  reader.close();

  const journal = join(self.spool, 'completed', 'journal-00000001.jsonl');
  renameSync(journal, `${journal}.away`);
  await refused([file, '--yes'], 1, /is newer than the journal/);
  appendFileSync(join(self.spool, 'completed', 'journal-00000003.jsonl'), '');
  await refused(
    [file, '--yes'],
    1,
    /gap: journal-00000001\.jsonl to journal-00000002\.jsonl of .* are missing/,
  );
  rmSync(join(self.spool, 'completed', 'journal-00000003.jsonl'));
  renameSync(`${journal}.away`, journal);
  writeFileSync(join(self.spool, '.identity'), '0123456789ab');
  await refused([file, '--yes'], 1, /was made beside another spool, or before this one was reset/);

  await maint(self, ['restore', file, '--no-journal', '--yes']);
  assert.deepEqual(texts(self), ['a']);
  assert.ok(b && existsSync(file));
});

test('on a terminal restore asks, and a no changes nothing', async (t) => {
  const self = project(t);
  withTables(self);
  await apply(self, 'a');
  const file = await backup(self);
  await apply(self, 'b');
  const answer = (word: string) =>
    self.run('script', ['-qec', `queue-maint restore ${file} --no-journal`, '/dev/null'], {
      input: `${word}\n`,
      env: { PATH: `${join(import.meta.dirname, '..', 'dist')}:${self.env.PATH}` },
    });
  assert.match((await answer('n')).stdout, /Put .* in the place of .*\[y\/N\].*nothing was changed/s);
  assert.deepEqual(texts(self), ['a', 'b']);
  assert.match((await answer('y')).stdout, /restored/);
  assert.deepEqual(texts(self), ['a']);
});
