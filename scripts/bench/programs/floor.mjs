// The floor of draining: floor.mjs PENDING DB BATCH
// Only reads, parses, inserts in transactions of BATCH entries and unlinks the same files. It checks nothing, keeps no
// ledger and no journal, and loses or doubles entries when it is killed.
import { readdirSync, readFileSync, unlinkSync } from 'node:fs';
import Database from 'better-sqlite3';

const [pending, path, batch] = process.argv.slice(2);
const db = new Database(path);
db.pragma('journal_mode = WAL');
db.pragma('synchronous = FULL');
const statements = new Map();
const names = readdirSync(pending).sort();
for (let first = 0; first < names.length; first += Number(batch)) {
  const own = names.slice(first, first + Number(batch));
  db.exec('BEGIN IMMEDIATE');
  for (const name of own) {
    const { sql, params } = JSON.parse(readFileSync(`${pending}/${name}`, 'utf8'));
    // Texts with their values in them never come again: prepared for one use.
    if (params === undefined) {
      db.exec(sql);
      continue;
    }
    let statement = statements.get(sql);
    if (!statement) {
      statement = db.prepare(sql);
      statements.set(sql, statement);
    }
    statement.run(params);
  }
  db.exec('COMMIT');
  for (const name of own) unlinkSync(`${pending}/${name}`);
}
db.close();
