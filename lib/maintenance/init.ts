/**
 * Creating a queue before its first write: the spool and the database file. What is there already is left as it is,
 * so that it can be run at any time. A database that was there once and is gone is created anew: the worker would wait
 * for it to come back, and running this is how a user says that it will not.
 */
import { statSync } from 'node:fs';
import { type Config, isUrl, shownTarget } from '../config.ts';
import { SinkOutage } from '../sink/outage.ts';
import { openSink } from '../sink/sink.ts';
import { spoolIdentity } from '../spool/identity.ts';
import { ensureSpool, type Spool } from '../spool/layout.ts';

export interface InitReport {
  readonly spool: string;
  readonly createdSpool: boolean;
  /** The spool's random name in ledger keys. */
  readonly identity: string;
  readonly database: string;
  readonly createdDatabase: boolean;
  /** Another connection holds the database, so that it could be seen, but not prepared. */
  readonly busy: boolean;
}

/**
 * Creates what is missing.
 * @throws QueueError SPOOL_UNSAFE, SPOOL_UNWRITABLE, DATABASE, or USAGE for a kind of database that is not known.
 */
export function initialize(config: Config, spool: Spool): InitReport {
  const hadSpool = isThere(spool.base);
  ensureSpool(spool);
  const identity = spoolIdentity(spool);
  const hadDatabase = isUrl(config.database) || isThere(config.database);
  const busy = prepareDatabase(config, hadDatabase);
  return {
    spool: spool.base,
    createdSpool: !hadSpool,
    identity,
    database: shownTarget(config.database),
    createdDatabase: !hadDatabase,
    busy,
  };
}

/** One empty transaction: creates the file (0600), switches it to WAL and makes the ledger. @returns if it is busy. */
function prepareDatabase(config: Config, hadDatabase: boolean): boolean {
  const sink = openSink(config.database, {
    busyTimeout: config.busyTimeout,
    exactlyOnce: config.exactlyOnce,
    allowAttach: config.allowAttach,
    mustExist: false,
    createDirectory: true,
    statementTimeout: config.statementTimeout,
    connectTimeout: config.busyTimeout,
  });
  try {
    sink.begin();
    sink.commit();
    return false;
  } catch (error) {
    // A busy database is a database, and all that init has to see to.
    if (hadDatabase && error instanceof SinkOutage && /^SQLITE_(BUSY|LOCKED)/.test(error.reason)) return true;
    throw error;
  } finally {
    sink.close();
  }
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
