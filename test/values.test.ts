/** Values with files of their own: what is long, or not plain text, goes from bash into the database as it is. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fakeWorker, listeningNode, spooled } from './support/producer.ts';
import { DIST, type Project, project, waitFor } from './support/project.ts';
import { execute, once, startNoWorker, withLog } from './support/queue.ts';

const INSERT = 'INSERT INTO log(t) VALUES(:v)';
const canTrace = spawnSync('strace', ['-V']).status === 0;
const canMount = spawnSync('unshare', ['-m', 'true']).status === 0;

/** A project whose entries are applied when the test says so, with the table log(n, t). */
function queue(t: Parameters<typeof project>[0], env: Record<string, string> = {}): Project {
  const self = project(t, env);
  withLog(self);
  startNoWorker(self);
  return self;
}

function texts(self: Project): unknown[] {
  return self.rows('SELECT t FROM log ORDER BY n').map(({ t }) => t);
}

/** One entry whose value has a file of its own. @returns its name. */
async function spoolOne(self: Project, value = 'é'.repeat(600)): Promise<string> {
  const result = await self.bash(`queue_db_write '${INSERT}' op 5 '' "v=$1"`, [value]);
  assert.deepEqual([result.code, result.stderr], [0, '']);
  const [name] = self.names('pending');
  assert.deepEqual(self.names('values'), [`${name}.v`]);
  return name as string;
}

test('values of every size and kind arrive byte for byte, by NAME=VALUE, NAME@- and --stdin', async (t) => {
  const self = queue(t);
  const values = [1, 510, 511, 512, 4096, 32_767, 32_768, 32_769, 65_536, 300_000].map((n) => 'x'.repeat(n));
  values.push(
    '',
    '\n',
    'line\n',
    'é',
    '"\\\n\t',
    `{"a":"${'"\\\\é😀'.repeat(20_000)}"}\n`,
    '\u0001\u007f'.repeat(300),
  );
  for (const input of values) {
    for (const script of [
      `queue_read_stdin v; queue_db_write '${INSERT}' op 5 '' "v=$v"`,
      `queue_db_write '${INSERT}' op 5 '' 'v@-'`,
      `queue_peek_stdin v; queue_db_write '${INSERT}' op 5 '' 'v@-'`,
      `"${DIST}/queue-write" --stdin v '${INSERT}' op 5`,
    ]) {
      const result = await self.bash(script, [], { input });
      assert.deepEqual(
        [result.code, result.stdout, result.stderr],
        [0, '', ''],
        `${input.length}: ${script}`,
      );
    }
  }
  await once(self);
  assert.deepEqual(
    texts(self),
    values.flatMap((value) => Array<string>(4).fill(value)),
  );
  assert.deepEqual(self.names('values'), []);
  assert.deepEqual(
    self.journal().map(({ params }) => params),
    values.flatMap((v) => Array<unknown>(4).fill({ v })),
  );
});

test('5 MB of stdin cost no more than one cat, 32 KB no process at all', {
  skip: canTrace ? false : 'strace is not here',
}, async (t) => {
  const self = project(t);
  fakeWorker(self);
  const trace = join(self.dir, 'trace');
  for (const [size, execs] of [
    [32_767, 1],
    [5_000_000, 2],
  ] as const) {
    const script = `. "$1"; queue_peek_stdin v; queue_db_write '${INSERT}' op 5 '' 'v@-'`;
    const lib = join(DIST, '..', 'lib', 'queue-lib.sh');
    const args = ['-f', '-qq', '-e', 'trace=process', '-o', trace, 'bash', '-c', script, 'test', lib];
    const result = await self.run('strace', args, { input: 'x'.repeat(size) });
    assert.deepEqual([result.code, result.stderr], [0, '']);
    const calls = readFileSync(trace, 'utf8').split('\n');
    // A call that another process interrupts has its result on a line of its own.
    assert.equal(calls.filter((line) => /execve\((?!.* = -1 )/.test(line)).length, execs, calls.join('\n'));
    assert.equal(calls.filter((line) => /\b(clone3?|v?fork)\(/.test(line)).length, execs - 1);
    assert.deepEqual(spooled(self).at(-1)?.entry.params, { v: 'x'.repeat(size) });
  }
});

test('what was peeked at goes into any number of writes while it is short, into one when it is long', async (t) => {
  const self = queue(t);
  const script = `queue_peek_stdin v; LC_ALL=C; printf '%s' "\${#v}"
for n in 1 2; do queue_db_write '${INSERT}' op 5 '' 'v@-' || printf ' refused %s' $?; done`;
  const short = await self.bash(script, [], { input: 'é'.repeat(300) });
  assert.deepEqual([short.code, short.stdout, short.stderr], [0, '600', '']);
  const long = await self.bash(script, [], { input: 'y'.repeat(40_000) });
  assert.deepEqual([long.code, long.stdout], [0, '32768 refused 1']);
  assert.match(
    long.stderr,
    /queue_db_write: not written: stdin is longer than 32 KB, and another write has taken it/,
  );
  await once(self);
  assert.deepEqual(texts(self), ['é'.repeat(300), 'é'.repeat(300), 'y'.repeat(40_000)]);
});

test('each NAME@- without a peek reads its own stdin', async (t) => {
  const self = queue(t);
  const script = `for v in one "$(printf '%1000s')" three; do queue_db_write '${INSERT}' op 5 '' 'v@-' <<<"$v"; done`;
  const result = await self.bash(script);
  assert.deepEqual([result.code, result.stderr], [0, '']);
  await once(self);
  assert.deepEqual(texts(self), ['one\n', `${' '.repeat(1000)}\n`, 'three\n']);
});

test('bad names and bad forms are refused', async (t) => {
  const self = project(t);
  fakeWorker(self);
  for (const param of ['v@', 'v@-x', '1v@-', '@-', 'v-w@-', 'v@=x', 'v']) {
    const result = await self.bash(`queue_db_write 'SELECT :v' op 5 '' "$1"`, [param], { input: 'x' });
    assert.equal(result.code, 2, param);
    assert.match(result.stderr, /is not NAME=VALUE or NAME@-/);
  }
  for (const name of ['', '1v', '_queue_x', 'a b']) {
    const result = await self.bash('queue_peek_stdin "$1"', [name], { input: 'x' });
    assert.equal(result.code, 2, name);
    assert.match(result.stderr, /queue_peek_stdin: not a name for a variable/);
  }
  assert.deepEqual(self.names('pending'), []);
});

test('the files are for nobody else, whatever the umask', async (t) => {
  const self = queue(t);
  await self.bash(`umask 0; queue_db_write '${INSERT}' op 5 '' "v=$1"`, ['é'.repeat(600)]);
  const modes = await self.run('stat', [
    '-c',
    '%a',
    ...['', ...self.names('values')].map((n) => join(self.spool, 'values', n)),
  ]);
  assert.equal(modes.stdout, '700\n600\n');
});

test('a spool without values/ gets it, and nothing is lost', async (t) => {
  const self = queue(t);
  fakeWorker(self);
  rmSync(join(self.spool, 'values'), { recursive: true });
  for (const input of ['é', 'z'.repeat(100_000)]) {
    const result = await self.bash(`queue_db_write '${INSERT}' op 5 '' 'v@-'`, [], { input });
    assert.deepEqual([result.code, result.stderr], [0, '']);
  }
  rmSync(join(self.spool, 'worker.pid'));
  await once(self);
  assert.deepEqual(texts(self), ['é', 'z'.repeat(100_000)]);
});

test('USE_QUEUE=false and other work of Node get all of stdin', async (t) => {
  const self = queue(t);
  const input = `é${'w'.repeat(70_000)}\n`;
  for (const env of [{ USE_QUEUE: 'false' }, { QUEUE_DURABLE: 'true' }]) {
    const result = await self.bash(`queue_peek_stdin v; queue_db_write '${INSERT}' op 5 '' 'v@-'`, [], {
      input,
      env,
    });
    assert.deepEqual([result.code, result.stderr], [0, '']);
  }
  await once(self);
  assert.deepEqual(texts(self), [input, input]);
});

test('a name that is taken costs no value', async (t) => {
  const self = queue(t);
  fakeWorker(self);
  for (const size of [1000, 50_000]) {
    // The clock stands still, and the name of this process's next entry is taken.
    const script = `unset EPOCHREALTIME; EPOCHREALTIME=1767328963.123456; : >"$1/pending/05_1767328963123456_$$.json"
queue_db_write '${INSERT}' op 5 '' 'v@-'; code=$?; rm "$1/pending/05_1767328963123456_$$.json"; exit $code`;
    const result = await self.bash(script, [self.spool], { input: 'v'.repeat(size) });
    assert.deepEqual([result.code, result.stderr], [0, '']);
  }
  rmSync(join(self.spool, 'worker.pid'));
  await once(self);
  assert.deepEqual(texts(self), ['v'.repeat(1000), 'v'.repeat(50_000)]);
  assert.deepEqual(self.names('values'), []);
});

test('a disk too full for the value: the write fails and says so, and leaves nothing', {
  skip: canMount ? false : 'mounting is not allowed here',
}, async (t) => {
  const self = project(t);
  fakeWorker(self);
  const script = `mount -t tmpfs -o size=128k,mode=700 none "$1/values" && . "$2" &&
queue_db_write 'SELECT :v' op 5 '' 'v@-'; echo "code $?, left $(ls "$1/values" "$1/pending" | wc -w)"`;
  const node = listeningNode(self, 1);
  const lib = join(DIST, '..', 'lib', 'queue-lib.sh');
  const run = (size: number): ReturnType<Project['run']> =>
    self.run('unshare', ['-m', 'bash', '-c', script, 'test', self.spool, lib], {
      input: 'x'.repeat(size),
      env: { QUEUE_NODE: node.path },
    });
  const large = await run(1_000_000);
  // `ls` prints the two directories' names.
  assert.equal(large.stdout, 'code 1, left 2\n', large.stderr);
  assert.match(large.stderr, /not written: the spool took only a part of stdin; the disk may be full/);
});

const BROKEN: Record<string, [(path: string) => void, RegExp]> = {
  missing: [(path) => rmSync(path), /whose value :v \(.*\) is missing/],
  torn: [(path) => truncateSync(path, 5), /whose value :v \(.*\) is torn/],
  'not UTF-8': [(path) => writeFileSync(path, Buffer.from([0x61, 0xff, 0x0a])), /is not valid UTF-8/],
  'a symlink': [
    (path) => {
      rmSync(path);
      symlinkSync('/etc/hostname', path);
    },
    /whose value :v \(.*\) is a symlink/,
  ],
  'a FIFO': [
    (path) => {
      rmSync(path);
      spawnSync('mkfifo', [path]);
    },
    /whose value :v \(.*\) is a FIFO/,
  ],
};

for (const [what, [spoil, message]] of Object.entries(BROKEN)) {
  test(`an entry whose value is ${what} is a dead letter, and its neighbours are applied`, async (t) => {
    const self = queue(t);
    const name = await spoolOne(self);
    spoil(join(self.spool, 'values', `${name}.v`));
    await self.bash(`queue_db_write '${INSERT}' op 6 '' 'v=next'`);
    await once(self, 3);
    assert.deepEqual(texts(self), ['next']);
    assert.ok(self.names('failed').includes(name));
    const shown = await self.run('queue-failed', ['show', name]);
    assert.match(shown.stdout, message);
  });
}

test('a dead letter has its value in it, and goes back with it', async (t) => {
  const self = queue(t);
  await self.bash(`queue_db_write 'INSERT INTO later VALUES(:v)' op 5 '' "v=é$1"`, ['q'.repeat(2000)]);
  await once(self, 3);
  const [name] = self.names('failed');
  const letter = JSON.parse(readFileSync(join(self.spool, 'failed', name as string), 'utf8'));
  assert.deepEqual(letter.params, { v: `é${'q'.repeat(2000)}` });
  assert.equal(letter.values, undefined);
  assert.deepEqual(self.names('values'), []);
  execute(self, 'CREATE TABLE later(t)');
  assert.equal((await self.run('queue-failed', ['retry', '--all'])).code, 0);
  await once(self);
  assert.deepEqual(self.rows('SELECT length(t) AS n FROM later'), [{ n: 2001 }]);
});

test('a value without an entry is removed when it is old, and one with an entry is not', async (t) => {
  const self = queue(t);
  const name = await spoolOne(self);
  const values = join(self.spool, 'values');
  const hourAgo = Date.now() / 1000 - 3600;
  for (const file of ['05_1700000000000000_1.json.v', '05_1700000000000001_1.json.v', 'stray']) {
    writeFileSync(join(values, file), 'x\n');
  }
  mkdirSync(join(values, 'directory'));
  for (const file of readdirSync(values)) {
    if (!file.includes('0001_1')) utimesSync(join(values, file), hourAgo, hourAgo);
  }
  const dry = await self.run('queue-cleanup', ['--dry-run']);
  assert.match(dry.stdout, /2 stale temporary files/);
  const kept = ['05_1700000000000001_1.json.v', `${name}.v`, 'directory'];
  assert.equal(self.names('values').length, 5);
  assert.equal((await self.run('queue-cleanup')).code, 0);
  assert.deepEqual(self.names('values'), kept);
  await once(self);
  assert.deepEqual(texts(self), ['é'.repeat(600)]);
  assert.deepEqual(self.names('values'), [kept[0], 'directory']);
});

test('an idle worker removes what a dead producer has left', async (t) => {
  const self = queue(t);
  const orphan = join(self.spool, 'values', '05_1700000000000000_1.json.v');
  writeFileSync(orphan, 'x\n');
  utimesSync(orphan, 1_700_000_000, 1_700_000_000);
  await self.run('queue-worker', ['start']);
  await waitFor('the orphan to be gone', () => !existsSync(orphan));
});

test('queue-init --reset takes the values too', async (t) => {
  const self = queue(t);
  await spoolOne(self);
  assert.equal((await self.run('queue-init', ['--reset', '--yes'])).code, 0);
  assert.deepEqual(self.names('values'), []);
});

test('values of 6000 entries, with the thread that reads ahead', async (t) => {
  const self = queue(t);
  fakeWorker(self);
  const script = `for ((n = 0; n < 6000; n++)); do queue_db_write '${INSERT}' op 5 '' "v=é$n" || exit; done`;
  assert.equal((await self.bash(script)).code, 0);
  assert.equal(self.names('values').length, 6000);
  rmSync(join(self.spool, 'worker.pid'));
  await once(self);
  assert.deepEqual(
    texts(self),
    Array.from({ length: 6000 }, (_, n) => `é${n}`),
  );
  assert.deepEqual(self.names('values'), []);
});
