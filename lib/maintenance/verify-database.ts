/** The checks of the database: there, readable, writable, in WAL mode, with a ledger. */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Config, isUrl } from '../config.ts';
import { codeOf, messageOf, QueueError } from '../errors.ts';
import { type Db, loadDriver } from '../sink/driver.ts';
import { LEDGER } from '../sink/plan.ts';
import { openSink } from '../sink/sink.ts';
import type { Spool } from '../spool/layout.ts';
import { readStats } from '../spool/stats.ts';
import { formatBytes } from '../terminal/text.ts';
import { lookAtDatabase } from './database-health.ts';
import { type Answer, fault, ok, warning } from './findings.ts';

const TIMEOUT_MS = 1000;
/** The worker checkpoints long before. */
const LARGE_WAL = 100 * 1024 * 1024;

export function checkDatabase(config: Config, spool: Spool): Answer | Answer[] {
  const health = lookAtDatabase(config.database);
  const { state, path } = health;
  if (state === 'remote') return ok(path);
  if (state === 'missing') {
    if (readStats(spool).databases.includes(config.database)) {
      return fault(`${path} was there and is missing`, 'Put it back, or run queue-init to start a new one.');
    }
    return warning(`${path} is not there yet`, 'Run: queue-init (or let the first batch make it).');
  }
  if (state === 'faulty') {
    return fault(
      `${path}: ${health.message ?? "it can't be read"}`,
      'Put the right file back, restore a backup, or name another one in HIVE_DB.',
    );
  }
  const answers = [ok(`${path}, ${formatBytes(health.size ?? 0)}`)];
  if (health.journalMode === 'rollback') {
    answers.push(
      warning('it is not in WAL mode: readers and the worker wait for each other', 'Run: queue-init'),
    );
  }
  if (health.walSize > LARGE_WAL) {
    answers.push(
      warning(
        `its WAL has ${formatBytes(health.walSize)}`,
        'A reader that never ends keeps it from being written back: find it and end it.',
      ),
    );
  }
  return answers;
}

/** A server is asked what a worker would ask of it: to connect, to find or make the ledger, to start a transaction. */
function checkServer(config: Config): Answer {
  const sink = openSink(config.database, {
    busyTimeout: TIMEOUT_MS,
    exactlyOnce: config.exactlyOnce,
    allowAttach: config.allowAttach,
    mustExist: true,
    createDirectory: false,
    connectTimeout: config.busyTimeout,
  });
  try {
    sink.begin();
    sink.rollback();
    return ok('a write transaction can be started, and the ledger is there');
  } catch (error) {
    if (!(error instanceof QueueError)) throw error;
    return fault(error.message, error.hint ?? 'Entries wait in the spool until it can be used.');
  } finally {
    sink.close();
  }
}

/** BEGIN IMMEDIATE takes the write lock for an instant; whatever is wrong, nothing is written. */
export function checkWriting(config: Config): Answer {
  if (isUrl(config.database)) return checkServer(config);
  if (!isRegularFile(config.database)) return ok('not looked at: there is no database file');
  try {
    // A lock on the file alone would not do: SQLite creates files beside it.
    accessSync(dirname(config.database), constants.W_OK);
  } catch (error) {
    return fault(messageOf(error), 'Give this user write permission on the directory of the database.');
  }
  try {
    return withDatabase(config.database, (db) => {
      db.exec('BEGIN IMMEDIATE; ROLLBACK');
      return ok('a write transaction can be started');
    });
  } catch (error) {
    const code = codeOf(error) ?? '';
    if (/^SQLITE_(BUSY|LOCKED)/.test(code)) {
      return warning(
        'another connection holds the write lock',
        'Nothing is lost: the worker goes on when it lets go. Find it if it never does.',
      );
    }
    const advice = code.startsWith('SQLITE_READONLY')
      ? 'Give this user write permission on the file and on its directory.'
      : 'Put the right file back, restore a backup, or name another one in HIVE_DB.';
    return fault(`${messageOf(error)} (${code})`, advice);
  }
}

/** Of a server, checkWriting has looked at it. */
export function checkLedger(config: Config): Answer | Answer[] {
  if (!config.exactlyOnce) {
    return warning(
      'QUEUE_EXACTLY_ONCE is off: a crash may apply a batch twice',
      'Unset QUEUE_EXACTLY_ONCE unless that is meant.',
    );
  }
  if (isUrl(config.database)) return [];
  if (lookAtDatabase(config.database).state !== 'ok')
    return ok('not looked at: there is no database to read');
  return withDatabase(config.database, (db) => {
    const row = db.prepare('SELECT type FROM main.sqlite_schema WHERE name = ?').pluck().get(LEDGER);
    if (row === undefined) return ok('not made yet: the first batch makes it');
    if (row !== 'table')
      return fault(`${LEDGER} is a ${String(row)}, not a table`, `Rename it: the queue needs it.`);
    return ok(LEDGER);
  });
}

function withDatabase(path: string, look: (db: Db) => Answer): Answer {
  const db = new (loadDriver(path))(path, { fileMustExist: true, timeout: TIMEOUT_MS });
  try {
    return look(db);
  } finally {
    db.close();
  }
}

function isRegularFile(path: string): boolean {
  return !isUrl(path) && statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
