/**
 * Cuts SQL text into statements, as SQLite itself would.
 *
 * The tokens are those of SQLite's tokenizer: strings '..', names "..", `..` and [..], comments, parameters,
 * words; bytes of 0x80 and up belong to words. A semicolon ends a statement, except inside CREATE TRIGGER, where
 * only `; END ;` does: the state machine documented for sqlite3_complete(), which needs no notion of CASE. An
 * unterminated string or comment reaches to the end of the text; SQLite is left to complain about it.
 */

export interface Statement {
  /** The statement from its first token to its semicolon, comments in between included. */
  readonly text: string;
  /** Its offset in the text that was cut. */
  readonly at: number;
  /** Its first token, in upper case. */
  readonly word: string;
  readonly params: readonly Param[];
}

export interface Param {
  /** As written: `?`, `?12`, `:name`, `@name`, `$name` or `#name`. */
  readonly name: string;
  /** Offset in `text`. */
  readonly at: number;
}

const OTHER = 0;
const SPACE = 1;
const WORD = 2;
const QUOTE = 3;
const PARAM = 4;
const SEMICOLON = 5;
const COMMENT = 6;

const CLASS = new Uint8Array(128);
for (let code = 0; code < 128; code++) CLASS[code] = classOf(String.fromCharCode(code));

function classOf(char: string): number {
  if (/[\w]/.test(char)) return WORD;
  // SQLite does not know \v, but the driver skips it before a statement.
  if (/[ \t\n\v\f\r]/.test(char)) return SPACE;
  if (/['"`[]/.test(char)) return QUOTE;
  if (/[?:@$#]/.test(char)) return PARAM;
  return char === ';' ? SEMICOLON : OTHER;
}

function classAt(sql: string, at: number): number {
  const code = sql.charCodeAt(at);
  // A byte order mark is space to SQLite, every other character outside ASCII part of a word.
  if (code >= 128) return code === 0xfeff ? SPACE : WORD;
  if (code === 0x2d && sql.charCodeAt(at + 1) === 0x2d) return COMMENT;
  if (code === 0x2f && sql.charCodeAt(at + 1) === 0x2a && at + 2 < sql.length) return COMMENT;
  return CLASS[code] as number;
}

/** The offset after the run of word characters that starts at `at`; `$` is one unless it comes first. */
function wordEnd(sql: string, at: number): number {
  for (let end = at; ; end++) {
    const code = sql.charCodeAt(end);
    // Not `code < 128`: past the end of the text it is NaN.
    if (!(code >= 128 || code === 0x24 || CLASS[code] === WORD)) return end;
  }
}

function quoteEnd(sql: string, at: number): number {
  const open = sql[at] as string;
  if (open === '[') return orEnd(sql, sql.indexOf(']', at + 1), 1);
  for (let from = at + 1; ; ) {
    const close = sql.indexOf(open, from);
    if (close === -1) return sql.length;
    if (sql[close + 1] !== open) return close + 1;
    from = close + 2;
  }
}

function commentEnd(sql: string, at: number): number {
  if (sql[at] === '-') return orEnd(sql, sql.indexOf('\n', at), 1);
  return orEnd(sql, sql.indexOf('*/', at + 2), 2);
}

function orEnd(sql: string, found: number, length: number): number {
  return found === -1 ? sql.length : found + length;
}

function paramEnd(sql: string, at: number): number {
  if (sql[at] !== '?') return wordEnd(sql, at + 1);
  let end = at + 1;
  while (sql.charCodeAt(end) >= 0x30 && sql.charCodeAt(end) <= 0x39) end++;
  return end;
}

/** The offset after the token of class `kind` that starts at `at`. */
function tokenEnd(sql: string, at: number, kind: number): number {
  switch (kind) {
    case WORD:
      return wordEnd(sql, at + 1);
    case QUOTE:
      return quoteEnd(sql, at);
    case PARAM:
      return paramEnd(sql, at);
    case COMMENT:
      return commentEnd(sql, at);
    default:
      return at + 1;
  }
}

const NO_PARAMS: readonly Param[] = [];

/** The statements of a text, in order; none for a text of comments and semicolons only. */
export function splitStatements(sql: string): Statement[] {
  const found: Statement[] = [];
  let start = -1;
  let last = 0;
  let word = '';
  let params: Param[] | undefined;
  let trigger: TriggerState = 'start';

  for (let at = 0, end = 0; at < sql.length; at = end) {
    const kind = classAt(sql, at);
    end = tokenEnd(sql, at, kind);
    if (kind === SPACE || kind === COMMENT) continue;
    if (kind === SEMICOLON && !inTrigger(trigger)) {
      if (start !== -1)
        found.push({ text: sql.slice(start, end), at: start, word, params: params ?? NO_PARAMS });
      start = -1;
      params = undefined;
      trigger = 'start';
      continue;
    }
    last = end;
    if (start === -1) {
      start = at;
      word = kind === WORD ? sql.slice(at, end).toUpperCase() : sql.slice(at, end);
    }
    if (kind === PARAM && (end > at + 1 || sql[at] === '?')) {
      params ??= [];
      params.push({ name: sql.slice(at, end), at: at - start });
    }
    if (trigger !== 'plain') {
      trigger = nextState(
        trigger,
        kind === WORD || kind === SEMICOLON ? sql.slice(at, end).toUpperCase() : '',
      );
    }
  }
  if (start !== -1)
    found.push({ text: sql.slice(start, last), at: start, word, params: params ?? NO_PARAMS });
  return found;
}

/**
 * Where a statement stands with respect to CREATE TRIGGER: `plain` is any other statement, `semi` follows a
 * semicolon in the body of the trigger, `end` an END that follows that.
 */
type TriggerState = 'start' | 'plain' | 'explain' | 'create' | 'body' | 'semi' | 'end';

/** True when a semicolon does not end the statement. */
function inTrigger(state: TriggerState): boolean {
  return state === 'body' || state === 'semi';
}

function nextState(state: TriggerState, word: string): TriggerState {
  switch (state) {
    case 'start':
      return word === 'CREATE' ? 'create' : word === 'EXPLAIN' ? 'explain' : 'plain';
    case 'explain':
      return word === 'CREATE' ? 'create' : word === 'QUERY' || word === 'PLAN' ? 'explain' : 'plain';
    case 'create':
      return word === 'TRIGGER' ? 'body' : word === 'TEMP' || word === 'TEMPORARY' ? 'create' : 'plain';
    case 'semi':
      return word === ';' ? 'semi' : word === 'END' ? 'end' : 'body';
    case 'body':
    case 'end':
      return word === ';' ? 'semi' : 'body';
    default:
      return 'plain';
  }
}

/** The tokens of a statement that are neither space nor comment, as written; at most `limit` of them. */
export function tokensOf(text: string, limit = Number.POSITIVE_INFINITY): string[] {
  const tokens: string[] = [];
  for (let at = 0, end = 0; at < text.length && tokens.length < limit; at = end) {
    const kind = classAt(text, at);
    end = tokenEnd(text, at, kind);
    if (kind !== SPACE && kind !== COMMENT) tokens.push(text.slice(at, end));
  }
  return tokens;
}

/** A name or string token without its quotes; any other token as it is. */
export function unquote(token: string): string {
  const open = token[0];
  if (open === '[') return token.slice(1, -1);
  if (open !== "'" && open !== '"' && open !== '`') return token;
  return token.slice(1, -1).replaceAll(open + open, open);
}
