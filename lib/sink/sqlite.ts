/**
 * The SQLite sink.
 *
 * States: closed, open, in a transaction. Every public method leaves one of them behind, whatever it throws: an
 * outage rolls back, and unless it was a mere lock it also closes, so that the next begin() starts from the file.
 * After each entry the transaction is looked at, never trusted: an entry may have ended it (INSERT OR ROLLBACK,
 * RAISE(ROLLBACK)).
 */
import { messageOf } from '../errors.ts';
import type { Entry, EntryError } from '../spool/entry.ts';
import { rowOf } from './call.ts';
import { Connection } from './connection.ts';
import {
  asOutage,
  EntryFault,
  entryHint,
  isOutage,
  isTransient,
  mayBeLocal,
  reasonOf,
  SinkOutage,
} from './outage.ts';
import { type Value, valuesFor } from './params.ts';
import type { Plan } from './plan.ts';
import type { Row } from './row.ts';
import { runSteps } from './run.ts';
import type { Outcome, Sink, SinkOptions } from './sink.ts';

const APPLIED: Outcome = { kind: 'applied' };
const DUPLICATE_ROW: Outcome = { kind: 'applied', duplicateRow: true };
const DUPLICATE: Outcome = { kind: 'duplicate' };
const SOLO: Outcome = { kind: 'solo' };

export class SqliteSink implements Sink {
  readonly target: string;
  readonly #options: SinkOptions;
  #connection: Connection | undefined;
  /** The connection while it is in a transaction: asking SQLite would cost each entry most of a microsecond. */
  #active: Connection | undefined;

  constructor(path: string, options: SinkOptions) {
    this.target = path;
    this.#options = options;
  }

  begin(): void {
    this.rollback();
    const connection = this.#open();
    try {
      connection.start();
      this.#active = connection;
    } catch (error) {
      throw this.#outage(error, false);
    }
  }

  apply(entry: Entry, key: string): Outcome {
    const connection = this.#inTransaction();
    let ready: Ready;
    try {
      ready = readyOf(connection, entry);
    } catch (error) {
      return failed(error);
    }
    if (ready.plan.alone) return SOLO;
    if (entry.schema !== undefined && !connection.migrator.isSettled(entry.schema)) return SOLO;
    try {
      connection.savepoint.run();
      if (connection.ledger && !connection.ledger.note(key)) {
        connection.release.run();
        return DUPLICATE;
      }
      const outcome = runBody(connection, ready);
      connection.release.run();
      return outcome;
    } catch (error) {
      return this.#undo(connection, error);
    }
  }

  commit(): void {
    const connection = this.#inTransaction();
    try {
      connection.commit.run();
      this.#active = undefined;
    } catch (error) {
      throw this.#outage(error, !isOutage(reasonOf(error)));
    }
  }

  rollback(): void {
    this.#active = undefined;
    const connection = this.#connection;
    if (!connection?.db.inTransaction) return;
    try {
      connection.db.exec('ROLLBACK');
    } catch {
      this.close();
    }
  }

  applyAlone(entry: Entry, key: string): Outcome {
    this.rollback();
    const connection = this.#open();
    let ready: Ready;
    try {
      ready = readyOf(connection, entry);
    } catch (error) {
      return failed(error);
    }
    const fault = entry.schema === undefined ? undefined : this.#migrate(connection, entry.schema);
    if (fault) return fault;
    try {
      return this.#runAlone(connection, ready, key);
    } finally {
      if (ready.plan.reopen) this.close();
    }
  }

  applied(keys: readonly string[]): Set<string> {
    try {
      return this.#open().ledger?.find(keys) ?? new Set();
    } catch (error) {
      throw this.#outage(error, false);
    }
  }

  changed(): boolean {
    return this.#connection?.changed() ?? false;
  }

  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
    this.#active = undefined;
  }

  #open(): Connection {
    this.#connection ??= new Connection(this.target, this.#options);
    return this.#connection;
  }

  /** A PRAGMA on its own, such as query_only, must not keep us from noting that it ran. */
  #reopen(): Connection {
    this.close();
    return this.#open();
  }

  #inTransaction(): Connection {
    if (!this.#active) throw new Error('the sink has no open transaction: call begin() first');
    return this.#active;
  }

  /** Takes back the entry that has just failed, and says what became of the transaction. */
  #undo(connection: Connection, error: unknown): Outcome {
    if (isOutage(reasonOf(error))) throw this.#outage(error, true);
    if (!connection.db.inTransaction) {
      this.#active = undefined;
      return { kind: 'broken', error: entryError(error) };
    }
    try {
      connection.rollbackTo.run();
      connection.release.run();
    } catch (undoing) {
      throw this.#outage(undoing, true);
    }
    return failed(error);
  }

  /** @returns what an entry fails with that names these migrations; undefined when the database has them. */
  #migrate({ migrator }: Connection, path: string): Outcome | undefined {
    migrator.lookAgain();
    if (migrator.isSettled(path)) return undefined;
    try {
      migrator.apply(path);
      return undefined;
    } catch (error) {
      if (!(error instanceof EntryFault)) throw this.#outage(error, false);
      this.rollback();
      return failed(error);
    }
  }

  /** The entry in three steps: what comes before its transaction, the transaction, what comes after it. */
  #runAlone(connection: Connection, ready: Ready, key: string): Outcome {
    const { plan, values } = ready;
    let stage: 'before' | 'begin' | 'body' | 'commit' | 'after' = 'before';
    try {
      if (plan.before.length > 0 && connection.ledger?.find([key]).has(key)) return DUPLICATE;
      runSteps(connection.db, plan.before, values);
      stage = 'begin';
      const current = plan.body.length === 0 && plan.reopen ? this.#reopen() : connection;
      current.start();
      stage = 'body';
      if (current.ledger?.note(key) === false) {
        this.rollback();
        return DUPLICATE;
      }
      const outcome = runBody(current, ready);
      stage = 'commit';
      current.commit.run();
      stage = 'after';
      runSteps(current.db, plan.after, values);
      return outcome;
    } catch (error) {
      this.rollback();
      if (stage === 'after') return afterwards(error);
      // BEGIN and the ledger's table are ours: what fails there, whatever its code, is no fault of the SQL.
      const ours = stage === 'begin' || error instanceof SinkOutage;
      if (!ours && !isOutage(reasonOf(error))) return failed(error);
      // Unless it began with a PRAGMA that makes our part fail.
      const duringEntry = stage === 'before' || stage === 'body' || plan.before.length > 0;
      const outage = this.#outage(error, duringEntry);
      if (!duringEntry || !mayBeLocal(outage.reason)) throw outage;
      if (this.#works()) return failed(error);
      throw asOutage(this.target, error, false);
    }
  }

  /** True when the database itself can be written to, so that the trouble was of an entry's own making. */
  #works(): boolean {
    this.close();
    try {
      this.begin();
      return true;
    } catch {
      return false;
    } finally {
      this.rollback();
    }
  }

  /** Rolls back; closes, too, unless only a lock was in the way. */
  #outage(error: unknown, duringEntry: boolean): SinkOutage {
    const outage = asOutage(this.target, error, duringEntry);
    this.rollback();
    if (!/^SQLITE_(BUSY|LOCKED)(_|$)/.test(outage.reason)) this.close();
    return outage;
  }
}

interface Ready {
  readonly plan: Plan;
  readonly values: readonly Value[];
  /** In place of a body. */
  readonly row: Row | undefined;
}

/** @throws EntryFault when the SQL can't be an entry or the parameters don't fit. */
function readyOf(connection: Connection, entry: Entry): Ready {
  const plan = connection.plans.get(entry.sql);
  if (plan.call) return { plan, values: [], row: rowOf(plan.call, entry.params) };
  return { plan, values: valuesFor(plan.binding, entry.params), row: undefined };
}

function runBody(connection: Connection, { plan, values, row }: Ready): Outcome {
  if (row) return connection.rows.write(row) === 'duplicate' ? DUPLICATE_ROW : APPLIED;
  runSteps(connection.db, plan.body, values);
  return APPLIED;
}

function failed(error: unknown): Outcome {
  const transient = error instanceof EntryFault ? error.transient : isTransient(reasonOf(error));
  return { kind: 'failed', error: entryError(error), transient };
}

/** A statement after the committed part of the entry has failed: trying again would find the ledger's row. */
function afterwards(error: unknown): Outcome {
  const plain = entryError(error);
  return {
    kind: 'failed',
    transient: false,
    committed: true,
    error: {
      ...plain,
      message: `the statements before it are applied, but the last one failed: ${plain.message}`,
      hint: 'Queue the last statement again as an entry of its own.',
    },
  };
}

function entryError(error: unknown): EntryError {
  const message = messageOf(error);
  const hint = error instanceof EntryFault ? error.hint : entryHint(message);
  const plain = { code: reasonOf(error), message, at: new Date().toISOString() };
  return hint === undefined ? plain : { ...plain, hint };
}
