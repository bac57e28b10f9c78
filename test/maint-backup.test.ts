/** queue-maint backup, verify, list and prune. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { backup, contentOf, maint, shelf, storm, WRITE, withTables } from './support/backups.ts';
import { DIST, type Project, project, waitFor } from './support/project.ts';
import { drained, execute, noMounts, once, putEntry, startWorker } from './support/queue.ts';

interface Listed {
  path: string;
  name: string;
  bytes: number;
  verified: { ok: boolean } | null;
  position: string | null;
}

async function list(self: Project): Promise<Listed[]> {
  return JSON.parse((await maint(self, ['list', '--json'])).stdout) as Listed[];
}

async function withRows(self: Project, ...texts: string[]): Promise<void> {
  withTables(self);
  for (const t of texts) putEntry(self, WRITE, { params: { t } });
  await once(self);
}

function fileOf(path: string): string {
  return path.split('/').at(-1) as string;
}

test('a backup is a whole, private database with a label, and changes nothing', async (t) => {
  const self = project(t);
  await withRows(self, 'a', 'b');
  const before = readFileSync(self.db);
  const { stdout } = await self.run('bash', ['-c', `umask 0; exec "${DIST}/queue-maint" backup`]);
  assert.match(stdout, /^\/.*\/backups\/queue_backup_hive_\d{8}_\d{6}\.db \(\d+\.\d KB, verified\)\n$/);
  const [made] = await list(self);
  assert.ok(made);
  assert.deepEqual(contentOf(made.path), contentOf(self.db));
  assert.ok(readFileSync(self.db).equals(before));
  assert.deepEqual(shelf(self), [fileOf(made.path), `${fileOf(made.path)}.json`]);
  for (const path of [made.path, `${made.path}.json`]) assert.equal(statSync(path).mode & 0o777, 0o600, path);
  assert.equal(statSync(join(self.dir, '.hive-mind', 'backups')).mode & 0o777, 0o700);
  const size = statSync(join(self.spool, 'completed', 'journal-00000001.jsonl')).size;
  assert.deepEqual([made.name, made.verified?.ok, made.position], ['hive', true, `00000001:${size}`]);
});

test('backups of one second have names of their own, and the ten newest of a name stay', async (t) => {
  const self = project(t);
  await withRows(self, 'a');
  await Promise.all(['x', 'x', 'x', 'y'].map((name) => backup(self, '--name', name)));
  const names = (await list(self)).map(({ path }) => fileOf(path).replace(/_\d.*/, ''));
  assert.deepEqual(names.sort(), ['queue_backup_x', 'queue_backup_x', 'queue_backup_x', 'queue_backup_y']);
  await backup(self, '--name', 'x', '--keep', '2');
  assert.deepEqual((await list(self)).map(({ name }) => name).sort(), ['x', 'x', 'y']);
});

test('prune by number and by age, but never the last good one', async (t) => {
  const self = project(t);
  await withRows(self, 'a');
  const good = await backup(self, '--name', 'n');
  const directory = join(self.dir, '.hive-mind', 'backups');
  const bad = join(directory, 'queue_backup_n_29990101_000000.db');
  const old = join(directory, 'queue_backup_n_20010101_000000.db');
  for (const path of [bad, old]) writeFileSync(path, 'no database');
  writeFileSync(`${bad}.json`, readFileSync(`${good}.json`));
  writeFileSync(join(directory, 'notes.txt'), 'mine');
  await maint(self, ['verify', '--all'], 1);
  assert.match(
    (await maint(self, ['prune', '--days', '3000'])).stdout,
    /removed .*n_20010101_000000\.db\n1 backup removed/,
  );
  await maint(self, ['prune', '--keep', '1']);
  assert.deepEqual(
    (await list(self)).map(({ path }) => path),
    [bad, good],
    'the newest, and the last good one',
  );
  await maint(self, ['prune', '--days', '0']);
  assert.deepEqual(
    (await list(self)).map(({ path }) => path),
    [bad, good],
  );
  assert.ok(existsSync(join(directory, 'notes.txt')));
});

test('--compress: the same database in a third, verified and restored like the others', async (t) => {
  const self = project(t);
  await withRows(self, 'a'.repeat(50_000), 'b'.repeat(50_000));
  const file = await backup(self, '--compress');
  assert.match(file, /\.db\.gz$/);
  assert.ok(statSync(file).size * 3 < statSync(self.db).size);
  assert.equal(gunzipSync(readFileSync(file)).toString('latin1', 0, 15), 'SQLite format 3');
  await maint(self, ['verify', file]);
  const to = join(self.dir, 'copy.db');
  await maint(self, ['restore', file, '--to', to]);
  assert.deepEqual(contentOf(to), contentOf(self.db));
  writeFileSync(file, readFileSync(file).subarray(0, 200));
  rmSync(`${file}.json`);
  assert.match(
    (await maint(self, ['verify', file], 1)).stdout,
    /BAD .*\n +it can't be unpacked: .*\n +warning: it has no label/,
  );
});

test('verify says of each backup what is wrong with it', async (t) => {
  const self = project(t);
  execute(
    self,
    `PRAGMA foreign_keys = OFF;
     CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p(id)); INSERT INTO c VALUES(7)`,
  );
  await withRows(self, 'a');
  const file = await backup(self);
  const bytes = readFileSync(file);
  const verdict = async (code: number): Promise<string> => (await maint(self, ['verify', file], code)).stdout;
  assert.match(
    await verdict(0),
    /^good .*\n +warning: 1 row of c without the parent that a foreign key names\n$/,
  );
  writeFileSync(file, bytes.subarray(0, bytes.length - 4096));
  assert.match(await verdict(1), /^BAD .*\n +it has \d+ bytes, and had \d+ when it was made/);
  assert.deepEqual((await list(self))[0]?.verified?.ok, false, 'it is noted');
  const flipped = Buffer.from(bytes);
  flipped[4100] = (flipped[4100] as number) ^ 0xff;
  writeFileSync(file, flipped);
  assert.match(await verdict(1), /its checksum is [0-9a-f]{8}, and was [0-9a-f]{8}/);
  rmSync(`${file}.json`);
  assert.match(await verdict(1), /^BAD /, 'without its checksum SQLite finds it');
  writeFileSync(file, bytes);
  assert.match(await verdict(0), /warning: it has no label/);
  rmSync(file);
  mkdirSync(file);
  assert.match(await verdict(1), /it is not a file/);
  await maint(self, ['verify'], 2);
  await maint(self, ['verify', '--all', file], 2);
});

test('what can not be backed up is said, and older backups stay', async (t) => {
  const self = project(t);
  await withRows(self, 'a');
  const file = await backup(self);
  const refused = async (args: string[], code: number, message: RegExp): Promise<void> => {
    const { stderr } = await maint(self, ['backup', ...args], code);
    assert.match(stderr, message);
    assert.deepEqual(shelf(self), [fileOf(file), `${fileOf(file)}.json`], String(message));
  };
  await refused(['--name', '../x'], 2, /'\.\.\/x' can't be the name of a backup/);
  await refused(
    ['--dir', join(self.spool, 'backups')],
    2,
    /is in the spool, which queue-init --reset empties/,
  );
  symlinkSync(self.spool, join(self.dir, 'link'));
  await refused(['--dir', join(self.dir, 'link')], 2, /is in the spool/);
  await refused(['--keep', '0'], 2, /--keep is '0'/);
  await refused(['--db', join(self.dir, 'none.db')], 1, /none\.db can't be used: it is missing/);
  writeFileSync(join(self.dir, 'text.db'), 'just text'.repeat(1000));
  await refused(['--db', join(self.dir, 'text.db')], 1, /not a database/);
  await refused(['surplus'], 2, /arguments too many/);
  await refused(['--dir', join(self.dir, 'text.db')], 1, /EEXIST|ENOTDIR/);
  // An index that does not hold what its table does.
  const broken = join(self.dir, 'broken.db');
  execute(self, 'CREATE TABLE t(a); CREATE INDEX i ON t(a); INSERT INTO t VALUES(1),(2),(3)', broken);
  execute(self, 'PRAGMA journal_mode=DELETE', broken);
  const bytes = readFileSync(broken);
  bytes.copy(bytes, 4096 * 2, 4096, 4096 * 2);
  writeFileSync(broken, bytes);
  await refused(['--db', broken], 1, /is not sound, so no backup was made|malformed/);
});

test('a backup beside writers and the worker holds up neither, and none of its parts is later than its beginning', async (t) => {
  const self = project(t);
  withTables(self);
  await startWorker(self);
  const writing = storm(self, ['a', 'b'], 300);
  await waitFor('a part of it', () => self.journal().length > 100);
  const file = await backup(self);
  await writing;
  await drained(self);
  assert.equal(contentOf(self.db).log.length, 600);
  const { log } = contentOf(file);
  assert.ok(log.length >= 100 && log.length <= 600);
  assert.deepEqual(contentOf(self.db).log.slice(0, log.length), log);
  assert.deepEqual(self.names('failed'), []);
});

test('a disk too full for a backup is found out before, and harms no other', {
  skip: noMounts(),
}, async (t) => {
  const self = project(t);
  await withRows(self, 'a'.repeat(3_000_000));
  const small = join(self.dir, 'small');
  mkdirSync(small);
  const script = `mount -t tmpfs -o size=6m none "$1" && cd "$1" &&
    "$2" backup --dir "$1" --json >/dev/null; echo "first $?"; "$2" backup --dir "$1"; echo "second $?"; ls "$1"`;
  const { stdout, stderr } = await self.run('unshare', [
    '-m',
    'bash',
    '-c',
    script,
    'bash',
    small,
    join(DIST, 'queue-maint'),
  ]);
  assert.match(stdout, /first 1\nsecond 1\n$/);
  assert.match(
    stderr,
    /the disk of .*\/small is too full for a backup: \d+\.\d MB are needed, \d+\.\d MB are free/,
  );
});

test('what killed backups have left is removed by the next', async (t) => {
  const self = project(t);
  await withRows(self, 'a');
  const directory = join(self.dir, '.hive-mind', 'backups');
  mkdirSync(directory, { mode: 0o700 });
  const remains = [
    '.queue_backup-999999999-x.tmp',
    '.queue_backup-999999999-x.tmp-journal',
    '.queue_backup-999999999-x.tmp.gz.tmp',
  ];
  for (const name of remains) writeFileSync(join(directory, name), 'half');
  const mine = `.queue_backup-${process.pid}-x.tmp`;
  writeFileSync(join(directory, mine), 'of a backup that is being made');
  const claims = ['queue_backup_n_20200101_000000.db.json', 'queue_backup_n_20200101_000001.db.json'];
  for (const name of claims) writeFileSync(join(directory, name), '');
  utimesSync(join(directory, claims[0] as string), 1, 1);
  const file = fileOf(await backup(self));
  assert.deepEqual(readdirSync(directory).sort(), [mine, claims[1], file, `${file}.json`].sort());
});

test('without a spool, and in a directory that may not be written', async (t) => {
  const self = project(t);
  const db = join(self.dir, 'other.db');
  mkdirSync(join(self.dir, '.hive-mind'));
  execute(self, 'CREATE TABLE t(a)', db);
  rmSync(self.spool, { recursive: true });
  await maint(self, ['backup', '--db', db]);
  const { stdout } = await maint(self, ['list', '--db', db, '--json']);
  const [made] = JSON.parse(stdout) as Listed[];
  assert.equal(made?.position, null);
  assert.ok(!existsSync(self.spool), 'it makes none');
  // A database that no worker has written to has no ledger, and its backup is good all the same.
  await maint(self, ['verify', made?.path as string]);
  const closed = join(self.dir, 'closed');
  mkdirSync(closed);
  chmodSync(closed, 0o500);
  if (process.geteuid?.() !== 0) await maint(self, ['backup', '--db', db, '--dir', closed], 1);
});
