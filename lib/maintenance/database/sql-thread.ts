/**
 * SQL that takes long, in a thread of its own: the main thread goes on to draw, and Ctrl-C ends the process at once.
 * That harms nothing: SQLite undoes what was not committed when the database is opened next.
 */
import { isMainThread, parentPort, Worker as Thread, workerData } from 'node:worker_threads';
import { codeOf, messageOf } from '../../errors.ts';
import { executablePath } from '../../package.ts';
import { loadDriver } from '../../sink/driver.ts';
import { asOutage } from '../../sink/outage.ts';

export type Row = Record<string, unknown>;

interface SqlData {
  role: 'sql';
  path: string;
  statements: readonly string[];
  options: SqlOptions;
}

export interface SqlOptions {
  /** Opens the database only for reading. */
  readonly readonly?: boolean;
  /** Milliseconds to wait for another connection's lock. */
  readonly busyTimeout?: number;
}

type Answer = { rows: Row[][] } | { error: { message: string; code: string | undefined } };

/**
 * Runs the statements one after the other, each in autocommit.
 * @returns the rows of each.
 * @throws SinkOutage (a QueueError, DATABASE) when the database can't be used or a statement fails.
 */
export async function runSql(
  path: string,
  statements: readonly string[],
  options: SqlOptions = {},
): Promise<Row[][]> {
  const data: SqlData = { role: 'sql', path, statements, options };
  const thread = new Thread(executablePath('queue-maint'), { workerData: data });
  const answer = await new Promise<Answer>((done, fail) => {
    thread.once('message', done);
    thread.once('error', fail);
    thread.once('exit', () => fail(new Error('the thread ended without an answer')));
  });
  await thread.terminate();
  if ('rows' in answer) return answer.rows;
  const { message, code } = answer.error;
  throw asOutage(path, Object.assign(new Error(message), { code }), false);
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
    const db = new (loadDriver(path))(path, {
      fileMustExist: true,
      readonly: options.readonly ?? false,
      timeout: options.busyTimeout ?? 5000,
    });
    try {
      return {
        rows: statements.map((sql) => {
          const statement = db.prepare(sql);
          if (statement.reader) return statement.all() as Row[];
          statement.run();
          return [];
        }),
      };
    } finally {
      db.close();
    }
  } catch (error) {
    return { error: { message: messageOf(error), code: codeOf(error) } };
  }
}
