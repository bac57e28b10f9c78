// The floor of queue-sync: reads a file of JSON lines, parses each, and inserts it, 1,000 rows a transaction.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [, , file, path, root] = process.argv;
const Database = createRequire(`${root}/package.json`)('better-sqlite3');
const db = new Database(path);
db.pragma('journal_mode = WAL');
db.pragma('synchronous = FULL');
const insert = db.prepare('INSERT INTO events(session, hook) VALUES (?, ?)');
const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
const batch = db.transaction((from) => {
  for (const line of lines.slice(from, from + 1000)) {
    const { session, hook } = JSON.parse(line).data;
    insert.run(session, hook);
  }
});
for (let from = 0; from < lines.length; from += 1000) batch(from);
db.close();
