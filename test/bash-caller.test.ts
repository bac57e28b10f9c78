/** lib/queue-lib.sh: it works in any caller, and the caller is afterwards as it was. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { fakeWorker, listeningNode, spooled } from './support/producer.ts';
import { DIST, project, QUEUE_LIB, ROOT } from './support/project.ts';

/** Prints everything about a shell that a function could change. `_queue_` names are ours to keep. */
const STATE = `state() {
  set -o; builtin shopt; builtin umask; trap -p; alias; (declare -F) | (command grep -v ' _queue_'); hash 2>/dev/null
  (declare -p) | (command grep -vE '^declare -[-a-zA-Z]+ (_queue_[a-z_]*|_|BASHPID|EPOCH[A-Z]*|SRANDOM|RANDOM|SECONDS|LINENO|PIPESTATUS|FUNCNAME|BASH_[A-Z]*|COMP_WORDBREAKS)(=|$)')
  declare -p BASH_REMATCH PWD IFS 2>/dev/null || :; builtin pwd || :; for ((n = 0; n < 99; n++)); do if [[ -L /proc/$$/fd/$n ]]; then echo "fd $n"; fi; done; unset n
}`;

/** What a caller may have done before it writes. */
const CALLERS: Record<string, string> = {
  'nothing special': ':',
  'strict mode': 'set -euo pipefail',
  'every option': 'set -aefuvCE -o pipefail; exec 2>/dev/null',
  tracing: 'exec 2>/dev/null; set -x',
  'noclobber off and noglob on': 'set +C -f',
  'no brace expansion, keyword assignments, physical paths': 'set +B -k -P',
  'posix mode': 'set -o posix',
  'posix and strict mode': 'set -o posix; set -eu',
  'monitor mode': 'set -m',
  'IFS of digits, readonly': 'readonly IFS=0123456789',
  'IFS empty': "IFS=''",
  'IFS of everything in JSON': `IFS='{}":,_.'`,
  'a readonly LC_ALL': 'readonly LC_ALL',
  'a readonly LC_ALL that is C': 'readonly LC_ALL=C',
  'a locale that the system lacks': 'exec 2>/dev/null; export LC_ALL=xx_YY.UTF-8',
  'a readonly TZ': 'readonly TZ=America/New_York',
  'readonly variables with plain names':
    'readonly sql=1 op=1 priority=1 metadata=1 dir=1 file=1 name=1 line=1 REPLY=1 i=1',
  'failglob and nullglob': 'shopt -s failglob nullglob dotglob globstar extglob',
  'other matching':
    'shopt -s nocasematch nocaseglob; shopt -u globasciiranges patsub_replacement 2>/dev/null',
  'inherited locals': 'shopt -s localvar_inherit localvar_unset lastpipe inherit_errexit expand_aliases',
  'extended debugging': "shopt -s extdebug; set -T; trap ':' DEBUG RETURN",
  'a DEBUG, an ERR and an EXIT trap':
    "set -E; trap 'echo debugged >&2' DEBUG; trap 'echo failed >&2' ERR; trap ':' EXIT; trap - DEBUG",
  'functions named like builtins':
    'for f in printf read kill mapfile umask exec export test type pwd shopt; do builtin eval "$f() { echo $f >>$CLAUDE_PROJECT_DIR/called; return 1; }"; done',
  'a umask of 0': 'umask 0',
  'a umask of 0777': 'umask 0777',
  'a used BASH_REMATCH': '[[ abc =~ (b)(c) ]]',
  'open descriptors': 'exec 3</dev/null 10</dev/null 63</dev/null',
  'closed stdin': 'exec 0<&-',
  'a working directory that is gone': 'mkdir gone; cd gone; rmdir ../gone',
  'a false PWD': 'PWD=/nowhere',
  'exported shell options': 'set -f; export SHELLOPTS BASHOPTS',
};

for (const [what, setup] of Object.entries(CALLERS)) {
  test(`a caller with ${what}`, async (t) => {
    const self = project(t);
    fakeWorker(self);
    writeFileSync(join(self.spool, '.seq'), '1700000000000000\n');
    const script = `${STATE}
${setup}
state >"$1/state" 2>/dev/null || :
(command mv "$1/state" "$1/before")
queue_db_write "SELECT 'plain', 1" plain 4
queue_db_write $'SELECT\\t"escaped"\\n' escaped 3 '{"a":1}' 'p=x "y" \\ z'
state >"$1/state" 2>/dev/null || :
(command mv "$1/state" "$1/after")
command cmp -s "$1/before" "$1/after" || command diff "$1/before" "$1/after"`;
    const result = await self.bash(script, [self.dir]);
    assert.equal(result.stdout, '', 'the difference between before and after');
    assert.equal(result.code, 0);
    assert.doesNotMatch(result.stderr, /failed|queue/);
    assert.equal(existsSync(join(self.dir, 'called')), false, 'a function of the caller was called');
    assert.deepEqual(
      spooled(self).map(({ entry }) => [entry.sql, entry.operation, entry.priority, entry.params]),
      [
        ['SELECT\t"escaped"\n', 'escaped', 3, { p: 'x "y" \\ z' }],
        ["SELECT 'plain', 1", 'plain', 4, undefined],
      ],
    );
  });
}

test('text that is not ASCII under a readonly LC_ALL goes to Node', async (t) => {
  const self = project(t);
  fakeWorker(self);
  const node = listeningNode(self);
  const script = 'readonly LC_ALL=C.UTF-8; queue_db_write "SELECT \'é\'"';
  const result = await self.bash(script, [], { env: { QUEUE_NODE: node.path } });
  assert.deepEqual([result.code, result.stderr], [0, '']);
  assert.deepEqual(
    node.calls().map(({ input }) => input.at(-1)),
    ["SELECT 'é'"],
  );
});

test('closed standard output and error, or all three', async (t) => {
  const self = project(t);
  fakeWorker(self);
  for (const closed of ['>&-', '2>&-', '>&- 2>&-', '<&- >&- 2>&-']) {
    const result = await self.bash(`{ queue_db_write 'SELECT "1"'; } ${closed}`);
    assert.equal(result.code, 0, closed);
  }
  assert.equal(spooled(self).length, 4);
});

test('a failed write leaves nothing behind for the next command to print', async (t) => {
  const self = project(t);
  fakeWorker(self);
  const node = listeningNode(self, 1);
  // The largest file that may be written is 0 blocks: every write fails with EFBIG.
  const script = `trap '' XFSZ; (ulimit -f 0; queue_db_write "SELECT 1"; printf 'code %s\\n' $?)`;
  const result = await self.bash(script, [], { env: { QUEUE_NODE: node.path } });
  assert.equal(result.stdout, 'code 1\n');
  assert.deepEqual(self.names('pending'), [], 'the torn entry is removed');
});

test('under set -e a refused write ends the caller, as any command would', async (t) => {
  const self = project(t);
  fakeWorker(self);
  const result = await self.bash('set -e; queue_db_write "" ; echo reached');
  assert.deepEqual([result.code, result.stdout], [2, '']);
});

test('the aliases are the same function', async (t) => {
  const self = project(t);
  fakeWorker(self);
  await self.bash('queue_write "SELECT 1" a 3; db_write "SELECT 2" b 4');
  assert.deepEqual(
    spooled(self).map(({ entry }) => [entry.sql, entry.operation]),
    [
      ['SELECT 1', 'a'],
      ['SELECT 2', 'b'],
    ],
  );
});

test('bash --posix', async (t) => {
  const self = project(t);
  fakeWorker(self);
  const script = `. "${QUEUE_LIB}"; queue_db_write 'SELECT "1"'; queue_db_write 'SELECT 2'; queue_db_write ''; printf %s $?`;
  const result = await self.run('bash', ['--posix', '-c', script]);
  assert.equal(result.stdout, '2');
  assert.equal(spooled(self).length, 2);
});

test('sourced by a relative path, and through a symlink, the package is found', async (t) => {
  const self = project(t);
  const stub = listeningNode(self);
  const elsewhere = join(self.dir, 'link.sh');
  const script = `cd "${ROOT}/test"; . ../lib/queue-lib.sh; cd /; USE_QUEUE=false queue_db_write 'SELECT 1'
ln -s "${QUEUE_LIB}" "${elsewhere}"; . "${elsewhere}"; USE_QUEUE=false queue_db_write 'SELECT 2'`;
  const result = await self.run('bash', ['-c', script], { env: { QUEUE_NODE: stub.path } });
  assert.deepEqual([result.code, result.stderr], [0, '']);
  assert.equal(stub.calls().length, 2);
  const seen = await self.run('bash', [
    '-c',
    'for f; do [[ $f -ef $0 ]] || exit 1; done',
    join(DIST, 'queue-write'),
    ...stub.calls().map(({ args }) => args[0] as string),
  ]);
  assert.equal(seen.code, 0);
});

for (const shell of ['dash', 'sh']) {
  test(`${shell} sources the library and writes through the executables`, async (t) => {
    const self = project(t);
    fakeWorker(self);
    const script = `set -eu; QUEUE_HOME="${ROOT}"; . "${QUEUE_LIB}"
queue_read_stdin input
queue_db_write "SELECT :a -- it's" op 3 '{"m":1}' "a=$input" 'b=x y'
db_write 'SELECT 2'
queue_write '' || printf 'refused %s' $?
printf piped | queue_db_write 'SELECT 3' op 6 '' 'a@-'
{ queue_peek_stdin seen && [ "$seen" = 'twice
' ] && queue_db_write 'SELECT 4' op 7 '' 'a@-' && queue_db_write 'SELECT 5' op 8 '' 'a@-'; } <<END
twice
END`;
    const input = 'two\nlines "quoted"\n\n';
    const result = await self.run(shell, ['-c', script], { input });
    assert.equal(result.stdout, 'refused 2', result.stderr);
    const [first, second, ...piped] = spooled(self);
    assert.deepEqual(first?.entry.params, { a: input, b: 'x y' });
    assert.deepEqual(
      piped.map(({ entry }) => entry.params?.['a' as never]),
      ['piped', 'twice\n', 'twice\n'],
    );
    assert.deepEqual(
      [first?.entry.sql, first?.entry.operation, first?.entry.priority],
      ["SELECT :a -- it's", 'op', 3],
    );
    assert.deepEqual(first?.entry.metadata, { m: 1 });
    assert.deepEqual(
      [second?.entry.sql, second?.entry.operation, second?.entry.priority],
      ['SELECT 2', 'write', 5],
    );
  });
}

test('a shell that can not find the package says what to set', async (t) => {
  const self = project(t);
  const result = await self.run('dash', ['-c', `. "${QUEUE_LIB}"`]);
  assert.equal(result.code, 1);
  assert.match(result.stderr, /QUEUE_HOME/);
});

test('standard input is read whole: from a pipe, a file, a socket, closed', async (t) => {
  const self = project(t);
  const script = 'queue_read_stdin text; printf "%s" "$text" >"$1/text"; ';
  const texts = [
    '',
    '\n',
    'no newline',
    'newlines\n\n\n',
    ' spaces and \\backslashes\\ \t',
    'é😀',
    'x'.repeat(200_000),
  ];
  for (const text of texts) {
    await self.bash(script, [self.dir], { input: text });
    const same = await self.run('cmp', ['-', join(self.dir, 'text')], { input: text });
    assert.deepEqual([same.code, same.stdout], [0, ''], text.slice(0, 30));
  }
  writeFileSync(join(self.dir, 'file'), 'a\nb\n\n');
  const file = await self.bash(`queue_read_stdin v <"$1/file"; printf '[%s]' "$v"`, [self.dir]);
  assert.equal(file.stdout, '[a\nb\n\n]');
  const closed = await self.bash(`v=old; queue_read_stdin v <&-; printf '%s[%s]' $? "$v"`);
  assert.deepEqual([closed.stdout, closed.stderr], ['0[]', '']);
});

test('standard input is read from a socket, which can not be opened by its path', async (t) => {
  const self = project(t);
  const server = createServer((socket) => socket.end(`${'é"\\'.repeat(50_000)}\n`));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const socket = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    allowHalfOpen: true,
  });
  await once(socket, 'connect');
  socket.pause();
  const child = spawn(
    'bash',
    ['-c', `. "${QUEUE_LIB}"; queue_read_stdin v; LC_ALL=C; printf '%s' "\${#v}"`],
    {
      env: self.env,
      stdio: [socket, 'pipe', 'inherit'],
    },
  );
  let out = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  await once(child, 'close');
  socket.destroy();
  assert.equal(out, '200001');
});

test('names that are no names are refused, and reading leaves no trace', async (t) => {
  const self = project(t);
  for (const name of ['', '1a', 'a b', 'a[0]', 'a[$(touch planted)]', '_queue_text', 'é']) {
    const result = await self.bash('queue_read_stdin "$1"', [name], { input: 'x' });
    assert.equal(result.code, 2, name);
    assert.match(result.stderr, /not a name/);
  }
  const script = `${STATE}
set -euo pipefail; readonly IFS=0; v=''; v2=''
state >"$1/state"; (mv "$1/state" "$1/before"); queue_read_stdin v; v2=$v v=''; [[ $v2 == $'100\\n' ]]; v2=''; state >"$1/state"; (mv "$1/state" "$1/after"); cmp "$1/before" "$1/after"`;
  const result = await self.bash(script, [self.dir], { input: '100\n' });
  assert.deepEqual([result.code, result.stdout, result.stderr], [0, '', '']);
});

test('queue_find_spool names the spool by the rules of every other part', async (t) => {
  const self = project(t);
  mkdirSync(join(self.dir, 'deep', 'er'), { recursive: true });
  const cases: [Record<string, string | undefined>, string][] = [
    [{}, self.spool],
    [{ QUEUE_BASE_DIR: 'q//./x/../y' }, join(self.dir, 'q', 'y')],
    [{ QUEUE_BASE_DIR: join(self.dir, 'abs') }, join(self.dir, 'abs')],
    [{ CLAUDE_PROJECT_DIR: undefined }, self.spool],
    [{ CLAUDE_PROJECT_DIR: undefined, QUEUE_BASE_DIR: 'z' }, join(self.dir, 'z')],
  ];
  mkdirSync(join(self.dir, '.git'));
  for (const [env, spool] of cases) {
    const cwd = join(self.dir, 'deep', 'er');
    const found = await self.bash('queue_find_spool where; printf %s "$where"', [], { env, cwd });
    assert.deepEqual([found.code, found.stdout, found.stderr], [0, spool, '']);
    const status = await self.run('queue-status', ['--json'], { env, cwd });
    assert.equal(JSON.parse(status.stdout).spool, spool);
    const script = `QUEUE_HOME=$1; . "$2"; queue_find_spool where; printf %s "$where"`;
    const other = await self.run('dash', ['-c', script, 'test', ROOT, QUEUE_LIB], { env, cwd });
    assert.equal(other.stdout, spool);
  }
});

test('a working directory that is gone is no project', async (t) => {
  const self = project(t);
  const script = `mkdir gone; cd gone; rmdir ../gone; unset CLAUDE_PROJECT_DIR
queue_find_spool where; printf '%s[%s]' $? "\${where-}"; queue_size; printf ' %s' $?`;
  const result = await self.bash(script, [], { cwd: self.dir });
  assert.equal(result.stdout, '1[] 1');
});

test('nothing is printed under a readonly locale while no worker is there', async (t) => {
  const self = project(t);
  fakeWorker(self);
  rmSync(join(self.spool, 'worker.pid'));
  const node = listeningNode(self);
  const script = 'readonly LC_ALL=C.UTF-8; queue_db_write "SELECT 1"';
  const result = await self.bash(script, [], { env: { QUEUE_NODE: node.path } });
  assert.deepEqual([result.code, result.stdout, result.stderr], [0, '', '']);
  assert.equal(spooled(self).length, 1);
});
