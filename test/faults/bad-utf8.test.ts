/**
 * Bytes that are not UTF-8, wherever a caller may put bytes: the call is refused, or the entry becomes a dead letter
 * that keeps them. Never does U+FFFD stand in the database for them, and never is a neighbour lost.
 */
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FULL, faultRun, type Random } from '../support/faults.ts';
import { fakeWorker } from '../support/producer.ts';
import { DIST, type Project, project } from '../support/project.ts';
import { entryText, letter, logged, logs, nameOf, once, put, putEntry, withLog } from '../support/queue.ts';

const INSERT = 'INSERT INTO log(t) VALUES(:v)';

/**
 * All that one to three bytes can do wrong: after each byte that is no ASCII nothing, a letter, and continuation
 * bytes from every range that matters (overlong below, surrogates and beyond U+10FFFF above).
 */
const BAD: readonly Buffer[] = (() => {
  const tails = [0x41, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf];
  const list: number[][] = [];
  for (let first = 0x80; first <= 0xff; first++) {
    list.push([first], ...tails.map((a) => [first, a]));
    list.push(...tails.flatMap((a) => tails.map((b) => [first, a, b])));
  }
  for (const second of tails) list.push([0xf0, second, 0x80, 0x80], [0xf4, second, 0x80, 0x80]);
  return list.map((bytes) => Buffer.from(bytes)).filter((bytes) => !isUtf8(bytes));
})();

/** Those that a test uses: always the classics. */
function chosen(random: Random, count: number): Buffer[] {
  const classics = ['80', 'ff', 'c080', 'e08080', 'eda080', 'edbfbf', 'f4908080', 'c3', 'e282', 'f09f98'];
  return [...classics.map((hex) => Buffer.from(hex, 'hex')), ...random.sample(BAD, count)];
}

/** For bash's printf %b: an argument can't carry the bytes from here. */
const escaped = (bytes: Buffer): string => bytes.toString('hex').replace(/../g, '\\x$&');

/** Applies what is in pending/. Each bad entry must be in failed/ for its bytes, and `good` in the table. */
async function assertSetAside(self: Project, bad: readonly Buffer[], good: readonly string[]): Promise<void> {
  rmSync(join(self.spool, 'worker.pid'), { force: true });
  await once(self, bad.length > 0 ? 3 : 0);
  assert.deepEqual(logged(self), good);
  const names = self.names('failed').filter((name) => !name.endsWith('.why'));
  assert.equal(names.length, bad.length);
  const values = self.names('values');
  names.forEach((name, index) => {
    const { code, message } = letter(self, name);
    assert.equal(code, 'BAD_ENTRY');
    assert.match(message, /is not valid UTF-8 \(first bad byte at offset \d+\)/);
    const files = [join(self.spool, 'failed', name)];
    for (const value of values)
      if (value.startsWith(`${name}.`)) files.push(join(self.spool, 'values', value));
    const bytes = Buffer.concat(files.map((path) => readFileSync(path)));
    assert.ok(bytes.includes(bad[index] as Buffer), `${name} keeps ${bad[index]?.toString('hex')}`);
  });
  assert.deepEqual(self.names('pending'), []);
}

const PLACES: Record<string, string> = {
  SQL: `queue_db_write "SELECT '$b'"`,
  'SQL with a parameter': `queue_db_write "SELECT :v -- $b" op 5 '' v=x`,
  'long SQL': `queue_db_write "SELECT '$long$b'"`,
  'an operation': `queue_db_write "SELECT 1" "op $b"`,
  'a parameter': `queue_db_write 'SELECT :v' op 5 '' "v=$b"`,
  'a long parameter': `queue_db_write 'SELECT :v' op 5 '' "v=$long$b$long"`,
  'one of two parameters': `queue_db_write 'SELECT :v, :w' op 5 '' v=x "w=a$b\\"z"`,
  'standard input': `queue_db_write 'SELECT :v' op 5 '' 'v@-' <<<"$b"`,
  'standard input that was peeked at': `queue_peek_stdin v <<<"é$b" && queue_db_write 'SELECT :v' op 5 '' 'v@-'; _queue_peeked=''`,
};

for (const [place, command] of Object.entries(PLACES)) {
  test(`through the bash library in ${place}`, async (t) => {
    await faultRun(t, async ({ random, count }) => {
      const self = project(t);
      withLog(self);
      fakeWorker(self);
      const bad = chosen(random, FULL ? 400 : 25);
      const script = `printf -v long '%1500s'; n=0; for e; do printf -v b %b "$e"
${command} || exit
((n += 1)); queue_db_write '${INSERT}' op 5 '' "v=né$n" || exit; done`;
      const locale = random.pick(['C', 'C.UTF-8']);
      const result = await self.bash(script, bad.map(escaped), { env: { LC_ALL: locale } });
      assert.deepEqual(result, { code: 0, signal: null, stdout: '', stderr: '' });
      await assertSetAside(
        self,
        bad,
        bad.map((_, index) => `né${index + 1}`),
      );
      count({ entries: 2 * bad.length, faults: bad.length });
    });
  });
}

test('in metadata, and wherever Node has to look: the call is refused with 2, and nothing is written', async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const self = project(t);
    withLog(self);
    fakeWorker(self);
    const write = join(DIST, 'queue-write');
    const commands = [
      `queue_db_write 'SELECT 1' op 5 "{\\"a\\":\\"$b\\"}"`,
      `"${write}" -m "{\\"a\\":\\"$b\\"}" 'SELECT 1'`,
      `"${write}" --id k "SELECT '$b'"`,
      `"${write}" --id "$b" 'SELECT 1'`,
      `"${write}" --param-json "v=\\"$b\\"" 'SELECT :v'`,
      `"${write}" --id k --stdin v 'SELECT :v' <<<"$b"`,
      `"${write}" --sql-file - <<<"SELECT '$b'"`,
      `QUEUE_DURABLE=true queue_db_write 'SELECT :v' op 5 '' "v=$b"`,
      `USE_QUEUE=false queue_db_write 'INSERT INTO log(t) VALUES(:v)' op 5 '' "v=$b"`,
    ];
    for (const command of commands) {
      for (const bytes of chosen(random, 0).slice(0, FULL ? 10 : 1)) {
        const result = await self.bash(`printf -v b %b "$1"; ${command}`, [escaped(bytes)]);
        assert.deepEqual([result.code, result.stdout], [2, ''], `${command}: ${result.stderr}`);
        assert.match(result.stderr, /not valid UTF-8/);
        count({ faults: 1 });
      }
    }
    assert.deepEqual(self.names('pending'), []);
    await assertSetAside(self, [], []);
  });
});

test('on standard input of every length around 32 KB', async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const self = project(t);
    withLog(self);
    fakeWorker(self);
    const lengths = [600, 32_764, 32_766, 32_767, 32_768, 40_000, 200_000];
    const bad: Buffer[] = [];
    const good: string[] = [];
    const files: string[] = [];
    for (const length of lengths) {
      for (const bytes of [...chosen(random, FULL ? 20 : 2)].slice(FULL ? 0 : -4)) {
        const rest = random.pick(['', 'x', 'y'.repeat(5000)]);
        bad.push(bytes);
        good.push(`${'x'.repeat(length)}😀é${rest}`);
        for (const content of [
          Buffer.concat([Buffer.from('x'.repeat(length)), bytes, Buffer.from(rest)]),
          Buffer.from(good.at(-1) as string),
        ]) {
          files.push(join(self.dir, `input-${files.length}`));
          writeFileSync(files.at(-1) as string, content);
        }
      }
    }
    const script = `for f; do queue_db_write '${INSERT}' op 5 '' 'v@-' <"$f" || exit; done`;
    const result = await self.bash(script, files);
    assert.deepEqual(result, { code: 0, signal: null, stdout: '', stderr: '' });
    count({ entries: files.length, faults: bad.length });
    await assertSetAside(self, bad, good);
  });
});

test('in files in pending/, at any place of the entry', async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const self = project(t);
    withLog(self);
    const all = chosen(random, FULL ? 2500 : 300);
    const good: string[] = [];
    const more = { params: { v: 'ä' }, metadata: { a: ['b'] }, id: 'k', unknown: {} };
    const entry = Buffer.from(entryText(`${INSERT} -- ü`, more).trimEnd());
    all.forEach((bytes, index) => {
      const at = random.below(entry.length + 1);
      // Bytes that a good neighbour makes good again would be no fault.
      const content = Buffer.concat([
        entry.subarray(0, at),
        bytes,
        Buffer.from('.'),
        entry.subarray(at),
        Buffer.from('\n'),
      ]);
      put(self, content, nameOf());
      if (index % 4 !== 0) return;
      good.push(`n ${index}`);
      putEntry(self, logs(`n ${index}`));
    });
    count({ entries: all.length + good.length, faults: all.length });
    await assertSetAside(self, all, good);
  });
});

/** Bash has no NUL in a variable, and its `read` drops them unseen; the rest of a long input goes past it. */
test('NUL on standard input: bash drops it from the first 32 KB, Node keeps it; nothing else is lost', async (t) => {
  await faultRun(t, async ({ count }) => {
    const self = project(t);
    withLog(self);
    fakeWorker(self);
    const input = `a\0b${'x'.repeat(40_000)}\0z`;
    const script = `queue_db_write '${INSERT}' op 5 '' 'v@-'`;
    for (const text of ['a\0b', '\0', input]) {
      const result = await self.bash(script, [], { input: text });
      assert.deepEqual(result, { code: 0, signal: null, stdout: '', stderr: '' });
    }
    const node = await self.run('queue-write', ['--id', 'k', '--stdin', 'v', INSERT], { input });
    assert.deepEqual([node.code, node.stderr], [0, '']);
    count({ entries: 4, faults: 4 });
    await assertSetAside(self, [], ['ab', '', input.replace('\0', ''), input]);
  });
});
