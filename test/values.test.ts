/** Values with files of their own: what is long, or not plain text, goes from bash into the database as it is. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fakeWorker, listeningNode, spooled } from './support/producer.ts';
import { DIST, type Project, project, QUEUE_LIB, ROOT, waitFor } from './support/project.ts';
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
  for (const file of ['05_1700000000000000_4194305.json.v', '05_1700000000000001_4194305.json.v', 'stray']) {
    writeFileSync(join(values, file), 'x\n');
  }
  mkdirSync(join(values, 'directory'));
  for (const file of readdirSync(values)) {
    if (!file.includes('0001_4194305')) utimesSync(join(values, file), hourAgo, hourAgo);
  }
  const dry = await self.run('queue-cleanup', ['--dry-run']);
  assert.match(dry.stdout, /2 stale temporary files/);
  const kept = ['05_1700000000000001_4194305.json.v', `${name}.v`, 'directory'];
  assert.equal(self.names('values').length, 5);
  assert.equal((await self.run('queue-cleanup')).code, 0);
  assert.deepEqual(self.names('values'), kept);
  await once(self);
  assert.deepEqual(texts(self), ['é'.repeat(600)]);
  assert.deepEqual(self.names('values'), [kept[0], 'directory']);
});

test('an idle worker removes what a dead producer has left', async (t) => {
  const self = queue(t);
  const orphan = join(self.spool, 'values', '05_1700000000000000_4194305.json.v');
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

test('without queue-rest.sh an entry that is written counts, and the rest says what is missing', async (t) => {
  const self = queue(t);
  fakeWorker(self);
  const copy = join(self.dir, 'queue-lib.sh');
  cpSync(QUEUE_LIB, copy);
  const run = (script: string, env: Record<string, string> = {}): ReturnType<Project['run']> =>
    self.run('bash', ['-c', `. "$1"; ${script}`, 'test', copy], { env });
  writeFileSync(join(self.spool, 'worker.pid'), '');
  const written = await run(`queue_db_write 'SELECT 1'`);
  assert.equal(written.code, 0);
  assert.equal(self.names('pending').length, 1);
  for (const script of ['queue_size', `queue_db_write 'SELECT 1' op x`]) {
    const result = await run(script);
    assert.equal(result.code, 1, script);
    assert.match(result.stderr, /queue-rest\.sh is not found beside .*: set QUEUE_HOME/);
  }
  const found = await run('queue_size', { QUEUE_HOME: ROOT });
  assert.deepEqual([found.code, found.stdout], [0, '1\n']);
  rmSync(join(self.spool, 'worker.pid'));
});

for (const values of ['0', 'false', '""', 'null', '{}', '[1]', '["../x"]', '["v/../w"]']) {
  test(`"values":${values} is a bad entry, not a fault of the spool`, async (t) => {
    const self = queue(t);
    const entry = `{"sql":"SELECT 1","values":${values}}\n`;
    writeFileSync(join(self.spool, 'pending', '05_1700000000000000_4194305.json'), entry);
    await once(self, 3);
    assert.match((await self.run('queue-failed', ['show', '--all'])).stdout, /"values" that are not a list/);
  });
}

test('a parameter may be called __proto__', async (t) => {
  const self = queue(t);
  const text = 'é'.repeat(600);
  await self.bash(`queue_db_write 'INSERT INTO log(t) VALUES(:__proto__)' op 5 '' "__proto__=$1"`, [text]);
  await once(self);
  assert.deepEqual(texts(self), [text]);
});

test('a producer that waits for its stdin keeps its old value', async (t) => {
  const self = queue(t);
  const fifo = join(self.dir, 'fifo');
  spawnSync('mkfifo', [fifo]);
  const written = self.bash(`exec <"$1"; queue_db_write '${INSERT}' op 5 '' 'v@-'`, [fifo]);
  const stdin = openSync(fifo, 'w');
  writeSync(stdin, 'x'.repeat(40_000));
  const [file] = await waitFor('the value', () => {
    const names = self.names('values');
    return names.length === 1 ? names : undefined;
  });
  utimesSync(join(self.spool, 'values', file as string), 1_700_000_000, 1_700_000_000);
  await once(self);
  await self.run('queue-cleanup');
  writeSync(stdin, 'end');
  closeSync(stdin);
  assert.equal((await written).code, 0);
  await once(self);
  assert.deepEqual(texts(self), [`${'x'.repeat(40_000)}end`]);
});

test('a trap that prints and queues while a long stdin is read spoils nothing', async (t) => {
  const self = queue(t);
  fakeWorker(self);
  const fifo = join(self.dir, 'fifo');
  spawnSync('mkfifo', [fifo]);
  const script = `long=$2 done=$3; trap 'echo trapped; queue_db_write "${INSERT}" trap 4 "" "v=$long"; : >"$done"' USR1
exec <"$1"; queue_db_write '${INSERT}' op 5 '' 'v@-'`;
  const long = 'é'.repeat(600);
  const done = join(self.dir, 'done');
  const written = self.bash(script, [fifo, long, done]);
  const stdin = openSync(fifo, 'w');
  writeSync(stdin, 'x'.repeat(40_000));
  const [file] = await waitFor('the value', () => {
    const names = self.names('values');
    return names.length === 1 ? names : undefined;
  });
  process.kill(Number(/_(\d+)\.json/.exec(file as string)?.[1]), 'SIGUSR1');
  writeSync(stdin, 'end');
  closeSync(stdin);
  assert.deepEqual([(await written).code, (await written).stdout], [0, 'trapped\n']);
  assert.ok(existsSync(done));
  rmSync(join(self.spool, 'worker.pid'));
  await once(self);
  assert.deepEqual(texts(self), [long, `${'x'.repeat(40_000)}end`]);
});

test("a value's name that is taken is left alone, and the entry gets another", async (t) => {
  const self = queue(t);
  fakeWorker(self);
  const script = `unset EPOCHREALTIME; EPOCHREALTIME=1767328963.123456
printf 'theirs\\n' >"$1/values/05_1767328963123456_$$.json.v"; queue_db_write '${INSERT}' op 5 '' "v=$2"`;
  const result = await self.bash(script, [self.spool, 'é'.repeat(600)]);
  assert.deepEqual([result.code, result.stderr], [0, '']);
  const files = self.names('values').map((name) => readFileSync(join(self.spool, 'values', name), 'utf8'));
  assert.deepEqual(files, ['theirs\n', `${'é'.repeat(600)}\n`]);
  assert.match(self.names('pending')[0] as string, /^05_1767328963123457_/);
});

test('queue_read_stdin after a peek has all of it, and NAME@- as well', async (t) => {
  const self = queue(t);
  for (const input of ['hello\n', 'y'.repeat(40_000)]) {
    const script = `queue_peek_stdin p; queue_read_stdin r; printf '%s' "\${#r}"
for n in 1 2; do queue_db_write '${INSERT}' op 5 '' 'v@-' || exit; done`;
    const result = await self.bash(script, [], { input });
    assert.deepEqual([result.code, result.stdout, result.stderr], [0, String(input.length), '']);
  }
  await once(self);
  assert.deepEqual(
    texts(self).map((text) => String(text).length),
    [6, 6, 40_000, 40_000],
  );
});

test('a timeout is not the end of stdin', async (t) => {
  const self = queue(t);
  for (const script of [
    `TMOUT=1; queue_db_write '${INSERT}' op 5 '' 'v@-'`,
    `TMOUT=1; queue_read_stdin v; queue_db_write '${INSERT}' op 5 '' "v=$v"`,
  ]) {
    const fifo = join(self.dir, `fifo${script.length}`);
    spawnSync('mkfifo', [fifo]);
    // strace would be needed to see the timeout come; the second line is written when it has.
    const written = self.bash(`exec <"$1"; ${script}`, [fifo]);
    const stdin = openSync(fifo, 'w');
    writeSync(stdin, 'first\n');
    await new Promise((done) => setTimeout(done, 1500));
    writeSync(stdin, 'second\n');
    closeSync(stdin);
    assert.equal((await written).code, 0);
  }
  await once(self);
  assert.deepEqual(texts(self), ['first\nsecond\n', 'first\nsecond\n']);
});

test('values too large to be put into failed/ are refused, and stay for whoever looks', async (t) => {
  const self = queue(t);
  const script = `queue_db_write 'SELECT :a' op 5 '' 'a@-'`;
  const result = await self.bash(script, [], { input: Buffer.alloc(67_100_000, 'x') });
  assert.deepEqual([result.code, result.stderr], [0, '']);
  await once(self, 3);
  assert.match(
    (await self.run('queue-failed', ['show', '--all'])).stdout,
    /with its values it has more than/,
  );
  assert.equal(self.names('values').length, 1);
});
