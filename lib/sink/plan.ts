/**
 * Decides, from the text alone, how an entry's SQL is run.
 *
 * An entry is one atomic unit beside others in one transaction, so:
 * - BEGIN ... COMMIT around the whole entry is left out: it says what holds anyway. Any other statement that
 *   would begin or end a transaction is refused, and so is a savepoint statement that reaches outside the entry.
 * - PRAGMA, VACUUM and, where they are allowed, ATTACH and DETACH need autocommit or change the connection for
 *   those that come after. Such an entry runs alone: these statements before (`before`) or after (`after`) the
 *   rest (`body`), which keeps a transaction of its own. Between other statements they are refused.
 * - An entry that makes TEMP objects runs alone too: they would shadow tables of later entries.
 * - `CALL queue_insert(...)` is a structured row, and all of its entry (call.ts).
 * - A statement that names the ledger or the table of migrations is refused unless it only reads: they are what
 *   makes entries and migrations apply exactly once.
 */
import { callOf } from './call.ts';
import { EntryFault } from './outage.ts';
import { type Binding, bindingOf, type Step } from './params.ts';
import { type Statement, splitStatements, tokensOf, unquote } from './statements.ts';

export const LEDGER = '_queue_ledger';
export const MIGRATIONS = '_queue_migrations';
/** How far the ledger was pruned; see maintenance/backups/ledger.ts. */
export const PRUNED = '_queue_pruned';
/** The content hashes of structured rows; see hashes.ts. */
export const HASHES = '_queue_hashes';
/** How far queue-sync is with the files that it has taken; see sync/bookkeeping.ts. */
export const SYNC = '_queue_sync';
/** The queue's own: no entry may write to them. */
export const OWN_TABLES: readonly string[] = [LEDGER, MIGRATIONS, PRUNED, HASHES, SYNC];
const MAY_NAME_OWN = new RegExp(OWN_TABLES.join('|'), 'i');
/** The savepoint around each entry of a batch. */
export const SAVEPOINT = '_queue_entry';

export interface Plan {
  /** Run in autocommit before the body. */
  readonly before: readonly Step[];
  /** Run as one atomic unit. */
  readonly body: readonly Step[];
  /** Run in autocommit after the body was committed. */
  readonly after: readonly Step[];
  /** The entry must not share a transaction with others. */
  readonly alone: boolean;
  /** The connection is no longer the one we set up once this has run. */
  readonly reopen: boolean;
  readonly binding: Binding;
  /** The entry is a structured row with these parts, and no SQL; see call.ts. */
  readonly call: readonly string[] | undefined;
}

const NO_SQL = {
  before: [],
  body: [],
  after: [],
  alone: false,
  reopen: false,
  binding: { style: 'none', keys: [] },
} as const;

/** PRAGMAs that work inside a transaction, are undone with it, and leave the connection as it was. */
const PLAIN_PRAGMAS = new Set(
  (
    'user_version application_id table_info table_xinfo table_list index_list index_info index_xinfo ' +
    'foreign_key_list foreign_key_check integrity_check quick_check data_version page_count freelist_count ' +
    'compile_options database_list collation_list function_list module_list pragma_list'
  ).split(' '),
);
/** First words of statements that need a closer look. */
const SPECIAL = new Set(
  'BEGIN COMMIT END ROLLBACK SAVEPOINT RELEASE PRAGMA VACUUM ATTACH DETACH CREATE EXPLAIN'.split(' '),
);
const READERS = new Set(['SELECT', 'VALUES']);

/**
 * Plans one entry's SQL.
 * @throws EntryFault when it can't be an entry.
 */
export function planSql(sql: string, allowAttach: boolean): Plan {
  if (!sql.isWellFormed()) {
    throw new EntryFault('BAD_TEXT', 'the SQL holds a lone surrogate, which no UTF-8 text can hold');
  }
  if (sql.includes('\0'))
    throw new EntryFault('BAD_TEXT', 'the SQL holds U+0000, where SQLite stops reading');
  const statements = splitStatements(sql);
  if (statements.length === 0) throw new EntryFault('EMPTY_SQL', 'the SQL holds no statement, only comments');
  const call = callOf(statements);
  if (call) return { ...NO_SQL, call };
  if (MAY_NAME_OWN.test(sql)) refuseOwnTables(statements);

  const kinds = statements.map((statement) => kindOf(statement, allowAttach));
  let from = 0;
  let to = statements.length;
  while (from < to && isSolo(kinds[from])) from++;
  while (to > from && isSolo(kinds[to - 1])) to--;
  const split = [from, to] as const;
  if (to - from >= 2 && kinds[from] === 'begin' && kinds[to - 1] === 'commit') {
    from++;
    to--;
  }
  const body = statements.slice(from, to);
  checkBody(body, kinds.slice(from, to));
  if (body.length === 0 && split[1] > split[0] && kinds.every((kind) => !isSolo(kind))) {
    throw new EntryFault('EMPTY_SQL', 'the SQL holds nothing between BEGIN and COMMIT');
  }

  const reopen = kinds.some((kind) => kind === 'connection' || kind === 'temp');
  const { binding, steps } = bindingOf(statements);
  return {
    before: steps.slice(0, split[0]),
    body: steps.slice(from, to),
    after: steps.slice(split[1]),
    alone: reopen || kinds.includes('vacuum'),
    reopen,
    binding,
    call: undefined,
  };
}

/**
 * `begin`, `commit` and `rollback` deal with transactions, `savepoint` within them; `vacuum` needs autocommit;
 * `connection` changes the connection and mostly needs autocommit as well; `temp` changes it inside a
 * transaction.
 */
type Kind = 'ordinary' | 'begin' | 'commit' | 'rollback' | 'savepoint' | 'vacuum' | 'connection' | 'temp';

function isSolo(kind: Kind | undefined): boolean {
  return kind === 'connection' || kind === 'vacuum';
}

function kindOf(statement: Statement, allowAttach: boolean): Kind {
  if (!SPECIAL.has(statement.word)) return 'ordinary';
  const head = headOf(statement);
  switch (head[0]?.toUpperCase()) {
    case 'BEGIN':
      return 'begin';
    case 'COMMIT':
    case 'END':
      return 'commit';
    case 'ROLLBACK':
      return rollbackTo(head) === undefined ? 'rollback' : 'savepoint';
    case 'SAVEPOINT':
    case 'RELEASE':
      return 'savepoint';
    case 'PRAGMA':
      return PLAIN_PRAGMAS.has(unquote(head[head[2] === '.' ? 3 : 1] ?? '').toLowerCase())
        ? 'ordinary'
        : 'connection';
    case 'VACUUM':
      if (!head.some((token) => token.toUpperCase() === 'INTO')) return 'vacuum';
      return attaching('VACUUM INTO', allowAttach);
    case 'ATTACH':
    case 'DETACH':
      return attaching((head[0] as string).toUpperCase(), allowAttach);
    case 'CREATE':
      return makesTemp(head) ? 'temp' : 'ordinary';
    default:
      return 'ordinary';
  }
}

function attaching(what: string, allowed: boolean): Kind {
  if (allowed) return 'connection';
  throw new EntryFault(
    'REFUSED',
    `${what} is not allowed in an entry`,
    'Set QUEUE_ALLOW_ATTACH=true for the worker to allow entries to reach other database files.',
  );
}

/**
 * Its first tokens, enough for CREATE VIRTUAL TABLE IF NOT EXISTS temp.name, without a leading EXPLAIN [QUERY
 * PLAN]: a PRAGMA acts even when it is only explained.
 */
function headOf({ text, word }: Statement): string[] {
  if (word !== 'EXPLAIN') return tokensOf(text, 8);
  const tokens = tokensOf(text, 11);
  return tokens.slice(tokens[1]?.toUpperCase() === 'QUERY' ? 3 : 1);
}

/** CREATE TEMP ..., CREATE TEMPORARY ... and CREATE ... temp.name. */
function makesTemp(head: readonly string[]): boolean {
  const second = head[1]?.toUpperCase();
  if (second === 'TEMP' || second === 'TEMPORARY') return true;
  const dot = head.indexOf('.');
  return dot > 0 && unquote(head[dot - 1] as string).toLowerCase() === 'temp';
}

/** The savepoint of ROLLBACK [TRANSACTION [name]] TO [SAVEPOINT] name; undefined for a plain ROLLBACK. */
function rollbackTo(head: readonly string[]): string | undefined {
  const to = head.findIndex((token, index) => index > 0 && token.toUpperCase() === 'TO');
  return to === -1 ? undefined : afterKeyword(head, to + 1);
}

function afterKeyword(head: readonly string[], at: number): string {
  const named = head[at]?.toUpperCase() === 'SAVEPOINT' && head[at + 1] !== undefined && head[at + 1] !== ';';
  return unquote(head[named ? at + 1 : at] ?? '').toLowerCase();
}

/** @throws EntryFault for statements that reach outside the entry's own atomic unit. */
function checkBody(body: readonly Statement[], kinds: readonly Kind[]): void {
  const open: string[] = [];
  body.forEach((statement, index) => {
    const kind = kinds[index];
    const { word } = statement;
    if (kind === 'begin' || kind === 'commit' || kind === 'rollback') {
      throw new EntryFault(
        'REFUSED',
        `${word}: an entry is one atomic unit and may not begin or end the worker's transaction`,
        'Leave it out, or put BEGIN first and COMMIT last around the whole entry; use SAVEPOINT inside.',
      );
    }
    if (isSolo(kind)) {
      throw new EntryFault(
        'REFUSED',
        `${word} between other statements: it can't be part of one atomic unit with them`,
        'Put it first or last, or queue it as an entry of its own.',
      );
    }
    if (kind === 'savepoint') trackSavepoint(headOf(statement), open);
  });
}

function trackSavepoint(head: readonly string[], open: string[]): void {
  const word = head[0]?.toUpperCase();
  followSavepoints(word, word === 'ROLLBACK' ? (rollbackTo(head) as string) : afterKeyword(head, 1), open);
}

/** Follows the stack of open savepoints; only ones that the entry itself has opened may be named. */
export function followSavepoints(word: string | undefined, name: string, open: string[]): void {
  if (name === SAVEPOINT) {
    throw new EntryFault('REFUSED', `the savepoint name ${SAVEPOINT} is the worker's own`);
  }
  if (word === 'SAVEPOINT') {
    open.push(name);
    return;
  }
  const at = open.lastIndexOf(name);
  if (at === -1) throw new EntryFault('REFUSED', `${word}: the entry has opened no savepoint ${name}`);
  open.length = word === 'RELEASE' ? at : at + 1;
}

/**
 * Why a statement can't be part of a migration, or undefined when it can. A migration is one transaction of ours,
 * has no values to bind, and leaves the connection as it was.
 */
export function refusalInMigration(statement: Statement): string | undefined {
  const head = headOf(statement);
  if (kindOf(statement, true) !== 'ordinary' || head[0]?.toUpperCase() === 'PRAGMA') {
    const what = head.slice(0, 2).filter((token) => /^\w/.test(token));
    return `${what.join(' ')} can't be part of a migration, which is one transaction by itself`;
  }
  const table = ownTable(statement);
  if (table !== undefined) return `the table ${table} is the worker's own: a migration may only read it`;
  const [param] = statement.params;
  return param && `it has the parameter ${param.name}, and a migration has no values to bind`;
}

/** @throws EntryFault REFUSED when an entry may write to a table of ours. */
function refuseOwnTables(statements: readonly Statement[]): void {
  for (const statement of statements) {
    const table = ownTable(statement);
    if (table === undefined) continue;
    throw new EntryFault('REFUSED', `the table ${table} is the worker's own: an entry may only read it`);
  }
}

/** The table of ours that a statement names, unless it only reads. */
function ownTable({ word, text }: Statement): string | undefined {
  if (READERS.has(word)) return undefined;
  const names = tokensOf(text).map((token) => unquote(token).toLowerCase());
  return OWN_TABLES.find((table) => names.includes(table));
}
