// A hook in Node that writes to the database itself: insert-direct.mjs DB
import Database from 'better-sqlite3';

const db = new Database(process.argv[2], { timeout: 5000 });
db.prepare('INSERT INTO events(session, hook) VALUES (?, ?)').run('session', 'hook');
db.close();
