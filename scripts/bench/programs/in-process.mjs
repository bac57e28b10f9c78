// Writes from inside one Node process, interleaved: in-process.mjs ROUNDS BLOCK DIRECTORY SYSTEM...
// In a round each system makes BLOCK calls in a row, of which the first is not counted when there are several.
// Prints JSON: for each system its samples in milliseconds, or { error }.
import { closeSync, fsyncSync, openSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';

const [rounds, block, directory, ...names] = process.argv.slice(2);
const WARM_UP = 20;
const row = {
  session: '7c1f9e02-3d84-4b6a-9f57-20c8e6a41b93',
  hook: JSON.stringify({ tool_name: 'Bash', text: 'x'.repeat(250) }),
};
const sql = 'INSERT INTO events(session, hook) VALUES (:session, :hook)';
const file = join(directory, 'plain-file');

async function hookspool(durable) {
  const { openQueue } = await import(new URL('../../../dist/index.mjs', import.meta.url));
  const queue = openQueue();
  return () => queue.enqueue({ sql, params: row, durable });
}

function sqlite(synchronous) {
  const db = new Database(join(directory, `${synchronous}.db`));
  db.pragma('journal_mode = WAL');
  db.pragma(`synchronous = ${synchronous}`);
  db.exec('CREATE TABLE events(session TEXT, hook TEXT)');
  const insert = db.prepare(sql);
  return () => insert.run(row);
}

async function plainjob() {
  const { better, defineQueue } = await import('plainjob');
  const quiet = { error() {}, warn() {}, info() {}, debug() {} };
  const queue = defineQueue({
    connection: better(new Database(join(directory, 'plainjob.db'))),
    logger: quiet,
  });
  return () => queue.add('insert', row);
}

async function liteque() {
  const { buildDBClient, SqliteQueue } = await import('liteque');
  const db = buildDBClient(join(directory, 'liteque.db'), { runMigrations: true });
  const queue = new SqliteQueue('insert', db, { defaultJobArgs: { numRetries: 2 }, keepFailedJobs: false });
  return () => queue.enqueue(row);
}

function plainFile(sync) {
  return () => {
    const fd = openSync(file, 'wx');
    writeSync(fd, JSON.stringify(row));
    if (sync) fsyncSync(fd);
    closeSync(fd);
    return () => unlinkSync(file);
  };
}

const makers = {
  enqueue: () => hookspool(false),
  'enqueue-durable': () => hookspool(true),
  file: () => plainFile(false),
  'file-fsync': () => plainFile(true),
  'sqlite-normal': () => sqlite('NORMAL'),
  'sqlite-full': () => sqlite('FULL'),
  plainjob,
  liteque,
};

const systems = [];
const results = {};
for (const name of names) {
  try {
    systems.push({ name, call: await makers[name]() });
    results[name] = [];
  } catch (error) {
    results[name] = { error: error.message };
  }
}
async function timed(call) {
  const start = performance.now();
  const done = await call();
  const ms = performance.now() - start;
  if (typeof done === 'function') done();
  return ms;
}

for (let round = -Math.ceil(WARM_UP / block); round < Number(rounds); round++) {
  for (const { name, call } of systems) {
    for (let at = 0; at < Number(block); at++) {
      const ms = await timed(call);
      if (round >= 0 && (at > 0 || block === '1')) results[name].push(ms);
    }
  }
}
writeFileSync(1, JSON.stringify(results));
process.exit(0);
