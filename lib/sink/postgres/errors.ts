/**
 * What an error of the server means for the queue, by its SQLSTATE: the database's fault (an outage), the entry's own,
 * or nobody's (a conflict with another session: the same again).
 */
import { messageOf } from '../../errors.ts';
import type { EntryError } from '../../spool/entry.ts';
import { EntryFault } from '../outage.ts';
import { HASHES } from '../plan.ts';

/** An error that the server has sent. */
export class ServerError extends Error {
  /** The SQLSTATE. */
  readonly code: string;
  readonly detail: string | undefined;
  readonly hint: string | undefined;
  readonly severity: string;

  constructor(fields: {
    message: string;
    code?: string | undefined;
    detail?: string | undefined;
    hint?: string | undefined;
    severity?: string | undefined;
    table?: string | undefined;
  }) {
    super(fields.message);
    // Another session has just noted the same content: an entry that is tried again finds it.
    const isNoted = fields.code === '23505' && fields.table === HASHES;
    this.code = isNoted ? '40001' : (fields.code ?? 'XX000');
    this.detail = fields.detail;
    this.hint = fields.hint;
    this.severity = fields.severity ?? 'ERROR';
  }
}

/** The target can't be used now; the sink makes a SinkOutage of it. */
export class Outage extends Error {
  readonly reason: string;
  readonly duringEntry: boolean;
  /** A COMMIT was sent and its answer never came. */
  readonly inDoubt: boolean;
  /** The connection broke while it was in use. */
  readonly isBroken: boolean;
  readonly hint: string | undefined;

  constructor(
    reason: string,
    message: string,
    options: {
      duringEntry?: boolean;
      inDoubt?: boolean;
      isBroken?: boolean;
      hint?: string | undefined;
    } = {},
  ) {
    super(message);
    this.reason = reason;
    this.duringEntry = options.duringEntry ?? false;
    this.inDoubt = options.inDoubt ?? false;
    this.isBroken = options.isBroken ?? false;
    this.hint = options.hint ?? HINTS[reason] ?? HINTS[reason.slice(0, 2)];
  }
}

/** What fails in a statement of ours is never an entry's fault. */
export function ownFault(error: ServerError): Outage {
  return new Outage(error.code, error.message);
}

const HINTS: Readonly<Record<string, string>> = {
  '28P01': 'Put the password into ~/.pgpass (mode 0600) or PGPASSWORD, then queue-worker restart.',
  '28': 'Check user and pg_hba.conf of the server.',
  '3D000': 'Create the database, or name another one in HIVE_DB.',
  '53300': 'The queue goes on when a connection is free; see max_connections.',
  '53100': 'Free some space on the disk of the server.',
  '25006':
    'This is a standby, or the database is set read-only: name the primary, or wait for its promotion.',
  '55P03': 'Another session holds a lock that an entry needs; the queue goes on when it lets go.',
  ECONNREFUSED: 'Start the server, or correct host and port; the queue goes on by itself.',
  ENOTFOUND: 'Correct the host name.',
};

/** Insufficient resources, operator intervention, system error, connection, corrupted files, a lock not to be had. */
const OUTAGE = /^(53|57P|58|08|XX001|XX002|55P03|28|3D000)/;
/** Serialization failure, deadlock. */
const CONFLICT = /^40/;
/** Internal error, object in use, cancelled by someone. */
const TRANSIENT = /^(XX|55006|57014)/;

export function isOutage(code: string): boolean {
  return OUTAGE.test(code);
}

export function isConflict(code: string): boolean {
  return CONFLICT.test(code);
}

export function isTransient(code: string): boolean {
  return TRANSIENT.test(code) || CONFLICT.test(code);
}

/** The entry's error as failed/ keeps it. */
export function entryError(error: unknown): EntryError {
  const at = new Date().toISOString();
  const plain = { message: messageOf(error), at };
  if (error instanceof EntryFault) return withHint({ code: error.code, ...plain }, error.hint);
  if (!(error instanceof ServerError)) return { code: 'ENTRY_FAILED', ...plain };
  const detail = error.detail === undefined ? '' : ` (${error.detail})`;
  const hint = ENTRY_HINTS[error.code] ?? error.hint;
  return withHint({ code: error.code, message: `${error.message}${detail}`, at }, hint);
}

function withHint(error: EntryError, hint: string | undefined): EntryError {
  return hint === undefined ? error : { ...error, hint };
}

const ENTRY_HINTS: Readonly<Record<string, string>> = {
  '42P01': 'Create the table first: in an entry with a smaller priority number, with --schema, or with psql.',
  '42725': 'Say what type a parameter has: :name::jsonb, :name::text.',
  '42P18': 'Say what type the parameter has: :name::text.',
  '42703': 'If this is meant as text, pass it as a parameter or put it in single quotes.',
  '2D000': 'An entry is one transaction: call no procedure that commits.',
  '42501': 'Grant the right to the user whose name the connection has.',
};
