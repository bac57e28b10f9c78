/**
 * Decides, from the text alone, how an entry's SQL is run on PostgreSQL. The rules are those of ../plan.ts:
 *
 * - BEGIN ... COMMIT around the whole entry is left out (the modes of such a BEGIN become SET TRANSACTION); any other
 *   statement that would begin or end a transaction is refused.
 * - VACUUM, CREATE INDEX CONCURRENTLY and whatever else must be outside a transaction runs alone: before or after the
 *   rest of the entry, which keeps a transaction of its own. Between other statements it is refused.
 * - SET, LISTEN, PREPARE, TEMP tables, session locks, and DO, which may do any of that: what outlives a transaction runs
 *   alone, and the session is made as new after it.
 * - COPY from or to the client is refused, and so is writing to the queue's own tables.
 */
import { callOf } from '../call.ts';
import { EntryFault } from '../outage.ts';
import { followSavepoints, OWN_TABLES } from '../plan.ts';
import { splitStatements as splitForCall } from '../statements.ts';
import { type Binding, bindingOf, type Step } from './params.ts';
import { nameOf, type Statement, splitStatements } from './statements.ts';

export interface Plan {
  /** Run outside a transaction, before the body. */
  readonly before: readonly Step[];
  /** What must be first in the transaction, before any row is read or written: SET TRANSACTION. */
  readonly lead: readonly Step[];
  /** Run as one atomic unit. */
  readonly body: readonly Step[];
  readonly after: readonly Step[];
  /** The entry must not share a transaction with others. */
  readonly alone: boolean;
  /** The session is no longer the one we set up once this has run. */
  readonly reset: boolean;
  /** The parts of the row that `CALL queue_insert` names; the body is then known once its table is (rows.ts). */
  readonly call: readonly string[] | undefined;
  /** What was known of tables may hold no more once this has run. */
  readonly changesSchema: boolean;
  readonly binding: Binding;
}

type Kind = 'ordinary' | 'begin' | 'commit' | 'rollback' | 'savepoint' | 'outside' | 'session';

const SESSION = new Set(
  'SET RESET DISCARD LISTEN UNLISTEN PREPARE EXECUTE DEALLOCATE DECLARE FETCH MOVE CLOSE LOAD'.split(' '),
);
/** Functions whose effect outlives the transaction. */
const LASTING = /\b(set_config|pg_(try_)?advisory_lock(_shared)?|pg_temp)\b/i;
const OUTSIDE = /^(CREATE|DROP|ALTER) (DATABASE|TABLESPACE|SUBSCRIPTION)\b|^ALTER SYSTEM\b|^VACUUM\b/;
const CONCURRENTLY = /^(CREATE( UNIQUE)? INDEX|DROP INDEX|REINDEX|ALTER TABLE) .*\bCONCURRENTLY\b/;
const REINDEX_ALL = /^REINDEX (\( [^)]*\) )?(DATABASE|SYSTEM|SCHEMA)\b/;
/** Whatever else stands first may change a table. */
const KEEPS_SCHEMA = new Set(
  'INSERT UPDATE DELETE MERGE SELECT VALUES TABLE WITH SAVEPOINT RELEASE ROLLBACK SET'.split(' '),
);
const NO_STEPS = {
  before: [],
  lead: [],
  body: [],
  after: [],
  alone: false,
  reset: false,
  changesSchema: false,
  binding: { keys: [] },
};
const READERS = new Set(['SELECT', 'VALUES', 'TABLE']);
const MODES = /^(BEGIN|START)(\s+(WORK|TRANSACTION))?/i;

/**
 * Plans one entry's SQL.
 * @throws EntryFault when it can't be an entry.
 */
export function planSql(sql: string): Plan {
  if (!sql.isWellFormed())
    throw new EntryFault('BAD_TEXT', 'the SQL holds a lone surrogate, which no UTF-8 text can hold');
  if (sql.includes('\0'))
    throw new EntryFault('BAD_TEXT', 'the SQL holds U+0000, which no text of PostgreSQL can hold');
  let statements = splitStatements(sql);
  if (statements.length === 0) throw new EntryFault('EMPTY_SQL', 'the SQL holds no statement, only comments');
  for (const statement of statements) refuse(statement);
  const call = statements.some(isRowCall) ? callOf(splitForCall(sql)) : undefined;
  if (call) return { ...NO_STEPS, call };
  let kinds = statements.map(kindOf);
  let from = 0;
  let to = statements.length;
  while (from < to && kinds[from] === 'outside') from++;
  while (to > from && kinds[to - 1] === 'outside') to--;
  const modes = to - from >= 2 && kinds[from] === 'begin' && kinds[to - 1] === 'commit';
  if (modes) {
    const begin = statements[from] as Statement;
    const rest = begin.text.replace(MODES, '').trim();
    const set = rest === '' ? [] : splitStatements(`SET TRANSACTION ${rest}`);
    statements = [
      ...statements.slice(0, from),
      ...set,
      ...statements.slice(from + 1, to - 1),
      ...statements.slice(to),
    ];
    to -= 2 - set.length;
    kinds = statements.map(kindOf);
    if (to === from) throw new EntryFault('EMPTY_SQL', 'the SQL holds nothing between BEGIN and COMMIT');
  }
  checkBody(statements.slice(from, to), kinds.slice(from, to));
  let leading = from;
  for (let at = from; at < to && statements[at]?.tokens[0] === 'SET'; at++)
    if (isOfTransaction(statements[at] as Statement)) leading = at + 1;
  const { binding, steps } = bindingOf(statements);
  const reset =
    kinds.includes('session') || statements.some(({ tokens }) => tokens[0] === 'DO') || LASTING.test(sql);
  return {
    before: steps.slice(0, from),
    lead: steps.slice(from, leading),
    body: steps.slice(leading, to),
    after: steps.slice(to),
    alone: reset || kinds.includes('outside'),
    reset,
    call: undefined,
    changesSchema: statements.some(({ tokens }) => !KEEPS_SCHEMA.has(tokens[0] ?? '')),
    binding,
  };
}

function isRowCall({ tokens }: Statement): boolean {
  return tokens[0] === 'CALL' && nameOf(tokens[1] ?? '') === 'queue_insert';
}

/** SET TRANSACTION, SET LOCAL transaction_isolation and the like: refused once a row was read or written. */
function isOfTransaction({ tokens }: Statement): boolean {
  return tokens.slice(1, 3).some((token) => /^TRANSACTION/i.test(nameOf(token)));
}

function kindOf({ tokens }: Statement): Kind {
  const [first = '', second] = tokens;
  switch (first) {
    case 'BEGIN':
      return 'begin';
    case 'START':
      return second === 'TRANSACTION' ? 'begin' : 'ordinary';
    case 'COMMIT':
    case 'END':
      return 'commit';
    case 'ROLLBACK':
      return tokens.includes('TO') ? 'savepoint' : 'rollback';
    case 'ABORT':
      return 'rollback';
    case 'SAVEPOINT':
    case 'RELEASE':
      return 'savepoint';
    default:
  }
  if (SESSION.has(first) || makesTemp(tokens)) return 'session';
  const head = tokens.slice(0, 200).join(' ');
  const isOutside =
    OUTSIDE.test(head) ||
    CONCURRENTLY.test(head) ||
    REINDEX_ALL.test(head) ||
    (first === 'CLUSTER' && tokens.length === 1);
  return isOutside ? 'outside' : 'ordinary';
}

/** CREATE TEMP ..., SELECT ... INTO TEMP ... */
function makesTemp(tokens: readonly string[]): boolean {
  const isTemp = (token: string | undefined): boolean => token === 'TEMP' || token === 'TEMPORARY';
  if (tokens[0] === 'CREATE') return tokens.slice(1, 6).some(isTemp);
  return tokens.some((token, at) => token === 'INTO' && isTemp(tokens[at + 1]));
}

/** @throws EntryFault for what no entry may do, wherever it stands. */
function refuse({ tokens }: Statement): void {
  const [first, second] = tokens;
  if (tokens.includes('PREPARED') && (first === 'COMMIT' || first === 'ROLLBACK')) throw twoPhase();
  if (first === 'PREPARE' && second === 'TRANSACTION') throw twoPhase();
  if (first === 'COPY' && (tokens.includes('STDIN') || tokens.includes('STDOUT'))) {
    throw new EntryFault('REFUSED', 'COPY from or to the client has no client here', 'Use INSERT.');
  }
  if (first === 'CALL' && /^"?queue_/i.test(second ?? '')) {
    if (nameOf(second ?? '') === 'queue_insert') return;
    throw new EntryFault('REFUSED', `CALL ${nameOf(second ?? '')}: the queue has queue_insert alone`);
  }
  const table = ownTable(tokens);
  if (table === undefined) return;
  throw new EntryFault('REFUSED', `the table ${table} is the worker's own: an entry may only read it`);
}

function twoPhase(): EntryFault {
  return new EntryFault('REFUSED', "two-phase commit: an entry may not leave the worker's transaction");
}

/** The table of ours that a statement names, unless it only reads. */
function ownTable(tokens: readonly string[]): string | undefined {
  if (READERS.has(tokens[0] ?? '')) return undefined;
  const names = new Set(tokens.map(nameOf));
  return OWN_TABLES.find((table) => names.has(table));
}

/** @throws EntryFault for statements that reach outside the entry's own atomic unit. */
function checkBody(body: readonly Statement[], kinds: readonly Kind[]): void {
  const open: string[] = [];
  body.forEach(({ tokens }, index) => {
    const kind = kinds[index];
    if (kind === 'begin' || kind === 'commit' || kind === 'rollback') {
      throw new EntryFault(
        'REFUSED',
        `${tokens[0]}: an entry is one atomic unit and may not begin or end the worker's transaction`,
        'Leave it out, or put BEGIN first and COMMIT last around the whole entry; use SAVEPOINT inside.',
      );
    }
    if (kind === 'outside') {
      throw new EntryFault(
        'REFUSED',
        `${tokens[0]} between other statements: it can't be part of one atomic unit with them`,
        'Put it first or last, or queue it as an entry of its own.',
      );
    }
    if (kind === 'savepoint') followSavepoints(tokens[0], nameOf(tokens.at(-1) ?? ''), open);
  });
}

/** Why a statement can't be part of a migration, or undefined when it can. */
export function refusalInMigration(statement: Statement): string | undefined {
  const { tokens, params, text } = statement;
  try {
    refuse(statement);
  } catch (error) {
    return (error as EntryFault).message;
  }
  if (kindOf(statement) !== 'ordinary' || LASTING.test(text))
    return `${tokens.slice(0, 2).join(' ')} can't be part of a migration, which is one transaction by itself`;
  const [param] = params;
  return param && `it has the parameter ${param.name}, and a migration has no values to bind`;
}
