/** What backups, restores and the ledger's pruning must not be led astray by: other databases, clocks, deleted archives, writes beside them. */
import assert from 'node:assert/strict';
import { copyFileSync, linkSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { backup, beside, contentOf, maint, WRITE, withTables } from './support/backups.ts';
import { type Project, project } from './support/project.ts';

/** Applies `t` and the entries before it. @returns the entry's name. */
async function write(self: Project, t: string, ...args: string[]): Promise<string> {
  const written = await self.run('queue-write', ['--wait', '--param', `t=${t}`, ...args, WRITE]);
  assert.equal(written.code, 0, written.stderr);
  // A held queue would start another, which may not be there yet when the test ends.
  await self.run('queue-worker', ['stop']);
  return self.journal().at(-1)?.name as string;
}

const texts = (path: string): unknown[] => (contentOf(path).log as [number, string][]).map(([, t]) => t);

/** Runs queue-maint with `command` run, once, before it first calls `call` of node:fs with a path that has `part`. */
async function maintWith(self: Project, args: string[], [call, part, command]: [string, string, string]) {
  const hook = join(self.dir, 'hook.cjs');
  writeFileSync(
    hook,
    `const fs = require('node:fs');
    const { ${call}: original } = fs;
    let isDone = false;
    fs.${call} = (...args) => {
      if (!isDone && args.some((arg) => String(arg).includes(${JSON.stringify(part)}))) {
        isDone = true;
        require('node:child_process').execSync(${JSON.stringify(command)}, { env: { ...process.env, NODE_OPTIONS: '' } });
      }
      return original(...args);
    };
    require('node:module').syncBuiltinESMExports();`,
  );
  return self.run('queue-maint', args, { env: { NODE_OPTIONS: `--require ${hook}` } });
}

test('a restore with --db takes no entries that name no database', async (t) => {
  const self = project(t);
  withTables(self);
  const other = join(self.dir, 'other.db');
  copyFileSync(self.db, other);
  await write(self, 'a', '--db', other);
  const file = await backup(self, '--db', other);
  await write(self, 'for the default');
  await write(self, 'b', '--db', other);
  await maint(self, ['restore', file, '--db', other, '--yes']);
  assert.deepEqual(texts(other), ['a', 'b']);
});

test('a restore to a time before the backup, or without an entry that is in it, is refused', async (t) => {
  const self = project(t);
  withTables(self);
  const before = new Date().toISOString();
  const name = await write(self, 'a');
  const file = await backup(self);
  const early = await maint(self, ['restore', file, '--until', before, '--yes'], 1);
  assert.match(early.stderr, /was made at .*, after that time/);
  const except = await maint(self, ['restore', file, '--except', name, '--yes'], 1);
  assert.match(except.stderr, new RegExp(`has no entry ${name} to leave out`));
  assert.deepEqual(beside(self), []);
});

test('whole numbers of the clock are INTEGER in a replay, and subsec is short for now', async (t) => {
  const self = project(t);
  withTables(self);
  await write(self, 'a');
  const file = await backup(self);
  const sql = `CREATE TABLE times AS
    SELECT unixepoch() AS at, 'x' || unixepoch(1700000000, 'unixepoch') AS text, unixepoch('subsec') AS exact`;
  await self.run('queue-write', ['--wait', sql]);
  await self.run('queue-worker', ['stop']);
  const read = (): Record<string, unknown> =>
    self.rows('SELECT typeof(at) AS type, text, exact FROM times')[0] as Record<string, unknown>;
  const was = read();
  const appliedAt = Date.parse(self.journal().at(-1)?.applied_at as string) / 1000;
  await maint(self, ['restore', file, '--yes']);
  assert.deepEqual([read().type, read().text], [was.type, was.text]);
  assert.equal(read().exact, appliedAt);
});

test('numbers of the journal go on after all archives are deleted', async (t) => {
  const self = project(t);
  withTables(self);
  for (const text of ['a', 'b']) await write(self, text);
  const file = await backup(self);
  await self.run('queue-worker', ['stop']);
  for (let run = 0; run < 2; run++) await self.run('queue-cleanup', ['--archive', '--hours=0']);
  const completed = join(self.spool, 'completed');
  assert.deepEqual(readdirSync(completed), ['journal-00000001.jsonl.gz', 'journal-00000002.jsonl']);
  await maint(self, ['ledger', '--prune', '--days', '0']);
  rmSync(join(completed, 'journal-00000001.jsonl.gz'));
  for (const text of ['c', 'd', 'e']) await write(self, text);
  const { stderr } = await maint(self, ['restore', file, '--yes'], 1);
  assert.match(stderr, /the journal has a gap: journal-00000001/);
  const { stdout } = await maint(self, ['ledger', '--prune', '--days', '0', '--json']);
  assert.equal(JSON.parse(stdout).rows, 3);
});

test('a new backup outlives those of a clock that was ahead', async (t) => {
  const self = project(t);
  withTables(self);
  const first = await backup(self);
  for (let day = 1; day <= 3; day++)
    for (const suffix of ['', '.json'])
      copyFileSync(
        first + suffix,
        join(self.dir, '.hive-mind', 'backups', `queue_backup_hive_2099010${day}_000000.db${suffix}`),
      );
  assert.ok(statSync(await backup(self, '--keep', '2')).isFile());
});

test('a journal file that is archived while it is to be read is read from its archive', async (t) => {
  const self = project(t);
  withTables(self);
  await write(self, 'a');
  const file = await backup(self);
  await write(self, 'b');
  await self.run('queue-worker', ['stop']);
  writeFileSync(join(self.spool, 'completed', 'journal-00000002.jsonl'), '');
  const original = join(self.spool, 'completed', 'journal-00000001.jsonl');
  const { code, stderr } = await maintWith(
    self,
    ['restore', file, '--yes'],
    ['readFileSync', 'journal-00000001', `gzip ${original}`],
  );
  assert.equal(code, 0, stderr);
  assert.deepEqual(texts(self.db), ['a', 'b']);
});

test('a second name of the database that a killed restore has left is removed by the next', async (t) => {
  const self = project(t);
  withTables(self);
  await write(self, 'a');
  const file = await backup(self);
  await self.run('queue-worker', ['stop']);
  linkSync(self.db, `${self.db}.before-restore-20260101_000000`);
  await maint(self, ['restore', file, '--yes']);
  assert.equal(statSync(self.db).nlink, 1);
  assert.equal(beside(self).filter((name) => !name.endsWith('.json')).length, 1);
});
