// From enqueue to the row: latency.mjs DB ROUNDS GAP_MS PRIORITY [PID]
// In each round: wait GAP_MS, enqueue() one row, then look in the database every 0.2 ms until it is there. Prints the
// milliseconds, from before enqueue(), as JSON. With PID: a suspended worker, which goes on just before the first one.
import { writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { openQueue } from '../../../dist/index.mjs';

const [path, rounds, gap, priority, pid] = process.argv.slice(2);
const LOOK_MS = 0.2;
const GIVE_UP_MS = 60_000;
const queue = openQueue();
const db = new Database(path, { readonly: true, timeout: 5000 });
const find = db.prepare('SELECT 1 FROM events WHERE session = ? AND rowid > ? LIMIT 1');
const last = db.prepare('SELECT coalesce(max(rowid), 0) FROM events').pluck();
const cell = new Int32Array(new SharedArrayBuffer(4));
const sleep = (ms) => Atomics.wait(cell, 0, 0, ms);
const samples = [];

for (let round = 0; round < Number(rounds); round++) {
  sleep(Number(gap));
  const session = `latency-${process.pid}-${round}`;
  const since = last.get();
  if (pid) process.kill(Number(pid), 'SIGCONT');
  const start = performance.now();
  queue.enqueue({
    sql: 'INSERT INTO events(session, hook) VALUES (:session, :hook)',
    params: { session, hook: 'x' },
    priority: Number(priority),
  });
  while (find.get(session, since) === undefined) {
    if (performance.now() - start > GIVE_UP_MS)
      throw new Error(`the row was not there after ${GIVE_UP_MS / 1000} s`);
    sleep(LOOK_MS);
  }
  samples.push(performance.now() - start);
}
writeFileSync(1, JSON.stringify(samples));
