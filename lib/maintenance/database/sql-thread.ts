/**
 * SQL that takes long, in a thread of its own: the main thread goes on to draw, and Ctrl-C ends the process at once.
 * That harms nothing: SQLite undoes what was not committed when the database is opened next.
 */
import { isMainThread, parentPort, Worker as Thread, workerData } from 'node:worker_threads';
import { codeOf, messageOf } from '../../errors.ts';
import { executablePath } from '../../package.ts';
import type { Db } from '../../sink/driver.ts';
import { connect, failureOf, type OpenOptions, requireDatabase } from './open.ts';

export type Row = Record<string, unknown>;

interface SqlData {
  role: 'sql';
  path: string;
  statements: readonly string[];
  options: OpenOptions;
}

type Answer = { rows: Row[][] } | { error: { message: string; code: string | undefined } };
type Message = Answer | { done: number };

/**
 * Runs the statements one after the other, each in autocommit.
 * @param onDone told how many are done, after each.
 * @returns the rows of each.
 * @throws SinkOutage (a QueueError, DATABASE) when the database can't be used or a statement fails.
 */
export async function runSql(
  path: string,
  statements: readonly string[],
  options: OpenOptions = {},
  onDone: (done: number) => void = () => {},
): Promise<Row[][]> {
  requireDatabase(path);
  const data: SqlData = { role: 'sql', path, statements, options };
  const thread = new Thread(executablePath('queue-maint'), { workerData: data });
  const answer = await new Promise<Answer>((done, fail) => {
    thread.on('message', (message: Message) => {
      if ('done' in message) onDone(message.done);
      else done(message);
    });
    thread.once('error', fail);
    thread.once('exit', () => fail(new Error('the thread ended without an answer')));
  });
  await thread.terminate();
  if ('rows' in answer) return answer.rows;
  const { message, code } = answer.error;
  throw failureOf(path, Object.assign(new Error(message), { code }));
}

/** True in such a thread; the queue-maint executable then calls `runSqlThread`. */
export function isSqlThread(): boolean {
  return !isMainThread && (workerData as Partial<SqlData> | null)?.role === 'sql';
}

export function runSqlThread(): void {
  parentPort?.postMessage(answerTo(workerData as SqlData));
}

function answerTo({ path, statements, options }: SqlData): Answer {
  try {
    const db = connect(path, options);
    try {
      const rows = statements.map((sql, index) => {
        const found = rowsOf(db, sql);
        parentPort?.postMessage({ done: index + 1 });
        return found;
      });
      return { rows };
    } finally {
      db.close();
    }
  } catch (error) {
    return { error: { message: messageOf(error), code: codeOf(error) } };
  }
}

function rowsOf(db: Db, sql: string): Row[] {
  const statement = db.prepare(sql);
  if (statement.reader) return statement.all() as Row[];
  statement.run();
  return [];
}
