/**
 * The big list of naughty strings, wherever a caller may put a string: each arrives in the database, or in the
 * journal, byte for byte, whichever producer it goes through.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { openQueue } from '../../lib/producer/enqueue.ts';
import { FULL, faultRun } from '../support/faults.ts';
import { fakeWorker } from '../support/producer.ts';
import { DIST, type Project, project } from '../support/project.ts';
import { logged, logs, once, startNoWorker, withLog } from '../support/queue.ts';

const STRINGS = createRequire(import.meta.url)('big-list-of-naughty-strings') as readonly string[];
const INSERT = 'INSERT INTO log(t) VALUES(:v)';

const hexOf = (text: string): string => Buffer.from(text).toString('hex').toUpperCase();

/** The texts in `log` as hex, in the order of their entries. */
function hexes(self: Project): unknown[] {
  return self.rows('SELECT hex(CAST(t AS BLOB)) AS hex FROM log ORDER BY n').map(({ hex }) => hex);
}

/** Applies what is in pending/ now; a worker only seemed to be there. */
async function apply(self: Project): Promise<void> {
  rmSync(join(self.spool, 'worker.pid'), { force: true });
  await once(self);
  assert.deepEqual([self.names('failed'), self.names('pending'), self.names('values')], [[], [], []]);
}

for (const locale of ['C', 'C.UTF-8']) {
  test(`through the bash library, LC_ALL=${locale}`, async (t) => {
    await faultRun(t, async ({ random, count }) => {
      const self = project(t);
      const strings = FULL ? STRINGS : random.sample(STRINGS, 150);
      withLog(self);
      fakeWorker(self);
      const script = `while (($#)); do
queue_db_write "$1" "$2" || exit
queue_db_write '${INSERT}' "$2" 5 '' "v=$2" || exit
queue_db_write '${INSERT}' "$2" 5 '' 'v@-' <<<"$2" || exit
queue_db_write "SELECT :v, :w; $1" "$2" 5 '' "v=$2" "w=$2$2" || exit
shift 2; done`;
      const args = strings.flatMap((text) => [logs(text), text]);
      const result = await self.bash(script, args, { env: { LC_ALL: locale } });
      assert.deepEqual(result, { code: 0, signal: null, stdout: '', stderr: '' });
      await apply(self);
      count({ entries: 4 * strings.length });
      assert.deepEqual(hexes(self), strings.flatMap((text) => [text, text, `${text}\n`, text]).map(hexOf));
      assert.deepEqual(
        self.journal().map(({ operation }) => operation),
        strings.flatMap((text) => Array<string>(4).fill(text || 'write')),
      );
    });
  });
}

test('through dist/queue-write, as arguments and on standard input', async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const self = project(t);
    withLog(self);
    fakeWorker(self);
    const strings = FULL ? STRINGS : random.sample(STRINGS, 40);
    const script = `write=$1; shift; while (($#)); do
"$write" "--operation=$2" --param "v=$2" "SELECT :v; $1" || exit
"$write" "--operation=$2" --stdin v '${INSERT}' <<<"$2" || exit
shift 2; done`;
    const args = strings.flatMap((text) => [logs(text), text || 'write']);
    const result = await self.bash(script, [join(DIST, 'queue-write'), ...args]);
    assert.deepEqual(result, { code: 0, signal: null, stdout: '', stderr: '' });
    await apply(self);
    count({ entries: 2 * strings.length });
    assert.deepEqual(hexes(self), strings.flatMap((text) => [text, `${text || 'write'}\n`]).map(hexOf));
    assert.deepEqual(
      self.journal().map(({ operation }) => operation),
      strings.flatMap((text) => Array<string>(2).fill(text || 'write')),
    );
  });
});

test('as metadata and key on the command line of the Node half', async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const self = project(t);
    withLog(self);
    startNoWorker(self);
    const strings = random.sample(
      STRINGS.filter((text) => text !== ''),
      FULL ? 100 : 4,
    );
    for (const text of strings) {
      const metadata = JSON.stringify({ [text]: text });
      const result = await self.run('queue-write', [`--id=${text}`, '-m', metadata, '--', logs(text)]);
      assert.deepEqual(result, { code: 0, signal: null, stdout: '', stderr: '' }, text);
    }
    await apply(self);
    count({ entries: strings.length });
    const unique = [...new Set(strings)];
    assert.deepEqual(hexes(self), unique.map(hexOf));
    assert.deepEqual(
      self.journal().map(({ key, metadata }) => [key, metadata]),
      unique.map((text) => [text, { [text]: text }]),
    );
  });
});

test('through enqueue(): SQL, parameters of both kinds, operation, metadata, key', async (t) => {
  await faultRun(t, async ({ count }) => {
    const self = project(t);
    withLog(self);
    startNoWorker(self);
    const queue = openQueue(self.env);
    STRINGS.forEach((text, index) => {
      const common = { operation: text, metadata: { [text]: [text] } };
      queue.enqueue({ ...common, sql: logs(text), id: `${index} ${text}` });
      queue.enqueue({ ...common, sql: INSERT, params: { v: text } });
      queue.enqueue({ ...common, sql: 'INSERT INTO log(t) VALUES(?)', params: [{ [text]: text }] });
    });
    await apply(self);
    count({ entries: 3 * STRINGS.length });
    assert.deepEqual(
      hexes(self),
      STRINGS.flatMap((text) => [text, text, JSON.stringify({ [text]: text })]).map(hexOf),
    );
    const lines = self.journal();
    assert.deepEqual(
      lines.map(({ operation, metadata }) => [operation, metadata]),
      STRINGS.flatMap((text) => Array<unknown>(3).fill([text, { [text]: [text] }])),
    );
    assert.deepEqual(
      lines.filter((_, at) => at % 3 === 0).map(({ key }) => key),
      STRINGS.map((text, index) => `${index} ${text}`),
    );
    const ids = self.rows("SELECT hex(id) AS hex FROM _queue_ledger WHERE id LIKE '0 %' OR id LIKE '99 %'");
    assert.deepEqual(
      ids.map(({ hex }) => hex),
      [0, 99].map((index) => hexOf(`${index} ${STRINGS[index]}`)),
    );
  });
});

/** Those that can be the name of a file. The driver takes off white space at the end, so that is refused. */
const FILE_NAMES = [...new Set(STRINGS)].filter(
  (text) =>
    text.trimEnd() === text &&
    text !== '' &&
    text !== '.' &&
    text !== '..' &&
    !text.includes('/') &&
    Buffer.byteLength(text) < 200,
);

test('as the name of the database', async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const self = project(t);
    fakeWorker(self);
    const names = random.sample(FILE_NAMES, FULL ? 150 : 25);
    mkdirSync(join(self.dir, 'dbs'));
    const paths = names.map((name) => join(self.dir, 'dbs', name));
    const script = `for HIVE_DB; do queue_db_write 'CREATE TABLE log(n INTEGER PRIMARY KEY, t)' && queue_db_write "$SQL" || exit; done`;
    const result = await self.bash(script, paths, { env: { SQL: "INSERT INTO log(t) VALUES('x')" } });
    assert.deepEqual(result, { code: 0, signal: null, stdout: '', stderr: '' });
    await apply(self);
    count({ entries: 2 * names.length });
    for (const path of paths) {
      assert.ok(existsSync(path), path);
      assert.deepEqual(logged(self, path), ['x'], path);
    }
  });
});

test('as the name of the spool, and of the project', async (t) => {
  await faultRun(t, async ({ random, count }) => {
    const self = project(t);
    withLog(self);
    for (const name of random.sample(FILE_NAMES, FULL ? 60 : 3)) {
      const root = join(self.dir, 'roots', name);
      mkdirSync(join(root, '.hive-mind'), { recursive: true });
      const spool = join(root, name);
      const env = { CLAUDE_PROJECT_DIR: root, QUEUE_BASE_DIR: name, HIVE_DB: self.db };
      startNoWorker({ ...self, spool });
      const script = `queue_db_write '${INSERT}' op 5 '' "v=$1" && queue_find_spool s && printf %s "$s"`;
      const result = await self.bash(script, [name], { env });
      assert.deepEqual(result, { code: 0, signal: null, stdout: spool, stderr: '' });
      openQueue({ ...self.env, ...env }).enqueue({ sql: INSERT, params: { v: name } });
      const worker = await self.run('queue-worker', ['--once'], { env });
      assert.equal(worker.code, 0, worker.stderr);
      const status = await self.run('queue-status', ['--json'], { env });
      assert.deepEqual([status.code, status.stderr], [0, '']);
      count({ entries: 2 });
      assert.deepEqual(hexes(self).slice(-2), [hexOf(name), hexOf(name)]);
    }
  });
});
