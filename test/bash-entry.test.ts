/** lib/queue-lib.sh: the entry that bash writes is the entry that was meant, byte for byte. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { serializeEntry } from '../lib/spool/entry.ts';
import { fakeWorker, listeningNode, spooled } from './support/producer.ts';
import { project } from './support/project.ts';

const CONTROLS = String.fromCharCode(...Array.from({ length: 31 }, (_, i) => i + 1), 127);

/** Texts that something between a shell and JSON is known to have spoiled. */
const NASTY: Record<string, string> = {
  quotes: `'single' "double" \`back\` \\"both\\"`,
  backslashes: '\\ \\\\ \\n \\u0041 C:\\new\\table \\',
  'a backslash before each escape': '\\"\\\n\\\t\\',
  newlines: 'one\ntwo\r\nthree\n\n',
  tabs: '\ta\t\tb\t',
  'only a newline': '\n',
  'all control characters': CONTROLS,
  'all control characters twice, among text': `a${CONTROLS}b${CONTROLS}\\"c`,
  'characters of 2, 3 and 4 bytes': 'é ü — 漢字 😀 𝔘 \u{10ffff}',
  'line separators': 'a\u2028b\u2029c\u0085d',
  commas: 'a, b,, c,',
  'replacement signs': '& && \\& %s %d %% %n',
  globs: '* ? [a-z] [!x] {a,b} ~ !(x)',
  expansions: '$HOME $x $(touch planted) `touch planted` $((1+1)) !!',
  'an option': '-n -e -- -',
  'spaces at both ends': '   x   ',
  JSON: '{"a":{"b":["\\n","\\\\"]},"c":"\\u00e9"}',
  'nothing but quotes': '"'.repeat(3000),
  'nothing but backslashes': '\\'.repeat(3001),
};

for (const [what, text] of Object.entries(NASTY)) {
  test(`a value with ${what} arrives as it is`, async (t) => {
    const self = project(t);
    fakeWorker(self);
    for (const locale of ['C', 'C.UTF-8']) {
      const result = await self.bash(`queue_db_write "SELECT :v -- $1" "op $1" 3 '' "v=$1"`, [text], {
        env: { LC_ALL: locale },
      });
      assert.deepEqual([result.code, result.stdout, result.stderr], [0, '', '']);
    }
    const entries = spooled(self);
    assert.equal(entries.length, 2);
    for (const { entry, bytes, name } of entries) {
      assert.equal(entry.sql, `SELECT :v -- ${text}`);
      assert.equal(entry.operation, `op ${text}`);
      assert.deepEqual(entry.params, { v: text });
      assert.deepEqual(entry.metadata, {});
      assert.equal(entry.priority, 3);
      assert.equal(entry.retries, 0);
      assert.equal(name, `03_${entry.seq}.json`);
      // Every key, and in the order of the TypeScript producer; escapes may be spelled differently.
      assert.deepEqual(Object.keys(entry), Object.keys(JSON.parse(serializeEntry(entry))));
      assert.equal(bytes.at(-1), 10);
      assert.equal(bytes.indexOf(10), bytes.length - 1, 'one line');
    }
  });
}

test('the plain case is spelled exactly like this', async (t) => {
  const self = project(t);
  fakeWorker(self);
  await self.bash(
    'unset EPOCHREALTIME; EPOCHREALTIME=1767328963.123456; queue_db_write "SELECT 1"; echo $$ >pid',
  );
  const pid = readFileSync(join(self.dir, 'pid'), 'utf8').trim();
  const [only] = spooled(self);
  assert.equal(only?.name, `05_1767328963123456_${pid}.json`);
  assert.equal(
    only?.bytes.toString(),
    `{"seq":"1767328963123456_${pid}","priority":5,"operation":"write","sql":"SELECT 1","metadata":{},` +
      `"created_at":"2026-01-02T04:42:43Z","retries":0}\n`,
  );
});

test('bytes that are not UTF-8 are kept, for the worker to refuse', async (t) => {
  const self = project(t);
  fakeWorker(self);
  const script = `queue_db_write $'SELECT \\xff\\xfe"' op 5 '' $'v=\\xc3('`;
  for (const locale of ['C', 'C.UTF-8']) await self.bash(script, [], { env: { LC_ALL: locale } });
  for (const name of self.names('pending')) {
    const bytes = readFileSync(join(self.spool, 'pending', name)).toString('latin1');
    assert.ok(bytes.includes('SELECT \xff\xfe\\"'), bytes);
    assert.ok(bytes.includes('"v":"\xc3("'), bytes);
  }
  assert.equal(self.names('pending').length, 2);
});

test('values of every length around the size of a piece, and of many kilobytes', async (t) => {
  const self = project(t);
  fakeWorker(self);
  const lengths = [1022, 1023, 1024, 1025, 2047, 2048, 2049, 65535, 65536, 65537, 400000];
  for (const length of lengths) {
    const value = `é${'x'.repeat(length)}"\n`;
    const script = `queue_read_stdin v; queue_db_write 'SELECT :v' op 5 '' "v=$v"`;
    const result = await self.bash(script, [], { input: value });
    assert.deepEqual([result.code, result.stderr], [0, '']);
    assert.deepEqual(spooled(self).at(-1)?.entry.params, { v: value });
  }
  assert.equal(spooled(self).length, lengths.length);
});

test('a megabyte of SQL goes to Node, whole', async (t) => {
  const self = project(t);
  fakeWorker(self);
  const node = listeningNode(self);
  const sql = `SELECT '${'xy"\\'.repeat(262_144)}'`;
  const script = `queue_read_stdin sql; queue_db_write "$sql" big 2 '' v=1`;
  const result = await self.bash(script, [], { input: sql, env: { QUEUE_NODE: node.path } });
  assert.deepEqual([result.code, result.stderr], [0, '']);
  assert.deepEqual(self.names('pending'), []);
  const expected = ['-o', 'big', '-p', '2', '-m', '{}', '--param', `v=1`, '--', sql];
  assert.deepEqual(
    node.calls().map(({ input }) => input),
    [expected],
  );
});

test('priorities 1 to 10, with and without a leading zero', async (t) => {
  const self = project(t);
  fakeWorker(self);
  const good = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '01', '09', '010', '007', ''];
  const result = await self.bash('for p; do queue_db_write "SELECT 1" "$p" "$p" || exit; done', good);
  assert.deepEqual([result.code, result.stderr], [0, '']);
  const entries = spooled(self);
  assert.equal(entries.length, good.length);
  for (const { entry, name } of entries) {
    const given = entry.operation === 'write' ? '5' : entry.operation;
    assert.equal(entry.priority, Number(given));
    assert.equal(name.slice(0, 2), String(entry.priority).padStart(2, '0'));
  }
});

test('wrong arguments are refused with 2 and a message, and nothing is written or run', async (t) => {
  const self = project(t);
  fakeWorker(self);
  const node = listeningNode(self);
  const wrong: string[][] = [
    ...['0', '11', 'x', '-1', '1.5', '00', '5 ', '0x5', '1e1', 'a[$(touch planted)]', '1;touch planted'].map(
      (priority) => ['SELECT 1', 'op', priority],
    ),
    [''],
    [' \n\t '],
    [],
    ...['=v', 'v', '1a=v', 'a-b=v', 'a b=v', 'a[$(touch planted)]=v', 'é=v'].map((param) => [
      'SELECT 1',
      'op',
      '5',
      '',
      param,
    ]),
  ];
  for (const args of wrong) {
    const result = await self.bash('queue_db_write "$@"', args, { env: { QUEUE_NODE: node.path } });
    assert.equal(result.code, 2, JSON.stringify(args));
    assert.match(result.stderr, /^queue_db_write: (the priority is|the SQL is empty|a parameter is not)/);
    assert.equal(result.stdout, '');
  }
  assert.deepEqual(self.names('pending'), []);
  assert.deepEqual(node.calls(), []);
  const planted = await self.bash('[[ -e planted ]]');
  assert.equal(planted.code, 1, 'an argument was evaluated');
});

test('flat metadata is checked in bash, the rest by Node', async (t) => {
  const self = project(t);
  fakeWorker(self);
  const node = listeningNode(self, 2);
  const flat = [
    '{}',
    '{"a":1}',
    ' {"a":1}'.trim(),
    '{ "a" : -0.5 , "b" : true,"c":null , "d":false, "e":"x, y: {z}" }',
    '{"a b":"", "":0}',
  ];
  for (const metadata of flat) {
    const result = await self.bash('queue_db_write "SELECT 1" op 5 "$1"', [metadata], {
      env: { QUEUE_NODE: node.path },
    });
    assert.deepEqual([result.code, result.stderr], [0, ''], metadata);
  }
  assert.deepEqual(
    spooled(self).map(({ entry }) => entry.metadata),
    flat.map((text) => JSON.parse(text)),
  );
  const others = [
    '{"a":{"b":1}}',
    '{"a":"\\n"}',
    '{"a":[]}',
    '{"a":1e5}',
    '[]',
    '{',
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{"a":01}',
    '{"a":TRUE}',
    '{"a":"x}',
    '{a:1}',
    '{"a":1}x}',
    '{"a":1 "b":2}',
    '{"a":1}\n{}',
    '{"é":1}',
    'null',
  ];
  for (const metadata of others) {
    const script = 'shopt -s nocasematch; queue_db_write "SELECT 1" op 5 "$1"';
    const result = await self.bash(script, [metadata], { env: { QUEUE_NODE: node.path } });
    assert.equal(result.code, 2, `Node's exit code for ${metadata}`);
  }
  assert.deepEqual(
    node
      .calls()
      .map(({ input }) => input[5])
      .sort(),
    [...others].sort(),
  );
  assert.equal(spooled(self).length, flat.length);
});

test('the numbers of one process rise strictly, even while the clock stands', async (t) => {
  const self = project(t);
  fakeWorker(self);
  const script = `unset EPOCHREALTIME; EPOCHREALTIME=1767328963.123456
for i in 1 2 3 4 5; do queue_db_write "SELECT $i"; done`;
  await self.bash(script);
  const entries = spooled(self);
  assert.deepEqual(
    entries.map(({ entry }) => entry.sql),
    [1, 2, 3, 4, 5].map((i) => `SELECT ${i}`),
  );
  assert.deepEqual(
    entries.map(({ entry }) => entry.seq.slice(13, 16)),
    ['456', '457', '458', '459', '460'],
  );
});

test('created_at is UTC, whatever TZ says, for days all over the calendar', async (t) => {
  const self = project(t);
  fakeWorker(self);
  const seconds = [
    1582934400, 1582977599, 1583020800, 1709164800, 1735689599, 1735689600, 4107542399, 4107542400,
    1800000000,
  ];
  for (const second of seconds) {
    const script = `readonly TZ=America/New_York; export TZ; unset EPOCHREALTIME
EPOCHREALTIME=$1,000000; queue_db_write "SELECT 1" "$1"`;
    const result = await self.bash(script, [String(second)]);
    assert.deepEqual([result.code, result.stderr], [0, '']);
  }
  for (const { entry } of spooled(self)) {
    const expected = new Date(Number(entry.operation) * 1000).toISOString().replace('.000', '');
    assert.equal(entry.created_at, expected);
  }
  assert.equal(spooled(self).length, seconds.length);
});

test('HIVE_DB names the target: a path made absolute and plain, never a URL', async (t) => {
  const self = project(t);
  fakeWorker(self);
  const cases: [string, string | undefined][] = [
    ['/data/a.db', '/data/a.db'],
    ['sub/../b.db', join(self.dir, 'b.db')],
    ['./x//y.db', join(self.dir, 'x/y.db')],
    ['with "quote".db', join(self.dir, 'with "quote".db')],
    ['/odd/../kept.db', '/odd/../kept.db'],
    ['postgres://me:secret@host/db', undefined],
    ['', undefined],
  ];
  for (const [value, expected] of cases) {
    const result = await self.bash('queue_db_write "SELECT 1" "$HIVE_DB"', [], { env: { HIVE_DB: value } });
    assert.deepEqual([result.code, result.stderr], [0, '']);
    const last = spooled(self).at(-1);
    assert.equal(last?.entry.db, expected, value);
    assert.ok(!last?.bytes.includes('"db":"postgres'));
  }
});

test('dist/queue-write writes the same entry, and prints its name when asked', async (t) => {
  const self = project(t);
  fakeWorker(self);
  const value = NASTY['all control characters twice, among text'] as string;
  const args = [
    '--param',
    `a=${value}`,
    '-o',
    'op',
    '--priority=2',
    '-m',
    '{"x":1}',
    '--print',
    '--stdin',
    'hook',
    '--',
    'SELECT :a',
  ];
  const node = listeningNode(self);
  const result = await self.run('queue-write', args, {
    input: '{"in":"é\\n"}\n',
    env: { QUEUE_NODE: node.path },
  });
  assert.deepEqual([result.code, result.stderr], [0, '']);
  const [only] = spooled(self);
  assert.equal(result.stdout, `${only?.name}\n`);
  assert.deepEqual(only?.entry.params, { a: value, hook: '{"in":"é\\n"}\n' });
  assert.deepEqual([only?.entry.operation, only?.entry.priority, only?.entry.sql], ['op', 2, 'SELECT :a']);
  assert.deepEqual(only?.entry.metadata, { x: 1 });
  assert.deepEqual(node.calls(), []);
});

test('dist/queue-write gives Node what it does not know, with stdin unread', async (t) => {
  const self = project(t);
  fakeWorker(self);
  const node = listeningNode(self);
  const commands = [
    ['--id', 'k', '--stdin', 'hook', 'SELECT 1'],
    ['--help'],
    ['SELECT 1', 'op', '5', '{}', 'surplus'],
    [],
    ['-o'],
    ['--wait', 'SELECT 1'],
    ['--stdin', 'bad-name', 'SELECT 1'],
  ];
  for (const args of commands) {
    const result = await self.run('queue-write', args, { input: 'left\0', env: { QUEUE_NODE: node.path } });
    assert.equal(result.code, 0, result.stderr);
  }
  assert.deepEqual(self.names('pending'), []);
  const given = node.calls().map(({ args, input }) => JSON.stringify([args.slice(1), input]));
  assert.deepEqual(given.sort(), commands.map((args) => JSON.stringify([args, ['left']])).sort());
});
