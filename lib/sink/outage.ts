/**
 * What an error from SQLite means for the queue: the database's fault (an outage: nothing is lost, everything
 * waits), or the entry's own (for good, or perhaps only this time).
 */
import { codeOf, messageOf, QueueError } from '../errors.ts';

/**
 * The database can't be used now: busy, missing, read-only, full, not a database, I/O error. No entry is to
 * blame unless `duringEntry` says that one may be.
 */
export class SinkOutage extends QueueError {
  /** SQLite's extended code, such as SQLITE_BUSY or SQLITE_IOERR_WRITE; a SQLSTATE; NO_DRIVER. */
  readonly reason: string;
  /**
   * true: it arose while an entry's own statements ran (or at a COMMIT that a statement made impossible), so
   * that entry may always provoke it. false: it arose where no entry has a say.
   */
  readonly duringEntry: boolean;
  /** true: a COMMIT was sent and its answer was lost, so that the entries may be applied; ask applied(). */
  readonly inDoubt: boolean;

  constructor(
    target: string,
    reason: string,
    detail: string,
    options: { duringEntry?: boolean; inDoubt?: boolean; hint?: string | undefined; cause?: unknown } = {},
  ) {
    const hint = options.hint ?? outageHint(reason);
    super('DATABASE', `database ${target} can't be used: ${detail} (${reason})`, {
      ...(hint === undefined ? {} : { hint }),
      cause: options.cause,
    });
    this.reason = reason;
    this.duringEntry = options.duringEntry ?? false;
    this.inDoubt = options.inDoubt ?? false;
  }
}

/** An entry's own fault that SQLite never saw, such as parameters that don't fit; or that its migrations are wrong. */
export class EntryFault extends Error {
  readonly code: FaultCode;
  readonly hint: string | undefined;
  /** The same entry may go through later. */
  readonly transient: boolean;

  constructor(code: FaultCode, message: string, hint?: string, { transient = false } = {}) {
    super(message);
    this.code = code;
    this.hint = hint;
    this.transient = transient;
  }
}

export type FaultCode =
  | 'BAD_PARAMS'
  | 'EMPTY_SQL'
  | 'BAD_TEXT'
  | 'REFUSED'
  | 'BAD_SCHEMA'
  | 'BAD_ROW'
  | 'POISON';

/** The code of whatever was thrown; the driver's own TypeError and RangeError carry none. */
export function reasonOf(error: unknown): string {
  return codeOf(error) ?? 'ENTRY_FAILED';
}

const OUTAGE =
  /^SQLITE_(BUSY|LOCKED|CANTOPEN|READONLY|FULL|IOERR|NOTADB|CORRUPT|NOMEM|PERM|PROTOCOL|NOLFS)(_|$)/;
/** Of those, the ones that a second database or a lock of the entry's own making can cause as well. */
const LOCAL = /^SQLITE_(BUSY|LOCKED|CANTOPEN|READONLY|NOTADB|PERM)(_|$)/;
const TRANSIENT = /^SQLITE_(SCHEMA|INTERRUPT|ABORT)(_|$)/;

/** True for codes that speak of the database file, its locks or the machine. */
export function isOutage(reason: string): boolean {
  return OUTAGE.test(reason);
}

/** True for outage codes after which a look at the database itself tells whether it is usable. */
export function mayBeLocal(reason: string): boolean {
  return LOCAL.test(reason);
}

/** True when the same entry may go through if it is tried again. */
export function isTransient(reason: string): boolean {
  return TRANSIENT.test(reason) || OUTAGE.test(reason);
}

/** Wraps what `work` throws for the driver or the database's sake into a SinkOutage. */
export function asOutage(target: string, error: unknown, duringEntry: boolean): SinkOutage {
  if (error instanceof SinkOutage) return error;
  return new SinkOutage(target, reasonOf(error), messageOf(error), { duringEntry, cause: error });
}

function outageHint(reason: string): string | undefined {
  const base = /^SQLITE_([A-Z]+)/.exec(reason)?.[1] ?? '';
  return OUTAGE_HINTS[base];
}

const OUTAGE_HINTS: Readonly<Record<string, string>> = {
  BUSY: 'Another connection holds the write lock; the queue goes on when it lets go.',
  LOCKED: 'Another connection holds the write lock; the queue goes on when it lets go.',
  CANTOPEN: 'Check that the file and its directory exist and that this user may write there.',
  READONLY: 'Give this user write permission on the file and on its directory.',
  PERM: 'Give this user write permission on the file and on its directory.',
  FULL: 'Free some space on the disk.',
  NOTADB: 'Put the right file back, or name another one in HIVE_DB.',
  CORRUPT: "Restore a backup, or save what can be saved with sqlite3's .recover command.",
};

/** What to do about an entry's own error, where the message of SQLite alone leaves its author guessing. */
export function entryHint(message: string): string | undefined {
  const column = /^no such column: (.+)$/.exec(message)?.[1];
  if (column?.startsWith('"')) {
    return 'Double quotes name a column. Write text in single quotes, or better, pass it as a parameter.';
  }
  if (column !== undefined)
    return 'If this is meant as text, pass it as a parameter or put it in single quotes.';
  if (/^no such table: /.test(message)) {
    return 'Create the table first: in an entry with a smaller priority number, or with sqlite3.';
  }
  return undefined;
}
