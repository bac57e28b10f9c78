/** queue-failed: dead letters of both forms listed, shown, put back and thrown away. */
import assert from 'node:assert/strict';
import { existsSync, linkSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DIST, type Project, project, type Result, waitFor } from './support/project.ts';
import {
  drained,
  entryText,
  execute,
  logged,
  logs,
  nameOf,
  noStrace,
  once,
  put,
  putEntry,
  withLog,
} from './support/queue.ts';

type Json = Record<string, unknown>;

async function failed(self: Project, args: string[], code = 0): Promise<Result> {
  const result = await self.run('queue-failed', args);
  assert.equal(result.code, code, `queue-failed ${args.join(' ')}: ${result.stdout}${result.stderr}`);
  return result;
}

/** One letter with an entry, one that was none. @returns their names. */
async function twoLetters(self: Project): Promise<[string, string]> {
  withLog(self);
  const entry = putEntry(self, 'INSERT INTO later(a) VALUES(:a)', {
    operation: 'add',
    priority: 3,
    retries: 2,
    params: { a: 'x' },
    metadata: { from: 'test' },
  });
  const raw = put(self, 'this is no JSON \u001b[31m\n');
  await once(self, 3);
  assert.deepEqual(self.names('failed'), [entry, raw, `${raw}.why`]);
  return [entry, raw];
}

test('list and show say what is wrong, and print no control character', async (t) => {
  const self = project(t);
  assert.equal((await failed(self, ['list'])).stdout, 'no dead letters\n');
  const [entry, raw] = await twoLetters(self);
  const list = (await failed(self, ['list'])).stdout.split('\n');
  assert.match(list[0] ?? '', /^Name +Operation +Prio +Failed +Code +Message$/);
  assert.match(
    list[1] ?? '',
    new RegExp(`^${entry} +add +3 +\\d{4}-\\S+Z +SQLITE_ERROR +no such table: later$`),
  );
  assert.match(
    list[2] ?? '',
    new RegExp(`^${raw} +\\(unreadable\\) +\\d{4}-\\S+Z +BAD_ENTRY +the entry is not JSON`),
  );
  assert.equal((await failed(self, ['list', '--operation', 'none'])).stdout, 'no dead letters\n');

  const shown = (await failed(self, ['show', entry.slice(0, -'.json'.length), raw])).stdout;
  assert.match(shown, /^Error: +SQLITE_ERROR: no such table: later\nHint: +Create the table first/m);
  assert.match(
    shown,
    /^SQL:\n {2}INSERT INTO later\(a\) VALUES\(:a\)\nParameters:\n {2}a = "x"\nMetadata:\n {2}from = "test"$/m,
  );
  assert.match(shown, /^It is kept as it was found\. It begins with:\n {2}this is no JSON \\x1b\[31m\\n$/m);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  assert.doesNotMatch(shown, /\x1b/);
});

test('--json has the documented keys and all digits of a number', async (t) => {
  const self = project(t);
  const name = put(
    self,
    entryText('SELECT :n, x', { priority: 5, params: { n: 1 } }).replace('"n":1', '"n":9007199254740993'),
  );
  await once(self, 3);
  const { stdout } = await failed(self, ['list', '--json']);
  assert.match(stdout, /"n": 9007199254740993/);
  const [letter] = JSON.parse(stdout) as Json[];
  assert.deepEqual(Object.keys(letter ?? {}), [
    'name',
    'kind',
    'operation',
    'priority',
    'failedAt',
    'code',
    'message',
    'hint',
    'entry',
    'start',
  ]);
  assert.deepEqual([letter?.name, letter?.kind, letter?.code], [name, 'entry', 'SQLITE_ERROR']);
  assert.ok(!Object.hasOwn(letter?.entry as Json, 'error'));
});

test('a letter of odd fields is shown, and comes back with all digits of its metadata', async (t) => {
  const self = project(t);
  const text = '{"sql":"fails","created_at":5,"seq":[],"metadata":{"n":-9007199254740993,"i":1e999}}\n';
  const name = put(self, text);
  await once(self, 3);
  assert.match(
    (await failed(self, ['show', name])).stdout,
    /^Created: +5$[\s\S]*n = -9007199254740993\n {2}i = 9e999$/m,
  );
  await failed(self, ['retry', name]);
  await waitFor('it to fail again', () => self.names('failed').includes(name));
  await drained(self);
  assert.match(
    readFileSync(join(self.spool, 'failed', name), 'utf8'),
    /"metadata":\{"n":-9007199254740993,"i":9e999\}/,
  );
});

test('retry puts an entry back without its error, and it is applied once', async (t) => {
  const self = project(t);
  const [entry] = await twoLetters(self);
  execute(self, 'CREATE TABLE later(a)');
  // Producers are told that a worker was just started: the entry can be looked at before it is applied.
  writeFileSync(join(self.spool, '.tmp', `start-${Math.floor(Date.now() / 5000)}`), '');
  writeFileSync(join(self.spool, '.tmp', `start-${Math.floor(Date.now() / 5000) + 1}`), '');
  assert.equal((await failed(self, ['retry', entry])).stdout, '1 put back into the queue\n');
  assert.ok(!self.names('failed').includes(entry));
  const again = JSON.parse(readFileSync(join(self.spool, 'pending', entry), 'utf8')) as Json;
  assert.deepEqual(
    [again.retries, again.error, again.operation, again.params],
    [0, undefined, 'add', { a: 'x' }],
  );
  await once(self);
  assert.deepEqual(self.rows('SELECT a FROM later'), [{ a: 'x' }]);
});

test('retry starts a worker, and all or those of an operation can be retried', async (t) => {
  const self = project(t);
  withLog(self);
  for (const operation of ['one', 'one', 'two'])
    putEntry(self, 'INSERT INTO later(a) VALUES(1)', { operation });
  await once(self, 3);
  execute(self, 'CREATE TABLE later(a)');
  assert.match((await failed(self, ['retry', '--operation', 'one'])).stdout, /^2 put back/);
  await waitFor('the two', () => self.rows('SELECT a FROM later').length === 2);
  assert.equal(self.names('failed').length, 1);
  assert.match((await failed(self, ['retry', '--all'])).stdout, /^1 put back/);
  await waitFor('the third', () => self.rows('SELECT a FROM later').length === 3);
  await drained(self);
  assert.deepEqual(self.names('failed'), []);
});

test('a raw letter goes back as it is, reason and all, and can be mended before', async (t) => {
  const self = project(t);
  const [, raw] = await twoLetters(self);
  writeFileSync(join(self.spool, 'failed', raw), entryText(logs('mended'), { priority: 5 }));
  await failed(self, ['retry', raw]);
  await waitFor('the mended entry', () => logged(self).includes('mended'));
  assert.ok(!self.names('failed').some((name) => name.startsWith(raw)));

  const broken = put(self, 'still no JSON\n');
  await waitFor(
    'the letter',
    () => self.names('failed').includes(`${broken}.why`) && !self.names('pending').length,
  );
  await failed(self, ['retry', broken]);
  // The worker may be quick enough to find its old name still taken; then it is NAME.1.
  const isLetter = (name: string): boolean => name.startsWith(broken) && !name.endsWith('.why');
  const names = await waitFor('it to fail again', () => {
    const found = self.names('failed').filter((name) => name.startsWith(broken));
    return self.names('pending').length === 0 && found.length === 2 ? found : undefined;
  });
  const [name = ''] = names?.filter(isLetter) ?? [];
  assert.deepEqual(names, [name, `${name}.why`]);
  await failed(self, ['discard', name]);
  assert.ok(!self.names('failed').some((left) => left.startsWith(broken)));
});

test('an entry that fails again before its old letter is removed is not lost', {
  skip: noStrace(),
}, async (t) => {
  const self = project(t);
  withLog(self);
  const name = putEntry(self, 'nonsense');
  await self.run('queue-worker', ['start']);
  await waitFor('the letter', () => self.names('failed').length === 1 && !self.names('pending').length);
  const first = readFileSync(join(self.spool, 'failed', name), 'utf8');
  // The link into pending/ returns half a second late, and the worker needs milliseconds.
  const slow = [
    '-f',
    '-o',
    '/dev/null',
    '-e',
    'trace=link,linkat',
    '-e',
    'inject=link,linkat:delay_exit=500000',
  ];
  const command = [process.execPath, join(DIST, 'queue-failed'), 'retry', name];
  const { code, stderr } = await self.run('/usr/bin/env', ['strace', ...slow, ...command]);
  assert.equal(code, 0, stderr);
  await waitFor('it to fail again', () => !self.names('pending').length);
  assert.deepEqual(self.names('failed'), [name]);
  assert.notEqual(readFileSync(join(self.spool, 'failed', name), 'utf8'), first, 'the letter is the new one');
});

test('what a crash between the two steps leaves is listed, retried and applied once', async (t) => {
  const self = project(t);
  const [entry] = await twoLetters(self);
  execute(self, 'CREATE TABLE later(a)');
  const letter = readFileSync(join(self.spool, 'failed', entry), 'utf8');
  await failed(self, ['retry', entry]);
  await waitFor('it to be applied', () => self.rows('SELECT a FROM later').length === 1);
  await drained(self);
  // The crash came before the copy was removed.
  writeFileSync(join(self.spool, 'failed', `${entry}.retry`), letter);
  assert.match((await failed(self, ['list'])).stdout, new RegExp(`^${entry}\\.retry +add`, 'm'));
  await failed(self, ['retry', `${entry}.retry`]);
  await drained(self);
  assert.ok(!self.names('failed').includes(`${entry}.retry`));
  assert.equal(self.rows('SELECT a FROM later').length, 1, 'the ledger has it');
});

test('a letter stays while its name is taken in pending/, and what is no entry is refused', async (t) => {
  const self = project(t);
  const [entry] = await twoLetters(self);
  linkSync(join(self.spool, 'failed', entry), join(self.spool, 'pending', entry));
  const taken = await failed(self, ['retry', entry], 1);
  assert.match(taken.stderr, /stays: an entry of this name is in pending\/ already/);
  assert.ok(self.names('failed').includes(entry));

  const directory = nameOf();
  mkdirSync(join(self.spool, 'failed', directory));
  assert.match((await failed(self, ['retry', directory], 1)).stderr, /not a regular file/);
  writeFileSync(join(self.spool, 'failed', 'no-entry'), 'x');
  assert.match((await failed(self, ['retry', 'no-entry'], 1)).stderr, /its name is not that of an entry/);
  assert.match((await failed(self, ['show', directory])).stdout, /not a regular file/);
});

test('discard removes a letter and its reason; in bulk it wants --yes', async (t) => {
  const self = project(t);
  const [entry, raw] = await twoLetters(self);
  assert.match((await failed(self, ['discard', '--all'], 2)).stderr, /--yes/);
  assert.equal(self.names('failed').length, 3);
  assert.equal((await failed(self, ['discard', raw])).stdout, '1 removed\n');
  assert.deepEqual(self.names('failed'), [entry]);
  assert.equal(
    (await failed(self, ['discard', '--operation', 'add', '--yes', '--json'])).stdout,
    '{\n  "discarded": 1\n}\n',
  );
  assert.deepEqual(self.names('failed'), []);
});

test('names that are not there, paths, and bad calls', async (t) => {
  const self = project(t);
  await twoLetters(self);
  const victim = join(self.dir, 'victim.json');
  writeFileSync(victim, '');
  for (const verb of ['show', 'retry', 'discard']) {
    assert.match((await failed(self, [verb, 'nothing'], 1)).stderr, /there is no dead letter 'nothing'/);
    for (const path of ['../../../victim.json', '../.seq', '..', victim]) {
      assert.match((await failed(self, [verb, path], 2)).stderr, /is not the name of a dead letter/);
    }
    await failed(self, [verb], 2);
    await failed(self, [verb, 'x', '--all'], 2);
  }
  assert.ok(existsSync(victim));
  for (const args of [[], ['nonsense'], ['list', 'x'], ['retry', '--all', '--yes'], ['constructor']])
    await failed(self, args, 2);
  assert.match((await failed(self, ['--help'])).stdout, /^Examples:$/m);
});
