/** Spools that can't be used: producers refuse them with the reason and write to the database; workers leave. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DIST, type Project, project, workerPid } from './support/project.ts';
import {
  AS_NOBODY,
  drained,
  ended,
  logged,
  logs,
  nodeWrite,
  noMounts,
  noOtherUser,
  once,
  putEntry,
  startWorker,
  withLog,
  workerLog,
  write,
} from './support/queue.ts';

const DIRECTORIES = ['.tmp', 'completed', 'failed', 'pending', 'processing'];
const isRoot = process.geteuid?.() === 0;

test('a spool that is missing is made, 0700 inside a directory of the user, with files of 0600', async (t) => {
  const self = project(t);
  const result = await self.run('sh', [
    '-c',
    'umask 0; exec "$@"',
    'sh',
    process.execPath,
    join(DIST, 'queue-write'),
    'SELECT 1',
  ]);
  assert.equal(result.code, 0, result.stderr);
  const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
  assert.equal(mode(self.spool), '700');
  for (const directory of DIRECTORIES) assert.equal(mode(join(self.spool, directory)), '700', directory);
  await once(self);
  for (const file of readdirSync(self.spool, { recursive: true, withFileTypes: true })) {
    if (file.isFile()) assert.equal(mode(join(file.parentPath, file.name)), '600', file.name);
  }
});

test('a part of the spool that was removed is made again', async (t) => {
  const self = project(t);
  withLog(self);
  for (const directory of DIRECTORIES) {
    rmSync(join(self.spool, directory), { recursive: true });
    await write(self, logs(directory));
    await once(self);
  }
  assert.deepEqual(logged(self), DIRECTORIES);
});

interface Unsafe {
  spoil: (self: Project) => void;
  reason: RegExp;
  needsRoot?: boolean;
}

const unsafe: Record<string, Unsafe> = {
  'world-writable': {
    spoil: ({ spool }) => chmodSync(spool, 0o777),
    reason: /queue is open to group or others \(mode 0777\)\S* ?.*\n?.*chmod 700/,
  },
  'readable by the group': { spoil: ({ spool }) => chmodSync(spool, 0o740), reason: /mode 0740/ },
  'open in one of its directories': {
    spoil: ({ spool }) => chmodSync(join(spool, 'pending'), 0o702),
    reason: /pending is open to group or others \(mode 0702\)/,
  },
  'a symlink': {
    spoil: ({ spool }) => {
      renameSync(spool, `${spool}.real`);
      symlinkSync(`${spool}.real`, spool);
    },
    reason: /queue is a symlink/,
  },
  'a symlink in one of its directories': {
    spoil: ({ spool, dir }) => {
      mkdirSync(join(dir, 'elsewhere'), { mode: 0o700 });
      rmSync(join(spool, 'pending'), { recursive: true });
      symlinkSync(join(dir, 'elsewhere'), join(spool, 'pending'));
    },
    reason: /pending is a symlink/,
  },
  'a file': {
    spoil: ({ spool }) => {
      rmSync(spool, { recursive: true });
      writeFileSync(spool, '');
    },
    reason: /queue is not a directory/,
  },
  "someone else's": {
    spoil: ({ spool }) => chownSync(spool, 65534, 65534),
    reason: /belongs to user 65534/,
    needsRoot: true,
  },
};

for (const [what, { spoil, reason, needsRoot = false }] of Object.entries(unsafe)) {
  test(`a spool that is ${what} is refused: the write goes to the database, the reason to stderr`, {
    skip: needsRoot && !isRoot && 'needs root',
  }, async (t) => {
    const self = project(t);
    withLog(self);
    spoil(self);
    const result = await nodeWrite(self, [logs('a')]);
    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stderr, reason);
    assert.match(result.stderr, /written to the database directly/);
    assert.deepEqual(logged(self), ['a']);
    const worker = await self.run('queue-worker', ['--once']);
    assert.equal(worker.code, 1);
    assert.match(worker.stderr, reason);
    if (existsSync(join(self.dir, 'elsewhere')))
      assert.deepEqual(readdirSync(join(self.dir, 'elsewhere')), []);
  });
}

test('when neither spool nor database takes the write, it exits 1 and says why for both', async (t) => {
  const self = project(t);
  withLog(self);
  chmodSync(self.spool, 0o777);
  const result = await nodeWrite(self, ['--db', '/nowhere/x.db', logs('a')]);
  assert.equal(result.code, 1);
  assert.match(result.stderr, /open to group or others.*and directly:.*\/nowhere\/x\.db/);
});

test('a delayed write can not go to the database at once: it is refused with the reason', async (t) => {
  const self = project(t);
  withLog(self);
  chmodSync(self.spool, 0o777);
  const result = await nodeWrite(self, ['--delay', '60', logs('a')]);
  assert.equal(result.code, 1);
  assert.match(result.stderr, /open to group or others/);
  assert.deepEqual(logged(self), []);
});

const mounted = async (self: Project, mount: string, args: readonly string[], env = {}) => {
  const script = `set -e; ${mount}; set +e; "$@"; code=$?; find "$SPOOL/pending" "$SPOOL/.tmp" -type f; exit $code`;
  const node = [process.execPath, join(DIST, 'queue-write'), ...args];
  return self.run('unshare', ['-m', 'sh', '-c', script, 'sh', ...node], {
    env: { SPOOL: self.spool, ...env },
  });
};
const READ_ONLY = 'mount --bind "$SPOOL" "$SPOOL"; mount -o remount,bind,ro "$SPOOL"';

test('a read-only spool: the write goes to the database', { skip: noMounts() }, async (t) => {
  const self = project(t);
  withLog(self);
  const result = await mounted(self, READ_ONLY, [logs('a')]);
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stderr, /spool .* can't be written: EROFS.*written to the database directly/);
  assert.deepEqual([logged(self), self.names('pending')], [['a'], []]);
});

/** A tmpfs of 64 KB over the spool, with the spool's layout, and at most `free` bytes free. */
const full = (free: number): string =>
  [
    'mount -t tmpfs -o size=64k,mode=700 none "$SPOOL"',
    `mkdir -m 700 ${DIRECTORIES.map((name) => `"$SPOOL/${name}"`).join(' ')}`,
    'printf 0000000000000000\\\\n >"$SPOOL/.seq"; chmod 600 "$SPOOL/.seq"',
    `head -c ${60 * 1024 - free} /dev/zero >"$SPOOL/filler"`,
  ].join('; ');

for (const [what, free, size] of [
  ['full', 0, 10],
  ['nearly full, so that half of the entry fits,', 8192, 20_000],
] as const) {
  test(`a spool that is ${what} takes nothing: the write goes to the database, whole`, {
    skip: noMounts(),
  }, async (t) => {
    const self = project(t);
    withLog(self);
    const text = 'x'.repeat(size);
    const result = await mounted(self, full(free), [logs(text)]);
    assert.equal(result.code, 0, result.stderr);
    assert.match(
      result.stderr,
      /can't be written: .*(ENOSPC|disk is full).*written to the database directly/,
    );
    assert.equal(result.stdout, '', 'something is left in pending/ or .tmp/');
    assert.deepEqual(logged(self), [text]);
  });
}

test('without the right to write: the write goes to the database', { skip: noOtherUser() }, async (t) => {
  const self = project(t);
  // A spool of its own user in which it may not write, and a database in which it may.
  withLog(self);
  assert.equal((await self.run('chown', ['-R', '65534:65534', join(self.dir, '.hive-mind')])).code, 0);
  chmodSync(self.dir, 0o755);
  chmodSync(join(self.spool, 'pending'), 0o500);
  const [program, ...args] = [...AS_NOBODY, process.execPath, join(DIST, 'queue-write'), logs('a')];
  const result = await self.run(program, args);
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stderr, /EACCES.*written to the database directly/);
  assert.deepEqual(logged(self), ['a']);
});

test('planted symlinks in the place of .seq and of an entry are not followed', async (t) => {
  const self = project(t);
  withLog(self);
  const victim = join(self.dir, 'victim');
  writeFileSync(victim, 'precious');
  symlinkSync(victim, join(self.spool, '.seq'));
  const result = await nodeWrite(self, [logs('a')]);
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stderr, /ELOOP.*written to the database directly/);
  assert.equal(statSync(victim).size, 'precious'.length);
  assert.ok(lstatSync(join(self.spool, '.seq')).isSymbolicLink());
});

test('a worker whose spool becomes open to others while it runs leaves, and says why', async (t) => {
  const self = project(t);
  withLog(self);
  const pid = await startWorker(self);
  chmodSync(self.spool, 0o777);
  await ended(pid);
  assert.match(workerLog(self), /the worker leaves: the spool is refused: .* open to group or others/);
  chmodSync(self.spool, 0o700);
  putEntry(self, logs('a'));
  await once(self);
  assert.deepEqual(logged(self), ['a']);
});

test('a worker whose spool is removed while it runs leaves', async (t) => {
  const self = project(t);
  const pid = await startWorker(self);
  rmSync(self.spool, { recursive: true, maxRetries: 10 });
  await ended(pid);
  assert.equal(workerPid(self), undefined);
});

test('a worker keeps what it can not journal in pending/, says so, and goes on when there is room', {
  skip: noMounts(),
}, async (t) => {
  const self = project(t);
  withLog(self);
  const completed = join(self.spool, 'completed');
  // The journal alone on a full disk.
  for (let i = 0; i < 3; i++) putEntry(self, logs(String(i)));
  const steps = [
    'mount -t tmpfs -o size=8k,mode=700 none "$1"',
    'head -c 8192 /dev/zero >"$1/filler"',
    '"$2" --foreground & worker=$!',
    `until grep -q '"spool":' "$3/stats.json" 2>/dev/null; do sleep 0.05; done`,
    '[ "$(ls "$3/pending" | wc -l)" = 3 ] || echo lost',
    'rm "$1/filler"',
    'until [ "$(ls "$3/pending" | wc -l)" = 0 ]; do sleep 0.05; done',
    'kill $worker; wait $worker; echo code $?; cat "$1"/*.jsonl',
  ];
  const worker = join(DIST, 'queue-worker');
  const result = await self.run('unshare', [
    '-m',
    'sh',
    '-c',
    steps.join('\n'),
    'sh',
    completed,
    worker,
    self.spool,
  ]);
  assert.match(result.stdout, /code 0/, result.stdout + result.stderr);
  assert.doesNotMatch(result.stdout, /^lost/m);
  assert.deepEqual(logged(self), ['0', '1', '2']);
  const lines = result.stdout.split('\n').filter((line) => line.startsWith('{'));
  assert.equal(lines.length, 3);
  assert.deepEqual([self.names('failed'), self.names('processing')], [[], []]);
});

test('producers go on while the log can not be written', async (t) => {
  const self = project(t);
  withLog(self);
  mkdirSync(join(self.spool, 'worker.log'));
  const result = await nodeWrite(self, [logs('a')], { env: { QUEUE_BATCH_SIZE: 'x' } });
  assert.equal(result.code, 0, result.stderr);
  await drained(self);
  assert.deepEqual(logged(self), ['a']);
});
