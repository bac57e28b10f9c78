/** lib/queue-lib.sh and dist/queue-write against a real spool: no process, safe files, a worker when none is there. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fakeWorker, listeningNode, spooled } from './support/producer.ts';
import { DIST, type Project, project, QUEUE_LIB, type Result, ROOT, waitFor } from './support/project.ts';

const canTrace = spawnSync('strace', ['-V']).status === 0;
const noTracer = { skip: canTrace ? false : 'strace is not here' };

/** How many processes and programs a command starts; its own start counts as a program. */
async function starts(self: Project, args: string[], input = ''): Promise<{ forks: number; execs: number }> {
  const file = join(self.dir, 'trace');
  const result = await self.run('strace', ['-f', '-qq', '-e', 'trace=process', '-o', file, ...args], {
    input,
  });
  assert.deepEqual([result.code, result.stdout, result.stderr], [0, '', '']);
  const trace = readFileSync(file, 'utf8');
  const count = (call: RegExp): number => trace.split('\n').filter((line) => call.test(line)).length;
  return { forks: count(/ (clone3?|v?fork)\(/), execs: count(/ execve(at)?\(.* = 0$/) };
}

test('the sourced function starts no process while a worker is alive', noTracer, async (t) => {
  const self = project(t);
  fakeWorker(self);
  writeFileSync(join(self.spool, '.seq'), '1700000000000000\n');
  const calls = [
    `queue_db_write "SELECT 'plain'" op 5`,
    `queue_db_write $'SELECT "escaped"\\n\\001' op 10 '{"a":1}' $'n=ü "\\t' m=2`,
    `queue_read_stdin v; queue_db_write 'SELECT :v' op 5 '' "v=$v"`,
    'queue_worker_is_running',
    'cd sub; unset CLAUDE_PROJECT_DIR; HIVE_DB=x.db queue_db_write "SELECT 3"',
  ];
  mkdirSync(join(self.dir, 'sub'));
  for (const call of calls) {
    const script = `. "${QUEUE_LIB}"\n${call}`;
    assert.deepEqual(await starts(self, ['bash', '-c', script], '{"a":"b"}\n'), { forks: 0, execs: 1 }, call);
  }
  assert.equal(spooled(self).length, 4);
});

test('dist/queue-write starts nothing but its interpreter', noTracer, async (t) => {
  const self = project(t);
  fakeWorker(self);
  const program = join(DIST, 'queue-write');
  const commands = [
    ['INSERT INTO t VALUES (1)', 'op', '5'],
    ['-o', 'op', '--param', 'a="x"', '--stdin', 'hook', 'SELECT :a, :hook'],
  ];
  for (const args of commands) {
    assert.deepEqual(await starts(self, [program, ...args], '{}\n'), { forks: 0, execs: 1 });
  }
  assert.equal(spooled(self).length, 2);
});

test('sixteen producers at once, fifty times', async (t) => {
  const self = project(t);
  fakeWorker(self);
  const script = `
for i in {1..16}; do
  for j in {1..50}; do queue_db_write "SELECT $i, $j" "w$i" || exit 1; done &
done
wait`;
  const result = await self.bash(script);
  assert.deepEqual([result.code, result.stderr], [0, '']);
  const entries = spooled(self);
  assert.equal(entries.length, 800);
  for (let i = 1; i <= 16; i++) {
    const own = entries.filter(({ entry }) => entry.operation === `w${i}`).map(({ entry }) => entry.sql);
    assert.deepEqual(
      own,
      Array.from({ length: 50 }, (_, j) => `SELECT ${i}, ${j + 1}`),
      'in the order written',
    );
  }
});

test('fifty processes at once on a spool that is not there yet', async (t) => {
  const self = project(t);
  const node = listeningNode(self);
  const script = `for i in {1..50}; do "$1" "SELECT $i" & done; wait`;
  const env = { QUEUE_NODE: node.path };
  const result = await self.run('bash', ['-c', script, '_', join(DIST, 'queue-write')], { env });
  assert.deepEqual([result.code, result.stderr], [0, '']);
  await waitFor('the starts of the worker to be noted', () => node.calls().length > 0);
  const written = spooled(self).length;
  const handed = node.calls().filter(({ args }) => args[1] === '--args0').length;
  assert.equal(written + handed, 50, 'each is in the spool, or was handed to Node');
  for (const directory of ['', 'pending', 'processing', 'completed', 'failed', '.tmp']) {
    assert.equal(statSync(join(self.spool, directory)).mode & 0o777, 0o700, directory);
  }
  const starters = node.calls().filter(({ args }) => args.at(-1) === 'run').length;
  assert.ok(starters >= 1 && starters <= 3, `${starters} workers were started`);
});

test('files are 0600 and directories 0700 whatever the umask', async (t) => {
  for (const umask of ['0', '0022', '0777']) {
    const self = project(t);
    const node = listeningNode(self);
    const script = `umask ${umask}; queue_db_write "SELECT 1"; printf '%s %s' $? "$(umask)"`;
    const result = await self.bash(script, [], { env: { QUEUE_NODE: node.path } });
    assert.equal(result.stdout, `0 ${umask.padStart(4, '0')}`);
    assert.equal(statSync(join(self.spool, 'pending')).mode & 0o777, 0o700);
    assert.equal(self.names('pending').length, 1);
    const files = [
      ...self.names('pending').map((n) => `pending/${n}`),
      ...self.names('.tmp').map((n) => `.tmp/${n}`),
    ];
    assert.equal(files.length, 2);
    for (const file of files) assert.equal(statSync(join(self.spool, file)).mode & 0o777, 0o600, file);
  }
});

test('a name that is taken is left alone: the next microsecond is used', async (t) => {
  const plants: Record<string, string> = {
    'a file': 'echo mine >"$name"',
    'a symlink to a file': 'ln -s "$PWD/target" "$name"; : >target',
    'a dangling symlink': 'ln -s "$PWD/target" "$name"',
    'a directory': 'mkdir "$name"',
  };
  for (const [what, plant] of Object.entries(plants)) {
    const self = project(t);
    fakeWorker(self);
    const script = `unset EPOCHREALTIME; EPOCHREALTIME=1767328963.123456
name=$CLAUDE_PROJECT_DIR/.hive-mind/queue/pending/05_1767328963123456_$$.json
${plant}
queue_db_write "SELECT 1" || exit
[[ ! -s target ]] && { [[ ! -f $name || -L $name ]] || [[ $(<"$name") == mine ]]; }`;
    const result = await self.bash(script);
    assert.deepEqual([result.code, result.stderr], [0, ''], what);
    const written = self.names('pending').filter((name) => name.startsWith('05_1767328963123457_'));
    assert.equal(written.length, 1, what);
  }
});

test('a spool that is unsafe is not written to: Node gets the write', async (t) => {
  const faults: Record<string, (self: Project) => void> = {
    'a symlink': (self) => {
      renameSync(self.spool, `${self.spool}.real`);
      symlinkSync(`${self.spool}.real`, self.spool);
    },
    'pending a symlink': (self) => {
      renameSync(join(self.spool, 'pending'), join(self.spool, 'other'));
      symlinkSync(join(self.spool, 'other'), join(self.spool, 'pending'));
    },
    'open to the group': (self) => chmodSync(self.spool, 0o750),
    'open to the world': (self) => chmodSync(self.spool, 0o777),
    'pending open to others': (self) => chmodSync(join(self.spool, 'pending'), 0o701),
    'a file': (self) => {
      rmSync(self.spool, { recursive: true });
      writeFileSync(self.spool, '');
    },
  };
  for (const [what, spoil] of Object.entries(faults)) {
    // Modes are a living worker's to watch; the rest is looked at each time.
    for (const withWorker of what.includes('open') ? [false] : [true, false]) {
      const self = project(t);
      const node = listeningNode(self);
      fakeWorker(self);
      if (!withWorker) rmSync(join(self.spool, 'worker.pid'));
      spoil(self);
      const env = { QUEUE_NODE: node.path };
      const plain = await self.bash('queue_db_write "SELECT 1"', [], { env });
      const escaped = await self.bash('queue_db_write "SELECT \\"1\\""', [], { env });
      assert.deepEqual([plain.code, plain.stderr, escaped.code, escaped.stderr], [0, '', 0, ''], what);
      assert.equal(node.calls().filter(({ args }) => args[1] === '--args0').length, 2, what);
      if (statSync(self.spool).isDirectory()) assert.deepEqual(self.names('pending'), [], what);
      // With the real Node the database has it, and standard error says why.
      const real = await self.bash('queue_db_write "CREATE TABLE a (b)"');
      assert.equal(real.code, 0, real.stderr);
      assert.match(
        real.stderr,
        /the spool .*(symlink|open to group or others|not a directory|can't be created)/,
      );
      assert.equal(self.rows('SELECT * FROM sqlite_master WHERE name = ?', 'a').length, 1, what);
      rmSync(self.spool, { recursive: true });
    }
  }
});

test("another user's spool is refused", {
  skip: process.getuid?.() === 0 ? false : 'needs root',
}, async (t) => {
  const self = project(t);
  const node = listeningNode(self);
  fakeWorker(self);
  spawnSync('chown', ['12345', self.spool]);
  const result = await self.bash('queue_db_write "SELECT 1"', [], { env: { QUEUE_NODE: node.path } });
  assert.deepEqual([result.code, node.calls().length], [0, 1]);
  assert.deepEqual(self.names('pending'), []);
});

test('a FIFO at .seq or worker.pid blocks nobody', async (t) => {
  const self = project(t);
  const node = listeningNode(self);
  fakeWorker(self);
  spawnSync('mkfifo', [join(self.spool, '.seq')]);
  const first = await self.bash('queue_db_write "SELECT 1"', [], { env: { QUEUE_NODE: node.path } });
  rmSync(join(self.spool, 'worker.pid'));
  spawnSync('mkfifo', [join(self.spool, 'worker.pid')]);
  const second = await self.bash('queue_db_write "SELECT 2"; ! queue_worker_is_running', [], {
    env: { QUEUE_NODE: node.path },
  });
  rmSync(join(self.spool, 'worker.pid'));
  assert.deepEqual([first.code, second.code], [0, 0]);
  assert.equal(spooled(self).length, 2);
});

test('a clock behind the floor hands over; what is no number is no floor', async (t) => {
  const self = project(t);
  const node = listeningNode(self);
  fakeWorker(self);
  const env = { QUEUE_NODE: node.path };
  const write = (floor: string): Promise<Result> => {
    writeFileSync(join(self.spool, '.seq'), floor);
    return self.bash('unset EPOCHREALTIME; EPOCHREALTIME=1767328963.123456; queue_db_write "SELECT 1"', [], {
      env,
    });
  };
  for (const floor of [
    '',
    '\n',
    'x'.repeat(16),
    '12345',
    '1767328963123455\n',
    'a[$(touch planted)]',
    '0000000000000008',
  ]) {
    assert.equal((await write(floor)).code, 0);
  }
  assert.equal(spooled(self).length, 7);
  assert.deepEqual(node.calls(), []);
  assert.equal(existsSync(join(self.dir, 'planted')), false);
  for (const floor of ['1767328963123456\n', '1767328963123457\n', '9999999999999999\n']) await write(floor);
  assert.equal(spooled(self).length, 7);
  assert.equal(node.calls().length, 3);
});

test("settings that are Node's business hand over, with the exit code of Node", async (t) => {
  const self = project(t);
  fakeWorker(self);
  const node = listeningNode(self, 1);
  const settings = [
    'USE_QUEUE=false',
    'USE_QUEUE=0',
    'USE_QUEUE=No',
    'USE_QUEUE=OFF',
    'QUEUE_DURABLE=true',
    'QUEUE_DURABLE=1',
    'QUEUE_DURABLE=Yes',
  ];
  for (const setting of settings) {
    // Not exported: Node is to see it all the same.
    const script = `${setting}; QUEUE_NODE=${node.path}; set -o pipefail; queue_db_write 'SELECT 1' op 05 '{"a":[1]}' 'x=1 2'`;
    const result = await self.bash(script);
    assert.deepEqual([result.code, result.stdout, result.stderr], [1, '', ''], setting);
    assert.ok(
      node.calls().some(({ env }) => env.includes(setting)),
      setting,
    );
  }
  for (const { args, input } of node.calls()) {
    assert.deepEqual(args.slice(1), ['--args0']);
    assert.deepEqual(input, [
      '-o',
      'op',
      '-p',
      '05',
      '-m',
      '{"a":[1]}',
      '--param',
      'x=1 2',
      '--',
      'SELECT 1',
    ]);
  }
  assert.equal(node.calls().length, settings.length);
  for (const setting of ['USE_QUEUE=true', 'USE_QUEUE=bad', 'QUEUE_DURABLE=off', 'QUEUE_DURABLE=']) {
    await self.bash(`${setting}; queue_db_write 'SELECT 1'`);
  }
  assert.equal(spooled(self).length, 4);
});

test('Node may leave without reading what it was given', async (t) => {
  const self = project(t);
  const script = `set -o pipefail; queue_read_stdin v; USE_QUEUE=false queue_db_write "SELECT '$v'"`;
  const env = { QUEUE_NODE: '/bin/true' };
  const result = await self.bash(script, [], { env, input: 'x'.repeat(500_000) });
  assert.deepEqual([result.code, result.stderr], [0, '']);
});

test('an exit code of Node that says nothing counts as 1', async (t) => {
  const self = project(t);
  const node = listeningNode(self, 139);
  const result = await self.bash('USE_QUEUE=false queue_db_write "SELECT 1"', [], {
    env: { QUEUE_NODE: node.path },
  });
  assert.equal(result.code, 1);
});

test('without Node: the spool still takes entries, and the log says why no worker came', async (t) => {
  const self = project(t);
  const env = { QUEUE_NODE: join(self.dir, 'no-such-node') };
  const spool = await self.bash('queue_db_write "SELECT 1"; queue_db_write "SELECT 2"', [], { env });
  assert.deepEqual([spool.code, spool.stdout, spool.stderr], [0, '', '']);
  assert.equal(spooled(self).length, 2);
  assert.match(
    readFileSync(join(self.spool, 'worker.log'), 'utf8'),
    /^\S+ error no worker was started: node is not found.*\n$/,
  );
  assert.equal(statSync(join(self.spool, 'worker.log')).mode & 0o777, 0o600);
  const direct = await self.bash('USE_QUEUE=false queue_db_write "SELECT 1"', [], { env });
  assert.equal(direct.code, 1);
  assert.match(direct.stderr, /^queue_db_write: not written: .*QUEUE_NODE\n$/);
});

test('the spool is found like lib/config.ts finds it', async (t) => {
  const self = project(t);
  const listener = listeningNode(self);
  const sub = join(self.dir, 'repo', 'a', 'b');
  mkdirSync(sub, { recursive: true });
  mkdirSync(join(self.dir, 'repo', '.git'));
  mkdirSync(join(self.dir, '.hive-mind'), { recursive: true });
  symlinkSync(sub, join(self.dir, 'short'));
  const cases: [Record<string, string | undefined>, string, string][] = [
    [{}, sub, '.'],
    [{ CLAUDE_PROJECT_DIR: undefined }, sub, 'repo'],
    [{ CLAUDE_PROJECT_DIR: undefined }, join(self.dir, 'short'), '.'],
    [{ CLAUDE_PROJECT_DIR: '..' }, sub, 'repo/a'],
    [{ CLAUDE_PROJECT_DIR: `${self.dir}//repo/./a/..` }, '/', 'repo'],
    [{ QUEUE_BASE_DIR: '../x//y/./z/' }, sub, '../x/y/z'],
    [{ QUEUE_BASE_DIR: `${self.dir}/absolute` }, sub, 'absolute'],
  ];
  const bases = cases.map(([env]) => env.QUEUE_BASE_DIR);
  t.after(() => rmSync(join(dirname(self.dir), 'x', 'y', 'z'), { recursive: true, force: true }));
  for (const [index, [env, cwd, root]] of cases.entries()) {
    const spool = join(self.dir, root, bases[index] === undefined ? '.hive-mind/queue' : '');
    rmSync(spool, { recursive: true, force: true });
    const result = await self.bash(`cd "$1" || exit; queue_db_write "SELECT ${index}"`, [cwd], {
      env: { ...env, QUEUE_NODE: listener.path },
    });
    assert.deepEqual([result.code, result.stderr], [0, '']);
    assert.equal(readdirSync(join(spool, 'pending')).length, 1, JSON.stringify(env));
    // And so does the TypeScript half.
    const script = `import('${ROOT}/lib/config.ts').then(({ loadConfig }) => process.stdout.write(loadConfig().baseDir))`;
    const loader = import.meta.resolve('tsx');
    const node = [
      '-c',
      'cd "$1" && exec "$2" --import "$3" -e "$4"',
      '_',
      cwd,
      process.execPath,
      loader,
      script,
    ];
    const config = await self.run('bash', node, { env });
    assert.equal(config.stdout, spool, config.stderr);
  }
});

test('a PWD that is not the working directory is not believed', async (t) => {
  const self = project(t);
  fakeWorker(self);
  for (const [index, lie] of ['/nowhere', 'relative', '/'].entries()) {
    const result = await self.bash('unset CLAUDE_PROJECT_DIR; PWD=$1; queue_db_write "SELECT 1"', [lie]);
    assert.deepEqual([result.code, result.stderr], [0, '']);
    assert.equal(self.names('pending').length, index + 1, lie);
  }
});

test('without a project directory a relative spool is not taken from the root directory', async (t) => {
  const self = project(t);
  fakeWorker(self);
  mkdirSync(join(self.dir, 'sub', '.git'), { recursive: true });
  const env = {
    CLAUDE_PROJECT_DIR: undefined,
    QUEUE_BASE_DIR: self.spool.slice(1),
    QUEUE_NODE: listeningNode(self).path,
  };
  const result = await self.bash('cd sub; queue_db_write "SELECT 1"', [], { env });
  assert.deepEqual([result.code, result.stderr], [0, '']);
  assert.deepEqual(self.names('pending'), []);
  assert.equal(readdirSync(join(self.dir, 'sub', self.spool, 'pending')).length, 1);
});

test('the worker is started in a session of its own, reparented, with nothing inherited', async (t) => {
  const self = project(t);
  const report = join(self.dir, 'report');
  const stub = join(self.dir, 'node');
  // It becomes a program that holds what it was given and opens nothing.
  writeFileSync(
    stub,
    `#!/bin/bash -p\nprintf '%s\\n' "$$ $1 $2" >${report}.new; mv ${report}.new ${report}; exec sleep 300\n`,
  );
  chmodSync(stub, 0o755);
  // What a worker must not hold: descriptors with one digit and with two, and the pipes of its hook.
  const script = `exec 7</dev/zero 42</dev/zero; export BASH_ENV=$1/evil; echo 'touch "$CLAUDE_PROJECT_DIR/read"' >"$BASH_ENV"
while ((EPOCHSECONDS % 5 > 2)); do sleep 0.1; done # a start is claimed for five seconds of the clock
queue_db_write "SELECT 1"; queue_db_write "SELECT 2"; ps -o sid= -p $$`;
  const result = await self.bash(script, [self.dir], { env: { QUEUE_NODE: stub } });
  assert.deepEqual([result.code, result.stderr], [0, '']);
  await waitFor('the report', () => existsSync(report));
  const [pid, program, command] = readFileSync(report, 'utf8').trim().split(' ');
  try {
    assert.ok(statSync(program as string).ino === statSync(join(DIST, 'queue-worker')).ino);
    assert.equal(command, 'run');
    await waitFor('exec', () => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n');
    const [, parent, , session] = (readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1] as string).split(
      ' ',
    );
    assert.notEqual(session, result.stdout.trim(), 'its own session');
    assert.ok(
      !['bash', 'setsid'].includes(readFileSync(`/proc/${parent}/comm`, 'utf8').trim()),
      'reparented',
    );
    const held = readdirSync(`/proc/${pid}/fd`).map((fd) => `${fd} ${readlinkSync(`/proc/${pid}/fd/${fd}`)}`);
    assert.deepEqual(held.sort(), ['0 /dev/null', '1 /dev/null', '2 /dev/null']);
    assert.equal(self.names('.tmp').length, 1, 'one start for two writes');
    assert.equal(existsSync(join(self.dir, 'read')), false, 'BASH_ENV was read');
  } finally {
    process.kill(Number(pid), 'SIGKILL');
  }
});

test('a dead, silent, future or foreign worker.pid starts a worker; a living one does not', async (t) => {
  const self = project(t);
  const node = listeningNode(self);
  fakeWorker(self);
  const now = Math.floor(Date.now() / 1000);
  const cases: [string, boolean][] = [
    [`${process.pid} 1 ${now + 20}\n`, true],
    [`${process.pid} 1 ${now - 60}\n`, false],
    [`${process.pid} 1 ${now + 600}\n`, false],
    [`4194305 1 ${now + 20}\n`, false],
    [`0 1 ${now + 20}\n`, false],
    [`-1 1 ${now + 20}\n`, false],
    [`${process.pid} 1 ${now + 20}`, false],
    [`${process.pid}\n`, false],
    ['', false],
    ['a[$(touch planted)] 1 a[$(touch planted)]\n', false],
    [`written 1 ${now}\n`, false],
    [`{ 1 ${now}\n`, false],
    ['short', false],
  ];
  for (const [content, alive] of cases) {
    writeFileSync(join(self.spool, 'worker.pid'), content);
    for (const note of self.names('.tmp')) rmSync(join(self.spool, '.tmp', note));
    const before = spooled(self).length;
    const script = 'queue_db_write "SELECT 1"; queue_worker_is_running; printf "%s" $?';
    const result = await self.bash(script, [], { env: { QUEUE_NODE: node.path } });
    assert.equal(result.stdout, alive ? '0' : '1', content);
    assert.equal(spooled(self).length, before + 1, content);
    assert.equal(self.names('.tmp').length, alive ? 0 : 1, content);
  }
  assert.equal(existsSync(join(self.dir, 'planted')), false);
});

test('the small functions', async (t) => {
  const self = project(t);
  const node = listeningNode(self);
  const env = { QUEUE_NODE: node.path };
  const empty = await self.bash(
    'queue_is_available; printf "%s " $?; queue_size; queue_processing_count',
    [],
    { env },
  );
  assert.equal(empty.stdout, '1 0\n0\n');
  const script = `set -euo pipefail; shopt -s failglob; queue_init_dirs; queue_is_available
if USE_QUEUE=off queue_is_available; then exit 9; fi
queue_size; for i in 1 2 3; do queue_db_write "SELECT $i"; done; queue_size; queue_processing_count`;
  fakeWorker(self);
  const some = await self.bash(script, [], { env });
  assert.deepEqual([some.code, some.stdout, some.stderr], [0, '0\n3\n0\n', '']);
  const names = self.names('pending');
  writeFileSync(
    join(self.spool, 'processing', 'batch'),
    `deaths=0\n${names[0]}\n${names[1]}\n?${names[2]}\n`,
  );
  writeFileSync(join(self.spool, 'processing', '05_1_2.json'), '');
  const count = await self.bash('queue_processing_count', [], { env });
  assert.equal(count.stdout, '3\n');
});

test('statistics, starting and stopping with the real worker', async (t) => {
  const self = project(t);
  const script = `queue_db_write 'CREATE TABLE t (a)' && queue_db_write 'INSERT INTO t VALUES (:a)' op 5 '' 'a=x "y"'
queue_ensure_worker && queue_stats_get`;
  const result = await self.bash(script);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(typeof JSON.parse(result.stdout), 'object');
  await waitFor('the row', () => existsSync(self.db) && self.names('pending').length === 0);
  assert.deepEqual(self.rows('SELECT a FROM t'), [{ a: 'x "y"' }]);
  const stop = await self.bash(
    'queue_worker_is_running && queue_stop_worker; queue_worker_is_running || echo gone',
  );
  assert.deepEqual([stop.stdout, stop.stderr], ['gone\n', '']);
});

test('a zombie is no worker: it takes signals, as a killed worker does in a container without an init', {
  skip: !existsSync('/proc/self/stat') && 'needs /proc',
}, async (t) => {
  const self = project(t);
  const node = listeningNode(self);
  fakeWorker(self);
  // The child ends when its parent has become a program that never waits for it.
  const script = 'sleep 600 & echo $!; exec sleep 600';
  const parent = spawn('bash', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => parent.kill('SIGKILL'));
  let text = '';
  parent.stdout.on('data', (chunk: Buffer) => {
    text += chunk;
  });
  const pid = await waitFor('the child', () => Number.parseInt(text, 10));
  await waitFor('exec', () => readFileSync(`/proc/${parent.pid}/comm`, 'utf8') === 'sleep\n');
  process.kill(pid, 'SIGKILL');
  await waitFor('the zombie', () => /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1')));
  const heartbeat = Math.floor(Date.now() / 1000);
  writeFileSync(join(self.spool, 'worker.pid'), `${pid} 1 ${heartbeat}\n`);
  assert.equal((await self.bash('queue_worker_is_running')).code, 1);
  const result = await self.bash('queue_db_write "SELECT 1"', [], { env: { QUEUE_NODE: node.path } });
  assert.deepEqual(result, { code: 0, signal: null, stdout: '', stderr: '' });
  await waitFor('a start', () => node.calls().length === 1);
});
