/** queue-write's command line, the Node half: what is refused, and how what is taken arrives in the database. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DIST, project } from './support/project.ts';
import { logged, logs, nodeWrite, once, startNoWorker, withLog, write } from './support/queue.ts';

const SQL = 'SELECT 1';

const refused: [why: string, args: string[], message: RegExp][] = [
  ['no SQL', [], /no SQL/],
  ['empty SQL', [''], /SQL is empty/],
  ['blank SQL', [' \n\t'], /SQL is empty/],
  ['an empty SQL file', ['--sql-file', '/dev/null'], /SQL is empty/],
  ['priority 0', ['-p', '0', SQL], /priority is '0'.*1 .*10/],
  ['priority 11', [SQL, 'op', '11'], /priority is '11'.*1 .*10/],
  ['priority x', ['-p', 'x', SQL], /priority is 'x'/],
  ['priority 5.5', ['-p', '5.5', SQL], /priority is '5\.5'/],
  ['priority -1', ['-p=-1', SQL], /priority/],
  ['metadata that is not JSON', ['-m', '{a:1}', SQL], /metadata is not JSON/],
  ['metadata that is an array', ['-m', '[1]', SQL], /metadata must be a JSON object/],
  ['metadata that is null', ['-m', 'null', SQL], /metadata must be a JSON object/],
  ['an unknown option', ['--frobnicate', SQL], /frobnicate/],
  ['an option without its value', [SQL, '--id'], /--id/],
  ['surplus arguments', [SQL, 'op', '5', '{}', 'more'], /1 arguments too many.*'more'/],
  ['a parameter without =', ['--param', 'name', SQL], /--param is 'name'.*NAME=VALUE/],
  ['a parameter with a bad name', ['--param', '1a=b', SQL], /'1a'/],
  ['a JSON parameter that is not JSON', ['--param-json', 'n={', SQL], /--param-json n is not JSON/],
  ['both users of standard input', ['--stdin', 'x', '--sql-file', '-'], /both want standard input/],
  ['an SQL file that is not there', ['--sql-file', '/nowhere/x.sql'], /\/nowhere\/x\.sql can't be read/],
  ['--delay and --at', ['--delay', '1', '--at', '2030-01-01T00:00:00Z', SQL], /exclude each other/],
  ['a delay that is no number', ['--delay', 'soon', SQL], /--delay is 'soon'/],
  ['a time without a zone', ['--at', '2030-01-01T00:00:00', SQL], /zone/],
  ['a time that is none', ['--at', '2030-13-41T00:00:00Z', SQL], /--at is/],
];

test('a usage error exits 2, says what is wrong, and touches nothing:', async (t) => {
  for (const [why, args, message] of refused) {
    await t.test(why, async (t) => {
      const self = project(t);
      const result = await nodeWrite(self, args);
      assert.equal(result.code, 2, result.stderr);
      assert.match(result.stderr, message);
      assert.equal(result.stdout, '');
      assert.equal(existsSync(self.spool), false, 'a spool was made');
    });
  }
});

const BAD_BYTES = Buffer.from([0x53, 0x45, 0x4c, 0x45, 0x43, 0x54, 0x20, 0x27, 0xff, 0x27]);

test('bytes that are not UTF-8 are refused, never replaced:', async (t) => {
  await t.test('in standard input', async (t) => {
    const self = project(t);
    const result = await nodeWrite(self, ['--sql-file', '-'], { input: BAD_BYTES });
    assert.deepEqual([result.code, self.names('pending')], [2, []]);
    assert.match(result.stderr, /standard input is not valid UTF-8/);
  });
  await t.test('in a parameter from standard input', async (t) => {
    const self = project(t);
    const result = await nodeWrite(self, ['--stdin', 'x', 'SELECT :x'], { input: BAD_BYTES });
    assert.deepEqual([result.code, self.names('pending')], [2, []]);
    assert.match(result.stderr, /standard input is not valid UTF-8/);
  });
  await t.test('in what the bash half hands over', async (t) => {
    const self = project(t);
    const input = Buffer.concat([Buffer.from('--\0'), BAD_BYTES, Buffer.from('\0')]);
    const result = await nodeWrite(self, ['--args0'], { input });
    assert.deepEqual([result.code, self.names('pending')], [2, []]);
    assert.match(result.stderr, /not valid UTF-8/);
  });
  await t.test('on the command line', { skip: !existsSync('/proc/self/cmdline') }, async (t) => {
    const self = project(t);
    // Node can't pass such bytes on; the shell can.
    const script = `exec "$1" "$2" "SELECT '"$'\\xff'"'"`;
    const result = await self.bash(script, [process.execPath, join(DIST, 'queue-write')]);
    assert.equal(result.code, 2, result.stderr);
    assert.match(result.stderr, /not valid UTF-8/);
    assert.deepEqual(self.names('pending'), []);
  });
  await t.test('while a U+FFFD that is meant is taken', async (t) => {
    const self = project(t);
    withLog(self);
    await write(self, logs('\ufffd'));
    await once(self);
    assert.deepEqual(logged(self), ['\ufffd']);
  });
});

const texts: [what: string, text: string][] = [
  ['quotes', `it's "quoted" \`so\``],
  ['backslashes', 'C:\\new\\table\\'],
  ['newlines, tabs, carriage returns', 'a\nb\tc\r\nd\n'],
  ['control characters', '\u0001\u0002\b\f\u001b\u001f\u007f\u0085'],
  ['four-byte UTF-8', '😀𝒳🇨🇭'],
  ['commas', 'a, b,c,,d'],
  ['JSON', '{"a":[1,"b\\n"]}'],
  ['what looks like a parameter', ':x $y @z ?1'],
  ['semicolons and comments', 'a; -- b /* c */'],
  ['a leading dash', '--durable'],
  ['nothing', ''],
];

test('text arrives byte for byte, in SQL, as --param, as --stdin and through --args0', async (t) => {
  const self = project(t);
  withLog(self);
  startNoWorker(self);
  for (const [, text] of texts) {
    await write(self, '--', logs(text));
    await write(self, '--param', `x=${text}`, 'INSERT INTO log(t) VALUES(:x)');
    const stdin = await nodeWrite(self, ['--stdin', 'x', 'INSERT INTO log(t) VALUES(:x)'], { input: text });
    assert.equal(stdin.code, 0, stdin.stderr);
    const args0 = await nodeWrite(self, ['--args0'], { input: `--\0${logs(text)}\0` });
    assert.equal(args0.code, 0, args0.stderr);
  }
  await once(self);
  assert.deepEqual(
    logged(self),
    texts.flatMap(([, text]) => [text, text, text, text]),
  );
});

test('U+0000 in SQL is refused where it is written', async (t) => {
  const self = project(t);
  const result = await nodeWrite(self, ['--sql-file', '-'], { input: "SELECT 'a\0b'" });
  assert.notEqual(result.code, 0);
  assert.match(result.stderr, /U\+0000/);
  assert.deepEqual(self.names('pending'), []);
});

test('--sql-file takes the SQL from a file or from standard input', async (t) => {
  const self = project(t);
  withLog(self);
  const file = join(self.dir, 'a.sql');
  writeFileSync(file, `-- from a file\n${logs('file')};\n${logs('file again')};\n`);
  await write(self, '--sql-file', file, 'from_file', '5');
  const result = await nodeWrite(self, ['--sql-file', '-', 'from_stdin'], { input: logs('stdin') });
  assert.equal(result.code, 0, result.stderr);
  await once(self);
  assert.deepEqual(logged(self), ['file', 'file again', 'stdin']);
  assert.deepEqual(
    self.journal().map((line) => line.operation),
    ['from_file', 'from_stdin'],
  );
});

test('10 MB of SQL arrive whole', async (t) => {
  const self = project(t);
  withLog(self);
  const text = 'ä,"\n'.repeat(2_000_000);
  startNoWorker(self);
  const result = await nodeWrite(self, ['--sql-file', '-'], { input: logs(text) });
  assert.equal(result.code, 0, result.stderr);
  await once(self);
  assert.ok(logged(self)[0] === text);
});

const jsonValues: [json: string, type: string, text: string][] = [
  ['5', 'integer', '5'],
  ['5.5', 'real', '5.5'],
  ['9007199254740993', 'integer', '9007199254740993'],
  ['9223372036854775807', 'integer', '9223372036854775807'],
  ['-9223372036854775808', 'integer', '-9223372036854775808'],
  ['1e-3', 'real', '0.001'],
  ['true', 'integer', '1'],
  ['null', 'null', 'null'],
  ['"5"', 'text', '5'],
  ['{"a":[9007199254740993]}', 'text', '{"a":[9007199254740993]}'],
];

test('--param-json keeps types and all digits', async (t) => {
  const self = project(t);
  withLog(self);
  for (const [json] of jsonValues) {
    const sql = "INSERT INTO log(t) VALUES(typeof(:v) || ' ' || ifnull(CAST(:v AS TEXT), 'null'))";
    await write(self, '--param-json', `v=${json}`, sql);
  }
  await once(self);
  assert.deepEqual(
    logged(self),
    jsonValues.map(([, type, text]) => `${type} ${text}`),
  );
});

test('an integer beyond 64 bits is the fault of its entry, with all its digits in the message', async (t) => {
  const self = project(t);
  withLog(self);
  await write(self, '--param-json', 'v=9223372036854775808', 'INSERT INTO log(t) VALUES(:v)');
  await once(self, 3);
  assert.deepEqual(logged(self), []);
  assert.equal(self.names('failed').length, 1);
});

test('operation, priority and metadata, as options or by position, stand in entry and journal', async (t) => {
  const self = project(t);
  withLog(self);
  const nested = '{"a":{"b":[1,null,"c,\\"d"]},"n":9007199254740993}';
  await write(self, logs('a'), 'by_position', '05', nested);
  await write(self, '-o', 'by_option', '-p', '10', '-m', '{"x":1}', logs('b'));
  await write(self, logs('c'));
  await once(self);
  const lines = self.journal();
  assert.deepEqual(
    lines.map((line) => [line.operation, line.priority]),
    [
      ['by_position', 5],
      ['write', 5],
      ['by_option', 10],
    ],
  );
  assert.deepEqual(lines[0]?.metadata, JSON.parse(nested));
  assert.deepEqual(lines[1]?.metadata, {});
  assert.deepEqual(lines[2]?.metadata, { x: 1 });
});

test('--help prints the options and writes nothing', async (t) => {
  const self = project(t);
  const result = await nodeWrite(self, ['--help']);
  assert.equal(result.code, 0);
  assert.match(result.stdout, /--param-json NAME=JSON/);
  assert.equal(existsSync(self.spool), false);
});
