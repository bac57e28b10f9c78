/**
 * Bounds a direct write of an executable: a statement that never ends must not hang the hook that runs it. SQLite
 * can't be interrupted through its driver, so a thread ends the process; the transaction is rolled back with it.
 */
import { Worker as Thread } from 'node:worker_threads';
import type { Config } from '../config.ts';

/** Runs in the thread; `grace` covers the wait for another connection's lock. */
const SCRIPT = `
const { workerData } = require('node:worker_threads');
setTimeout(() => {
  require('node:fs').writeSync(2, workerData.message);
  process.kill(process.pid, 'SIGKILL');
}, workerData.ms);
`;

/** Runs `work`, which writes to the database in this process; when it takes too long the process ends. */
export function guardDirectWrites(config: Config, work: () => void): void {
  const ms = config.statementTimeout + config.busyTimeout;
  const message = `queue-write: the statement ran longer than SQLITE_TIMEOUT (${config.statementTimeout} ms): it was stopped and undone\n`;
  const thread = new Thread(SCRIPT, { eval: true, workerData: { ms, message } });
  thread.unref();
  try {
    work();
  } finally {
    void thread.terminate();
  }
}
