// enqueue() into several spools in turn: in-process-spools.mjs ROUNDS PROJECT...
// Prints JSON: for each project its samples in milliseconds.
import { writeFileSync } from 'node:fs';
import { openQueue } from '../../../dist/index.mjs';

const [rounds, ...directories] = process.argv.slice(2);
const WARM_UP = 20;
const request = { sql: "INSERT INTO events(session, hook) VALUES ('session', 'hook')", operation: 'op' };
const queues = directories.map((dir) => openQueue({ ...process.env, CLAUDE_PROJECT_DIR: dir }));
const samples = queues.map(() => []);
for (let round = -WARM_UP; round < Number(rounds); round++) {
  queues.forEach((queue, index) => {
    const start = performance.now();
    queue.enqueue(request);
    if (round >= 0) samples[index].push(performance.now() - start);
  });
}
writeFileSync(1, JSON.stringify(samples));
