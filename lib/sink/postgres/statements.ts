/**
 * Cuts SQL text into statements, as psql would.
 *
 * Known are strings '..', E'..', names "..", dollar quotes, nested comments, `::` and `:=`, and the two kinds of
 * parameters, `:name` and `$1`. A semicolon ends a statement except between parentheses (CREATE RULE) and in the body of
 * a function that is written with BEGIN ATOMIC. An unterminated string or comment reaches to the end of the text; the
 * server is left to complain about it.
 *
 * After a value and inside brackets a colon is the one of a slice: `a[1:n]` holds no parameter, `ARRAY[:n]` does.
 */

export interface Statement {
  /** From its first token to its last, without the semicolon. */
  readonly text: string;
  /** Its offset in the text that was cut. */
  readonly at: number;
  /** Its tokens that are neither space nor comment; words in upper case, everything else as written. */
  readonly tokens: readonly string[];
  readonly params: readonly Param[];
}

export interface Param {
  /** As written: `:name` or `$1`. */
  readonly name: string;
  /** Offset in `text`. */
  readonly at: number;
}

type Kind = 'space' | 'word' | 'text' | 'param' | 'end' | 'other';

interface Token {
  readonly kind: Kind;
  readonly end: number;
}

const SPACE = /[ \t\n\r\f\v]+/y;
const WORD = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const NUMBER = /\d[\w.]*/y;
const NAMED = /:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*/y;
const NUMBERED = /\$\d+/y;
const DOLLAR = /\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;

/** The statements of a text, in order; none for a text of comments and semicolons only. */
export function splitStatements(sql: string): Statement[] {
  const found: Statement[] = [];
  let start = -1;
  let last = 0;
  let tokens: string[] = [];
  let params: Param[] = [];
  let brackets = 0;
  let nesting = 0;
  let atomic = 0;
  let isAfterValue = false;
  const finish = (): void => {
    if (start !== -1) found.push({ text: sql.slice(start, last), at: start, tokens, params });
    start = -1;
    [tokens, params] = [[], []];
    [brackets, nesting, atomic, isAfterValue] = [0, 0, 0, false];
  };
  for (let at = 0, end = 0; at < sql.length; at = end) {
    const token = tokenAt(sql, at, brackets > 0 && isAfterValue);
    end = token.end;
    if (token.kind === 'space') continue;
    if (token.kind === 'end' && nesting <= 0 && atomic === 0) {
      finish();
      continue;
    }
    if (start === -1) start = at;
    last = end;
    const text = sql.slice(at, end);
    const word = token.kind === 'word' ? text.toUpperCase() : text;
    if (token.kind === 'param') params.push({ name: text, at: at - start });
    if (text === '(') nesting++;
    if (text === ')') nesting--;
    if (text === '[') brackets++;
    if (text === ']') brackets--;
    atomic = bodyDepth(atomic, word, tokens);
    tokens.push(word);
    isAfterValue = token.kind === 'other' ? /^(\d|\)|\])/.test(text) : true;
  }
  finish();
  return found;
}

/** How deep inside BEGIN ATOMIC ... END the token after `tokens` is; CASE has an END as well. */
function bodyDepth(depth: number, word: string, tokens: readonly string[]): number {
  if (depth === 0) return word === 'ATOMIC' && tokens.at(-1) === 'BEGIN' && tokens[0] === 'CREATE' ? 1 : 0;
  if (word === 'CASE') return depth + 1;
  return word === 'END' ? depth - 1 : depth;
}

function tokenAt(sql: string, at: number, isSlice: boolean): Token {
  const char = sql[at] as string;
  const two = sql.slice(at, at + 2);
  if (two === '--') return { kind: 'space', end: orEnd(sql, sql.indexOf('\n', at), 1) };
  if (two === '/*') return { kind: 'space', end: commentEnd(sql, at) };
  if (two === '::' || two === ':=') return { kind: 'other', end: at + 2 };
  if (char === ';') return { kind: 'end', end: at + 1 };
  if (char === "'" || char === '"') return { kind: 'text', end: quoteEnd(sql, at, false) };
  const space = match(SPACE, sql, at);
  if (space) return { kind: 'space', end: space };
  if (/[eE]/.test(char) && sql[at + 1] === "'") return { kind: 'text', end: quoteEnd(sql, at + 1, true) };
  const word = match(WORD, sql, at);
  if (word) return { kind: 'word', end: word };
  if (char === '$') return dollarToken(sql, at);
  const named = isSlice ? 0 : match(NAMED, sql, at);
  if (named) return { kind: 'param', end: named };
  return { kind: 'other', end: match(NUMBER, sql, at) || at + 1 };
}

function dollarToken(sql: string, at: number): Token {
  const numbered = match(NUMBERED, sql, at);
  if (numbered) return { kind: 'param', end: numbered };
  const open = match(DOLLAR, sql, at);
  if (!open) return { kind: 'other', end: at + 1 };
  const tag = sql.slice(at, open);
  return { kind: 'text', end: orEnd(sql, sql.indexOf(tag, open), tag.length) };
}

/** The offset after the match at `at`, or 0. */
function match(pattern: RegExp, sql: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(sql) ? pattern.lastIndex : 0;
}

/** A doubled quote stands for itself; a backslash hides what follows it in E'..' only. */
function quoteEnd(sql: string, at: number, hasEscapes: boolean): number {
  const quote = sql[at];
  for (let end = at + 1; end < sql.length; end++) {
    if (hasEscapes && sql[end] === '\\') end++;
    else if (sql[end] === quote && sql[end + 1] === quote) end++;
    else if (sql[end] === quote) return end + 1;
  }
  return sql.length;
}

function commentEnd(sql: string, at: number): number {
  let depth = 0;
  for (let end = at; end < sql.length; ) {
    const two = sql.slice(end, end + 2);
    if (two === '/*') depth++;
    if (two === '*/' && --depth === 0) return end + 2;
    end += two === '/*' || two === '*/' ? 2 : 1;
  }
  return sql.length;
}

function orEnd(sql: string, found: number, length: number): number {
  return found === -1 ? sql.length : found + length;
}

/** A name without its quotes, as the server would know it. */
export function nameOf(token: string): string {
  return token[0] === '"' ? token.slice(1, -1).replaceAll('""', '"') : token.toLowerCase();
}
