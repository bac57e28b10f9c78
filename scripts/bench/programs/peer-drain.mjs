// A peer's worker doing the same inserts: peer-drain.mjs plainjob|liteque seed|drain QUEUE_DB TARGET_DB COUNT
// `seed` adds the jobs; `drain` processes them and prints the milliseconds from its worker's start to the last job.
import Database from 'better-sqlite3';

const [peer, step, queueDb, targetDb, count] = process.argv.slice(2);
const quiet = { error: console.error, warn() {}, info() {}, debug() {} };
const total = Number(count);

function row(index) {
  return {
    session: '7c1f9e02-3d84-4b6a-9f57-20c8e6a41b93',
    hook: JSON.stringify({ index, tool_name: 'Bash', text: 'x'.repeat(250) }),
  };
}

function target() {
  const db = new Database(targetDb);
  db.pragma('journal_mode = WAL');
  const insert = db.prepare('INSERT INTO events(session, hook) VALUES (:session, :hook)');
  return (data) => insert.run(data);
}

const rows = Array.from({ length: step === 'seed' ? total : 0 }, (_, index) => row(index));
if (peer === 'plainjob') {
  const { better, defineQueue, defineWorker } = await import('plainjob');
  const queue = defineQueue({ connection: better(new Database(queueDb)), logger: quiet });
  if (step === 'seed') queue.addMany('insert', rows);
  else {
    const insert = target();
    let done = 0;
    const start = performance.now();
    const worker = defineWorker('insert', (job) => void insert(JSON.parse(job.data)), {
      queue,
      logger: quiet,
      onCompleted() {
        done += 1;
        if (done === total) void worker.stop();
      },
    });
    await worker.start();
    process.stdout.write(`${performance.now() - start}\n`);
  }
} else {
  const { buildDBClient, Runner, SqliteQueue } = await import('liteque');
  const db = buildDBClient(queueDb, { runMigrations: true });
  const queue = new SqliteQueue('insert', db, { defaultJobArgs: { numRetries: 2 }, keepFailedJobs: false });
  if (step === 'seed') for (const data of rows) await queue.enqueue(data);
  else {
    // liteque awaits inside its transaction. Older better-sqlite3 let that by, with nothing in the transaction, and 13
    // refuses it: run without one, liteque does what it did.
    db.transaction = (work) => work(db);
    const insert = target();
    const start = performance.now();
    const runner = new Runner(
      queue,
      { run: async (job) => void insert(job.data) },
      { concurrency: 1, pollIntervalMs: 5, timeoutSecs: 30 },
    );
    await runner.runUntilEmpty();
    process.stdout.write(`${performance.now() - start}\n`);
  }
}
// liteque leaves a timer per job behind.
process.exit(0);
