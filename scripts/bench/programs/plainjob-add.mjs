// A hook in Node that adds a job to plainjob: plainjob-add.mjs DB
import Database from 'better-sqlite3';
import { better, defineQueue } from 'plainjob';

const quiet = { error() {}, warn() {}, info() {}, debug() {} };
const queue = defineQueue({ connection: better(new Database(process.argv[2])), logger: quiet });
queue.add('insert', { session: 'session', hook: 'hook' });
queue.close();
