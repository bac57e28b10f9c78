/**
 * Text that would be a command, an option, a format, an arithmetic expression or a path, in every argument, variable
 * and file that the bash half takes text from: none of it is ever run, and a value arrives as it is or not at all.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FULL, faultRun } from '../support/faults.ts';
import { HOOKS, sample } from '../support/hooks.ts';
import { fakeWorker, spooled } from '../support/producer.ts';
import { DIST, type Project, project, QUEUE_LIB, ROOT } from '../support/project.ts';
import { logged, nodeWrite, noStrace, once, startNoWorker, withLog, workerLog } from '../support/queue.ts';

/** Each would make a file in CANARY if it were run. */
const PAYLOADS = [
  '$(touch CANARY/1)',
  '`touch CANARY/2`',
  'a[$(touch CANARY/3)]',
  '1+a[$(touch CANARY/4)0]',
  "x'; touch CANARY/5; '",
  'x"; touch CANARY/6; "',
  '; touch CANARY/7 #',
  '\ntouch CANARY/8\n',
  '| touch CANARY/9',
  '& touch CANARY/10 &',
  '> CANARY/11',
  '<(touch CANARY/12)',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is bash's
  '${x:=$(touch CANARY/13)}',
  '$((a[$(touch CANARY/14)]))',
  '%s%n%(touch CANARY/15)T%*d',
  '-v a[$(touch CANARY/16)]',
  '--help',
  '-e',
  '--',
  '-',
  '*',
  '~root',
  '../../../CANARY/17',
  'CANARY/18\n',
  '!!:touch CANARY/19',
  '{touch,CANARY/20}',
  "$'\\x24(touch CANARY/21)'",
  '0x10',
  '08',
  '99999999999999999999',
  '1 2',
  'PATH',
  '\\',
  '\t \r',
  '=',
  '@-',
];

/** All that the library, the executables and the hooks read, and names that are bash's or the library's own. */
const VARIABLES = [
  'QUEUE_BASE_DIR HIVE_DB USE_QUEUE QUEUE_DURABLE QUEUE_SCHEMA QUEUE_NODE QUEUE_HOME QUEUE_POLL_INTERVAL',
  'QUEUE_BATCH_SIZE QUEUE_MAX_RETRIES QUEUE_IDLE_EXIT QUEUE_PROCESSING_TIMEOUT QUEUE_AGING QUEUE_EXACTLY_ONCE',
  'QUEUE_ALLOW_ATTACH SQLITE_BUSY_TIMEOUT SQLITE_TIMEOUT CHECKPOINT_INTERVAL QUEUE_EVENT_BYTES CLAUDE_PROJECT_DIR',
  'CLAUDE_PLUGIN_ROOT TZ LC_ALL LANG IFS PS4 TMOUT OPTIND PWD OLDPWD CDPATH GLOBIGNORE EPOCHSECONDS EPOCHREALTIME',
  'BASHPID RANDOM SECONDS HISTFILE _queue_dir _queue_self _queue_last _queue_ties _queue_pp _queue_second',
  '_queue_created _queue_peeked _queue_head _queue_pid _queue_mask _queue_entry _queue_db _queue_word hook_count now due',
]
  .join(' ')
  .split(' ');

interface Stage {
  readonly self: Project;
  readonly canary: string;
  readonly payloads: readonly string[];
  /** Nothing was run. */
  assertQuiet(what: string): void;
}

function stage(self: Project): Stage {
  const canary = join(self.dir, 'canary');
  mkdirSync(canary);
  return {
    self,
    canary,
    payloads: PAYLOADS.map((text) => text.replaceAll('CANARY', canary)),
    assertQuiet: (what) => assert.deepEqual(readdirSync(canary), [], what),
  };
}

/** In one bash: a loop over the payloads, which stand in the file $1, with a NUL after each. */
function loop({ self, payloads }: Stage, body: string): [string, string[]] {
  const file = join(self.dir, 'payloads');
  writeFileSync(file, payloads.map((text) => `${text}\0`).join(''));
  const script = `. "${QUEUE_LIB}"\nmapfile -t -d '' payloads <"$1"\nfor p in "\${payloads[@]}"; do\n${body}\ndone`;
  return ['bash', ['-c', script, 'test', file]];
}

/** A variable that names a directory may name any, and that is made. */
function isNoPath(text: string): boolean {
  return !/^(\.\.)?\//.test(text);
}

/** Programs that strace saw, without the tracer's own first one. */
function executed(trace: string): string[] {
  const lines = readFileSync(trace, 'utf8').matchAll(/execve\("((?:[^"\\]|\\.)*)".*\) = 0/g);
  return [...new Set([...lines].map(([, path]) => (path as string).replace(/.*\//, '')))].sort();
}

test('every argument of the library: values arrive as they are, and nothing is run', {
  skip: noStrace(),
}, async (t) => {
  await faultRun(t, async ({ count }) => {
    const self = project(t, { QUEUE_NODE: '/bin/true' });
    withLog(self);
    fakeWorker(self);
    const act = stage(self);
    const [command, args] = loop(
      act,
      `queue_db_write "INSERT INTO log(t) VALUES(:v)" op 5 '{}' "v=$p" || exit 9
queue_db_write "INSERT INTO log(t) VALUES(:v)" op 5 '{}' 'v@-' <<<"$p" || exit 9
queue_db_write "INSERT INTO log(t) VALUES(:v)" "$p" 5 '{}' "v=$p" || exit 9
for set in 'x=$p' '$p=x' '$p' '$p@-'; do eval "queue_db_write 'SELECT 1' op 5 '{}' \\"$set\\" </dev/null"; done
queue_db_write "SELECT 1" op "$p"
queue_db_write "SELECT 1" op 5 "$p"
queue_db_write "SELECT 1" op 5 "{\\"a\\":\\"$p\\"}"
queue_db_write "SELECT 1" op 5 "{\\"a\\":$p}"
queue_db_write "$p"
db_write "$p" "$p" "$p" "$p" "$p"
# In a subshell: names that are good get a value, and a stdin that was peeked at stays the one that is meant.
(
  queue_read_stdin "$p" <<<x
  queue_peek_stdin "$p" <<<x
  queue_find_spool "$p"
)
true`,
    );
    const trace = join(self.dir, 'trace');
    const traced = ['-f', '-qq', '-s', '300', '-o', trace, '-e', 'trace=execve', command, ...args];
    const result = await self.run('strace', traced);
    assert.equal(result.code, 0, result.stderr);
    act.assertQuiet('an argument was run');
    assert.deepEqual(executed(trace), ['bash', 'true'], 'bash itself, and Node');
    const values = spooled(self).filter(({ entry }) => entry.sql.includes(':v'));
    const arrived = values.map(({ entry }) => (entry.params as { v: string }).v);
    assert.deepEqual(
      arrived,
      act.payloads.flatMap((text) => [text, `${text}\n`, text]),
    );
    rmSync(join(self.spool, 'worker.pid'));
    for (const { name, entry } of spooled(self))
      if (!entry.sql.includes(':v')) rmSync(join(self.spool, 'pending', name));
    await once(self, 0, { QUEUE_NODE: process.execPath });
    assert.deepEqual(logged(self), arrived);
    count({ entries: arrived.length, faults: act.payloads.length * 16 });
  });
});

test('every variable: the library, sourced with it and called with it, runs nothing', {
  skip: noStrace(),
}, async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const self = project(t, { QUEUE_NODE: '/bin/true' });
    fakeWorker(self);
    const act = stage(self);
    mkdirSync(join(self.dir, 'a', 'b', 'c', 'd'), { recursive: true });
    const all = act.payloads.filter(isNoPath);
    const payloads = FULL ? all : [...all.slice(0, 5), ...random.sample(all.slice(5), 2)];
    // Bash itself evaluates what is assigned to those of its own that are integers.
    const others = new Set(['QUEUE_HOME', 'OPTIND', 'RANDOM', 'SECONDS']);
    const names = VARIABLES.filter((name) => !others.has(name));
    const [command, args] = loop(
      { ...act, payloads },
      `for name in ${names.join(' ')}; do
  (
    declare -x "$name=$p" || exit 0
    . "${QUEUE_LIB}"
    queue_db_write "SELECT 1" op 5
    queue_db_write "SELECT :v" op 5 '{}' v=1 'w@-'
    queue_find_spool found
    queue_worker_is_running
    queue_is_available
  ) <<<x
done`,
    );
    const trace = join(self.dir, 'trace');
    const traced = ['-f', '-qq', '-s', '300', '-o', trace, '-e', 'trace=execve', command, ...args];
    await self.run('strace', traced, { cwd: join(self.dir, 'a', 'b', 'c', 'd') });
    act.assertQuiet('a variable was run');
    const expected = new Set(['bash', 'true', 'ls', 'mkdir', 'rm', 'cat', 'setsid', 'readlink', 'node']);
    assert.deepEqual(
      executed(trace).filter((name) => !expected.has(name)),
      [],
    );
    count({ faults: payloads.length * names.length });
  });
});

test('every variable: the executables and the hooks run nothing', async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const self = project(t, { QUEUE_IDLE_EXIT: '0' });
    fakeWorker(self);
    const act = stage(self);
    const programs = [
      'queue-write',
      'queue-status',
      'queue-worker',
      ...HOOKS.map((name) => `hooks/${name}.sh`),
    ];
    const all = VARIABLES.flatMap((name) =>
      act.payloads
        .filter((text) => !text.includes('\0') && isNoPath(text))
        .flatMap((text) => programs.map((program) => [name, text, program] as const)),
    ).filter(([name]) => name !== 'QUEUE_HOME' && name !== 'CLAUDE_PLUGIN_ROOT');
    const chosen = random.sample(all, FULL ? 3000 : 100);
    for (const [name, text, program] of chosen) {
      // Where the spool is not the one with a worker, one is started, which leaves at once.
      const env = { QUEUE_NODE: program.startsWith('queue-') ? process.execPath : '/bin/true', [name]: text };
      const what = `${program}, ${name}=${JSON.stringify(text)}`;
      const isHook = program.startsWith('hooks/');
      const command = isHook ? join(ROOT, program) : join(DIST, program);
      const options = { env, input: JSON.stringify(sample('PostToolUse.Edit')) };
      const callArgs = isHook
        ? []
        : program === 'queue-write'
          ? ['SELECT 1']
          : ['status'].slice(program === 'queue-status' ? 1 : 0);
      const result = await self.run('timeout', ['-s', 'KILL', '30', command, ...callArgs], options);
      assert.notEqual(result.code, 137, `${what}: it hung`);
      if (isHook) assert.deepEqual([result.code, result.stdout], [0, ''], what);
      act.assertQuiet(what);
    }
    count({ faults: chosen.length });
  });
});

test("files of the spool's that hold commands run nothing, and keep nobody from writing", async (t) => {
  await faultRun(t, async ({ count }) => {
    const self = project(t, { QUEUE_NODE: '/bin/true' });
    fakeWorker(self);
    const act = stage(self);
    mkdirSync(join(self.spool, 'hooks'), { mode: 0o700 });
    const session = String(sample('PostToolUse.Edit').session_id);
    const payload = join(self.dir, 'payload.json');
    writeFileSync(payload, JSON.stringify(sample('PostToolUse.Edit')));
    const forms = [...PAYLOADS.map((_, index) => index)].length;
    const hook = (name: string): string =>
      `CLAUDE_PROJECT_DIR=${self.dir} bash -p ${ROOT}/hooks/${name}.sh <${payload} || exit 9`;
    const [command, args] = loop(
      act,
      `cd ${self.spool}
keep=$(<worker.pid)
for form in '%s' '%s 1 2\\n' '1 %s 2\\n' '1 2 %s\\n' '1%s 2 3\\n' '1 1 1%s\\n'; do
  printf "$form" "$p" >worker.pid
  queue_db_write "SELECT 1" || exit 9
  queue_worker_is_running
done
printf '%s\\n' "$keep" >worker.pid
for form in '%s' '1700000000%s' '%.16s'; do
  printf "$form" "$p" >.seq
  queue_db_write "SELECT 1" || exit 9
done
rm .seq
printf %s "$p" >hooks/${session}.at
${hook('auto-checkpoint')}
printf %s "$p" >hooks/${session}.ops
${hook('session-checkpoint')}
printf 'deaths=%s\\n%s\\n' "$p" "$p" >processing/batch
queue_processing_count >/dev/null || exit 9`,
    );
    const result = await self.run(command, args);
    assert.deepEqual([result.code, result.stdout], [0, ''], result.stderr);
    act.assertQuiet("a file's content was run");
    count({ faults: forms * 12 });
  });
});

test("a payload's session_id and texts run nothing and leave the hooks' directory alone", async (t) => {
  await faultRun(t, async ({ count }) => {
    const self = project(t, { QUEUE_NODE: '/bin/true' });
    fakeWorker(self);
    const act = stage(self);
    const ids = [
      ...act.payloads,
      '../../x',
      '..',
      '.',
      '/etc/passwd',
      'a/b',
      '',
      'x'.repeat(65),
      'a\0b',
      'é',
      '-rf',
    ];
    const files = ids.map((id, index) => {
      const path = join(self.dir, `payload-${index}.json`);
      writeFileSync(
        path,
        JSON.stringify(
          sample('PostToolUse.Edit', { session_id: id, tool_name: id, cwd: id, hook_event_name: id }),
        ),
      );
      return path;
    });
    const script = `for hook in ${HOOKS.join(' ')}; do for file; do "${ROOT}/hooks/$hook.sh" <"$file" || exit 9; done; done`;
    const result = await self.run('bash', ['-c', script, 'test', ...files]);
    assert.deepEqual([result.code, result.stdout, result.stderr], [0, '', '']);
    act.assertQuiet('a payload was run');
    const kept = readdirSync(join(self.spool, 'hooks')).sort();
    const plain = ids.filter((id) => /^[A-Za-z0-9_-]{1,64}$/.test(id));
    assert.deepEqual(kept, plain.flatMap((id) => [`${id}.at`, `${id}.ops`]).sort());
    const values = spooled(self).length;
    assert.ok(
      values >= ids.length * HOOKS.length,
      `${values} entries for ${ids.length * HOOKS.length} calls`,
    );
    count({ entries: values, faults: ids.length * HOOKS.length });
  });
});

/** What bash takes from the environment to run, trace or redefine. */
function surroundings({ canary }: Stage, file: string): Record<string, Record<string, string>> {
  const shout = `() {  touch ${canary}/function; }`;
  const functions = [
    'printf',
    'builtin',
    'local',
    'set',
    'read',
    'mapfile',
    'umask',
    'kill',
    'return',
    '[',
    'test',
    'command',
    'exec',
    'queue_db_write',
    '_queue_load',
  ];
  return {
    BASH_ENV: { BASH_ENV: file },
    ENV: { ENV: file, POSIXLY_CORRECT: '1' },
    functions: Object.fromEntries(functions.map((name) => [`BASH_FUNC_${name}%%`, shout])),
    xtrace: { SHELLOPTS: 'xtrace:verbose', PS4: `$(touch ${canary}/ps4)` },
    options: {
      SHELLOPTS: 'noexec:nounset:errexit:noglob:posix',
      BASHOPTS: 'extdebug:expand_aliases:failglob:nocasematch',
    },
    'field separators': { IFS: '0123456789abcdefghijklmnopqrstuvwxyz/_. ' },
    prompts: {
      PROMPT_COMMAND: `touch ${canary}/prompt`,
      PS1: `$(touch ${canary}/ps1)`,
      PS0: `$(touch ${canary}/ps0)`,
    },
    'a locale': { LC_ALL: '../../etc', LANG: '$(touch)', LOCPATH: canary },
    'a time zone': { TZ: ':/etc/passwd', TZDIR: canary },
    'names that are none': {
      'a b': 'x',
      'a[$(touch x)]': 'x',
      '1': 'x',
      'QUEUE_a b': `$(touch ${canary}/name)`,
      'SQLITE_x[0]': 'x',
    },
  };
}

test('nothing in the environment makes an executable or a hook run something else', async (t) => {
  await faultRun(t, async ({ count }) => {
    const self = project(t);
    withLog(self);
    startNoWorker(self);
    const act = stage(self);
    const file = join(self.dir, 'env.sh');
    writeFileSync(file, `touch ${act.canary}/sourced\n`);
    const around = surroundings(act, file);
    for (const [what, env] of Object.entries(around)) {
      const input = JSON.stringify(sample('PostToolUse.Edit'));
      const written = await self.run('queue-write', [`INSERT INTO log(t) VALUES('${what}')`], { env, input });
      assert.equal(written.code, 0, `${what}: ${written.stderr}`);
      for (const hook of HOOKS) {
        const result = await self.run(join(ROOT, 'hooks', `${hook}.sh`), [], { env, input });
        assert.deepEqual([result.code, result.stdout], [0, ''], `${what}: ${hook}: ${result.stderr}`);
      }
      const status = await self.run('queue-status', ['--json'], { env });
      assert.equal(status.code, 0, `${what}: ${status.stderr}`);
      act.assertQuiet(what);
    }
    await once(self);
    assert.deepEqual(logged(self), Object.keys(around));
    count({ entries: Object.keys(around).length * 6, faults: Object.keys(around).length * 7 });
  });
});

const SECRET = 'hunter2-correct-horse';

test('a value is in no argument of a process that is started, in no log and in no message', {
  skip: noStrace(),
}, async (t) => {
  await faultRun(t, async ({ count }) => {
    const self = project(t);
    withLog(self);
    startNoWorker(self);
    const script = `
w() { queue_db_write "INSERT INTO log(t) VALUES(:v)" op "$@"; }
w 5 '{}' "v=$S"; w 5 '{}' "v=\u00e4$S"; w 5 '{"a":{"b":1}}' "v=$S"; w 5 '{}' 'v@-' <<<"$S"
USE_QUEUE=false w 5 '{}' "v=$S"; QUEUE_DURABLE=true w 5 '{}' "v=$S"
printf '%050000d%s' 0 "$S" | w 5 '{}' 'v@-'
queue_db_write "INSERT INTO nowhere VALUES(:v)" op 5 '{}' "v=$S"
queue_db_write "INSERT INTO log(n) VALUES(:v)" op 5 '{}' "v=$S"
queue_db_write "INSERT INTO log(t) VALUES(json_extract(:v, '$'))" op 5 '{}' "v={\\"$S\\""
queue_db_write "SELECT :a" op 5 '{}' "v=$S"
queue_db_write "SELECT :a" op 5 '{}' "not-a-name=$S"
queue_db_write "SELECT :a" op 5 "{\\"a\\":\\"$S" "v=$S"
true`;
    const lib = join(self.dir, 'script.sh');
    writeFileSync(lib, `. "${QUEUE_LIB}"\n${script}`);
    chmodSync(lib, 0o700);
    const trace = join(self.dir, 'trace');
    const traced = ['-f', '-qq', '-s', '100000', '-o', trace, '-e', 'trace=execve', 'bash', lib];
    const produced = await self.run('strace', traced, { env: { S: SECRET } });
    const broken = join(self.spool, 'pending', '05_1700000000900000_1.json');
    writeFileSync(broken, `{"sql":"SELECT :v","params":{"v":${SECRET}}}\n`, { mode: 0o600 });
    const worker = await once(self, 3);
    assert.ok(self.names('failed').length >= 4, 'the entries that were to fail have failed');
    assert.doesNotMatch(readFileSync(trace, 'utf8').replace(/".*?PWD=.*/g, ''), new RegExp(SECRET));
    assert.doesNotMatch(produced.stderr + produced.stdout, new RegExp(SECRET));
    assert.doesNotMatch(worker.stderr + worker.stdout + workerLog(self), new RegExp(SECRET.slice(0, 7)));
    const node = await nodeWrite(self, ['--args0'], {
      input: ['-o', 'op', '--param', `not-a-name=${SECRET}`, '--', 'SELECT 1', ''].join('\0'),
    });
    assert.equal(node.code, 2);
    assert.doesNotMatch(node.stderr, new RegExp(SECRET));
    count({ entries: 12, faults: 6 });
  });
});
