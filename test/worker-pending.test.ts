/** What may stand in pending/ besides entries: each odd thing ends in failed/ with a reason, and nothing waits for it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DIST, type Project, project, waitFor, workerPid } from './support/project.ts';
import {
  AS_NOBODY,
  drained,
  entryText,
  letter,
  logged,
  logs,
  nameOf,
  noMounts,
  noOtherUser,
  once,
  put,
  putEntry,
  startWorker,
  withLog,
} from './support/queue.ts';

const GOOD = entryText("INSERT INTO log(t) VALUES('odd')", { priority: 5 });

interface Odd {
  /** Default: a name of an entry. */
  name?: string;
  make: (path: string) => void;
  why: RegExp;
}

const content =
  (bytes: string | Buffer): ((path: string) => void) =>
  (path) =>
    writeFileSync(path, bytes);
/** As if written a minute ago. */
const old =
  (bytes: string | Buffer): ((path: string) => void) =>
  (path) => {
    writeFileSync(path, bytes);
    const then = Date.now() / 1000 - 60;
    utimesSync(path, then, then);
  };

const odd: Record<string, Odd> = {
  'an empty file': { make: old(''), why: /torn.*after 0 bytes/ },
  'a torn file': { make: old(GOOD.slice(0, 40)), why: /torn.*after 40 bytes/ },
  'a file without only its newline': { make: old(GOOD.trimEnd()), why: /torn/ },
  'truncated JSON with a newline': { make: content(`${GOOD.slice(0, 40)}\n`), why: /not JSON/ },
  'text that is not JSON': { make: content('INSERT INTO log\n'), why: /not JSON/ },
  'two entries in one file': { make: content(GOOD + GOOD), why: /not JSON/ },
  'a JSON array': { make: content('[1]\n'), why: /not a JSON object/ },
  'JSON null': { make: content('null\n'), why: /not a JSON object/ },
  'an object without SQL': { make: content('{"operation":"x"}\n'), why: /no "sql"/ },
  'SQL that is no string': { make: content('{"sql":["a"]}\n'), why: /no "sql"/ },
  'empty SQL': { make: content('{"sql":" "}\n'), why: /empty SQL/ },
  'a priority that is none': { make: content('{"sql":"SELECT 1","priority":11}\n'), why: /priority 11/ },
  'parameters that are none': { make: content('{"sql":"SELECT 1","params":"x"}\n'), why: /"params"/ },
  'metadata that is none': { make: content('{"sql":"SELECT 1","metadata":7}\n'), why: /"metadata"/ },
  'a time that is none': {
    make: content('{"sql":"SELECT 1","not_before":"soon"}\n'),
    why: /"not_before".*soon/,
  },
  'bytes that are not UTF-8': {
    make: content(Buffer.from('{"sql":"SELECT \'\xff\'"}\n', 'latin1')),
    why: /UTF-8.*offset 16/,
  },
  'NUL in SQL': { make: content('{"sql":"SELECT 1\\u0000; DROP TABLE log"}\n'), why: /U\+0000/ },
  'a lone surrogate in SQL': { make: content('{"sql":"SELECT \'\\ud800\'"}\n'), why: /lone surrogate/ },
  'a lone surrogate in a parameter': {
    make: content('{"sql":"SELECT :a","params":{"a":["\\udc00"]}}\n'),
    why: /lone surrogate/,
  },
  // Whatever goes through it recursively would overflow its stack.
  'an object nested very deep': {
    make: content(`{"sql":"fails","metadata":{"a":${'['.repeat(9000)}${']'.repeat(9000)}}}\n`),
    why: /nested deeper than 1000 levels/,
  },
  'an empty key': { make: content('{"sql":"SELECT 1","id":""}\n'), why: /empty "id"/ },
  'NUL in the path of its database': {
    make: content('{"sql":"SELECT 1","db":"/tmp/\\u0000"}\n'),
    why: /U\+0000 in its "db"/,
  },
  'a value whose name is too long for a file': {
    make: content(`{"sql":"SELECT :${'v'.repeat(300)}","values":["${'v'.repeat(300)}"]}\n`),
    why: /has a name that no file can have/,
  },
  binary: { make: content(Buffer.from([0, 1, 2, 10])), why: /not JSON/ },
  'a directory': { make: (path) => mkdirSync(path), why: /is a directory/ },
  'a directory with something in it': {
    make: (path) => {
      mkdirSync(path);
      writeFileSync(join(path, 'x'), '');
    },
    why: /is a directory/,
  },
  'a FIFO': { make: (path) => spawnSync('mkfifo', [path]), why: /is a FIFO/ },
  'a symlink to an entry': {
    make: (path) => {
      writeFileSync(join(path, '../../../victim'), GOOD);
      symlinkSync('../../victim', path);
    },
    why: /symlink/,
  },
  'a dangling symlink': { make: (path) => symlinkSync('/nowhere', path), why: /symlink/ },
  'a symlink to a device': { make: (path) => symlinkSync('/dev/zero', path), why: /symlink/ },
  'a socket': {
    make: (path) =>
      spawnSync(process.execPath, [
        '-e',
        `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 9))`,
      ]),
    why: /socket or device/,
  },
  '100 MB': {
    make: (path) => {
      const fd = openSync(path, 'w');
      ftruncateSync(fd, 100 * 1024 * 1024);
      closeSync(fd);
    },
    why: /has 104857600 bytes, more than/,
  },
  'priority 00 in the name': { name: '00_1700000000000000_1.json', make: content(GOOD), why: /name is not/ },
  'priority 11 in the name': { name: '11_1700000000000000_1.json', make: content(GOOD), why: /name is not/ },
  'one digit in the name': { name: '5_1700000000000000_1.json', make: content(GOOD), why: /name is not/ },
  'another suffix': { name: '05_1700000000000000_1.json.swp', make: content(GOOD), why: /name is not/ },
  'a hidden file': { name: '.hidden', make: content(GOOD), why: /name is not/ },
  'a name with a newline': { name: '05_17\n_1.json', make: content(GOOD), why: /name is not/ },
  'a name with a space': { name: '05_17 1.json', make: content(GOOD), why: /name is not/ },
  'a directory of any name': { name: 'backup', make: (path) => mkdirSync(path), why: /name is not/ },
  'the longest name there can be': { name: 'x'.repeat(255), make: content(GOOD), why: /name is not/ },
  'the longest name of an entry': {
    name: `05_${'1'.repeat(247)}.json`,
    make: content('x\n'),
    why: /not JSON/,
  },
};

/** Puts each between two good entries. @returns the names in pending/. */
function putAll(self: Project): Map<string, string> {
  const names = new Map<string, string>();
  putEntry(self, logs('first'));
  for (const [what, { name = nameOf(), make }] of Object.entries(odd)) {
    make(join(self.spool, 'pending', name));
    names.set(what, name);
    putEntry(self, logs(what));
  }
  return names;
}

async function assertBuried(t: TestContext, self: Project, names: Map<string, string>): Promise<void> {
  for (const [what, { why }] of Object.entries(odd)) {
    await t.test(what, () =>
      assert.match(letter(self, buriedAs(self, names.get(what) as string)).message, why),
    );
  }
  // Sorted: a worker that looks on as they are written finds some of them unfinished, and takes the next.
  assert.deepEqual(logged(self).sort(), ['first', ...Object.keys(odd)].sort());
  assert.deepEqual(self.names('pending'), []);
}

/** Its name in failed/, which is cut where there would be no room for the suffix of the reason. */
function buriedAs(self: Project, name: string): string {
  const found = self
    .names('failed')
    .find(
      (other) =>
        other === name ||
        (name.length > 240 && other.startsWith(name.slice(0, 200)) && !other.endsWith('.why')),
    );
  assert.ok(found, `${name} is not in failed/`);
  return found;
}

test('--once sets each odd thing aside with a reason and applies all others:', async (t) => {
  const self = project(t);
  withLog(self);
  const names = putAll(self);
  await once(self, 3);
  await assertBuried(t, self, names);
  const kept = join(self.spool, 'failed', names.get('a torn file') as string);
  assert.equal(readFileSync(kept, 'utf8'), GOOD.slice(0, 40), 'it is kept as it was');
  assert.ok(
    lstatSync(join(self.spool, 'failed', names.get('a symlink to an entry') as string)).isSymbolicLink(),
  );
});

test('a worker that runs does the same, lives on, and does not read 100 MB to find out', async (t) => {
  const self = project(t);
  withLog(self);
  const pid = await startWorker(self);
  const names = putAll(self);
  await waitFor(
    'all to be dealt with',
    () => logged(self).length === names.size + 1 && self.names('pending').length === 0,
  );
  await assertBuried(t, self, names);
  assert.equal(workerPid(self), pid);
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  const base = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${process.pid}/status`, 'latin1'))?.[1];
  assert.ok(Number(peak) < Number(base) + 90_000, `its memory reached ${peak} kB`);
});

test('a name that is not UTF-8 is set aside as well', async (t) => {
  const self = project(t);
  withLog(self);
  putEntry(self, logs('a'));
  const directory = Buffer.from(`${join(self.spool, 'pending')}/`);
  writeFileSync(Buffer.concat([directory, Buffer.from([0x61, 0xff, 0xfe])]), GOOD);
  putEntry(self, logs('b'));
  await once(self, 3);
  assert.deepEqual(logged(self), ['a', 'b']);
  assert.deepEqual(readdirSync(join(self.spool, 'pending')), []);
  const [why] = self.names('failed').filter((name) => name.endsWith('.why'));
  assert.match(readFileSync(join(self.spool, 'failed', why as string), 'utf8'), /name is not/);
});

test('what can not be moved away is left where it is; the others are applied', {
  skip: noMounts(),
}, async (t) => {
  const self = project(t);
  withLog(self);
  const stuck = nameOf();
  mkdirSync(join(self.spool, 'pending', stuck), { recursive: true });
  putEntry(self, logs('a'));
  mkdirSync(join(self.spool, 'pending', 'stuck'));
  putEntry(self, logs('b'));
  // A mount point can't be renamed.
  const script = `mount -t tmpfs none "$1/${stuck}" && mount -t tmpfs none "$1/stuck" && exec "$2" --once`;
  const worker = join(DIST, 'queue-worker');
  const result = await self.run('unshare', [
    '-m',
    'sh',
    '-c',
    script,
    'sh',
    join(self.spool, 'pending'),
    worker,
  ]);
  assert.deepEqual(logged(self), ['a', 'b']);
  assert.equal(result.code, 3, result.stdout + result.stderr);
  assert.deepEqual(self.names('pending'), [stuck, 'stuck']);
});

test('an entry that this user may not read goes to failed/; the others are applied', {
  skip: noOtherUser(),
}, async (t) => {
  const self = project(t);
  withLog(self);
  const name = putEntry(self, logs('secret'));
  putEntry(self, logs('a'));
  assert.equal((await self.run('chown', ['-R', '65534:65534', self.dir])).code, 0);
  // Root is not kept out, so another user runs the worker.
  chmodSync(join(self.spool, 'pending', name), 0);
  const [program, ...args] = [...AS_NOBODY, process.execPath, join(DIST, 'queue-worker'), '--once'];
  const result = await self.run(program, args);
  assert.equal(result.code, 3, result.stderr);
  assert.match(letter(self, name).message, /may not be read by this user/);
  assert.deepEqual(logged(self), ['a']);
});

test('a young file without its final newline is left alone until its writer has finished', async (t) => {
  const self = project(t);
  withLog(self);
  const half = GOOD.length >> 1;
  const name = put(self, GOOD.slice(0, half));
  await startWorker(self);
  putEntry(self, logs('other'));
  await waitFor('the other to be gone', () => self.names('pending').length === 1);
  assert.deepEqual([self.names('pending'), self.names('failed')], [[name], []]);
  appendFileSync(join(self.spool, 'pending', name), GOOD.slice(half));
  await drained(self);
  assert.deepEqual(logged(self), ['other', 'odd']);
  assert.deepEqual(self.names('failed'), []);
});

test('a writer that died leaves a torn file, which goes to failed/ while the worker runs', async (t) => {
  const self = project(t);
  withLog(self);
  const name = put(self, GOOD.slice(0, 30));
  await once(self, 3);
  assert.match(letter(self, name).message, /torn.*after 30 bytes/);
});

test('an entry of more than a buffer that arrives in pieces is applied whole', async (t) => {
  const self = project(t);
  withLog(self);
  const text = entryText(logs('x'.repeat(300_000)));
  const name = put(self, text.slice(0, 70_000));
  await startWorker(self);
  appendFileSync(join(self.spool, 'pending', name), text.slice(70_000, 65_536 * 3));
  appendFileSync(join(self.spool, 'pending', name), text.slice(65_536 * 3));
  await drained(self);
  assert.equal((logged(self)[0] as string).length, 300_000);
});

test('the same odd name a second time does not overwrite the first in failed/', async (t) => {
  const self = project(t);
  const name = nameOf();
  for (const text of ['one\n', 'two\n']) {
    put(self, text, name);
    await once(self, 3);
  }
  const texts = self.names('failed').filter((file) => !file.endsWith('.why'));
  assert.deepEqual(texts.map((file) => readFileSync(join(self.spool, 'failed', file), 'utf8')).sort(), [
    'one\n',
    'two\n',
  ]);
});

test('orphans in processing/ go back to pending/ and are applied; other things there go to failed/', async (t) => {
  const self = project(t, { QUEUE_PROCESSING_TIMEOUT: '0' });
  withLog(self);
  const name = nameOf();
  putEntry(self, logs('entry'));
  const processing = join(self.spool, 'processing');
  writeFileSync(join(processing, name), entryText(logs('orphan')));
  writeFileSync(join(processing, 'junk'), 'x');
  await once(self);
  assert.deepEqual(logged(self), ['orphan', 'entry']);
  assert.deepEqual(self.names('processing'), []);
  assert.match(letter(self, 'junk').message, /found in processing/);
});
