/**
 * Files of migrations: what an entry's `schema` names, read and checked, but not applied (see migrate.ts).
 *
 * The file is UTF-8. Its first line names the schema, by which a database remembers what it has; each section
 * opens with a line of its own, numbered 1, 2, 3 ... without a gap, and what follows is SQL, several statements:
 *
 *     -- schema: hive-events
 *     -- migration 1: the table of events
 *     CREATE TABLE events(at INTEGER, tool TEXT);
 *     -- migration 2: find them by tool
 *     CREATE INDEX events_tool ON events(tool);
 *
 * A name has letters, digits, - and _. Such lines begin in the first column and count even inside a string or a
 * comment of the SQL, so no SQL dialect is needed to find them. A line that is almost one is an error: taken for a
 * comment, it would add its statements to the migration above it.
 *
 * Append to a file that is in use, never change what is there: a database that has a number does not look at that
 * section again. Replace it with rename(2) (mv): a file that is written in place may be read half.
 */
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { codeOf, messageOf } from '../errors.ts';
import { EntryFault } from './outage.ts';

export interface Migration {
  /** From 1. */
  readonly version: number;
  readonly title: string;
  readonly sql: string;
  /** The number of the file's line that `sql` begins with. */
  readonly line: number;
}

export interface Schema {
  readonly name: string;
  /** One at least; versions are 1, 2, 3 ... */
  readonly migrations: readonly Migration[];
}

/** More is no file of migrations. */
const MAX_BYTES = 16 * 1024 * 1024;
const SCHEMA_LINE = /^-- schema: ([\w-]+)$/;
const MIGRATION_LINE = /^-- migration ([1-9]\d{0,8}): (\S.*)$/;
const ALMOST = /^\s*--+\s*(schema\s*:|migration\s*[\d:#])/i;
/** What says that the system could not read a file just now; other codes speak of the file. */
const PASSING = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOSPC', 'EIO', 'EAGAIN', 'ESTALE']);

/**
 * Which file it is that stands there, changed whenever it is replaced or written to; undefined when there is none.
 * One stat(2).
 * @throws EntryFault BAD_SCHEMA for a path that is not absolute, system errors when it can't be looked at.
 */
export function stampOf(path: string): string | undefined {
  checkAbsolute(path);
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats && stampFrom(stats);
}

/**
 * Reads a file of migrations.
 * @returns the schema and the stamp of what was read; undefined when there is no such file.
 * @throws EntryFault BAD_SCHEMA when it can't be read or is not of the form above.
 */
export function readSchema(path: string): { schema: Schema; stamp: string } | undefined {
  checkAbsolute(path);
  let file: number;
  try {
    // Not waiting for the other end, should it be a FIFO.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw unreadable(path, error);
  }
  try {
    const stats = fstatSync(file, { bigint: true });
    if (!stats.isFile()) throw badSchema(path, undefined, 'it is not a regular file');
    if (stats.size > MAX_BYTES)
      throw badSchema(path, undefined, `it is larger than ${MAX_BYTES / 1024 / 1024} MiB`);
    const bytes = readFileSync(file);
    return { schema: parseSchema(decode(path, bytes), path), stamp: stampFrom(stats) };
  } catch (error) {
    throw error instanceof EntryFault ? error : unreadable(path, error);
  } finally {
    closeSync(file);
  }
}

/**
 * Takes the text of a file apart.
 * @param path for messages.
 * @throws EntryFault BAD_SCHEMA naming file and line.
 */
export function parseSchema(text: string, path: string): Schema {
  const lines = text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  const name = SCHEMA_LINE.exec(lines[0] as string)?.[1];
  if (name === undefined) {
    const form = "The first line must be '-- schema: NAME', of letters, digits, - and _.";
    throw badSchema(path, 1, 'it does not begin with the name of its schema', form);
  }
  const heads: { version: number; title: string; at: number }[] = [];
  for (let at = 1; at < lines.length; at++) {
    const line = lines[at] as string;
    const [, version, title] = MIGRATION_LINE.exec(line) ?? [];
    if (version === undefined || title === undefined) checkPlain(path, at + 1, line, heads.length > 0);
    else heads.push(checkOrder(path, { version: Number(version), title: title.trimEnd(), at }, heads.length));
  }
  if (heads.length === 0) {
    throw badSchema(path, undefined, 'it holds no migration', "Open one with '-- migration 1: TITLE'.");
  }
  const migrations = heads.map(({ version, title, at }, index) => ({
    version,
    title,
    sql: lines.slice(at + 1, heads[index + 1]?.at).join('\n'),
    line: at + 2,
  }));
  return { name, migrations };
}

/**
 * The statements of a migration, cut and judged as a dialect has it.
 * @throws EntryFault BAD_SCHEMA for one that can't be part of a migration.
 */
export function statementsOf<S extends { readonly at: number }>(
  path: string,
  migration: Migration,
  split: (sql: string) => S[],
  refusalOf: (statement: S) => string | undefined,
): S[] {
  const statements = split(migration.sql);
  for (const statement of statements) {
    const refusal = refusalOf(statement);
    if (refusal !== undefined) throw badSchema(path, lineOf(migration, statement.at), refusal);
  }
  return statements;
}

/** The line of the file that holds the character at an offset of the migration's SQL. */
export function lineOf({ line, sql }: Migration, at: number): number {
  return line + lineAt(sql, at) - 1;
}

/** The entry's fault that lies in its file of migrations. */
export function badSchema(path: string, line: number | undefined, what: string, hint?: string): EntryFault {
  const place = line === undefined ? path : `${path}, line ${line}`;
  const advice = hint ?? 'Correct the file, then queue-failed retry.';
  return new EntryFault('BAD_SCHEMA', `file of migrations ${place}: ${what}`, advice);
}

/** A line that opens nothing must not look as if it should, and SQL must stand below a migration's line. */
function checkPlain(path: string, number: number, line: string, isInMigration: boolean): void {
  if (ALMOST.test(line)) {
    const hint = "Write '-- migration N: TITLE', with one space each, or change the comment.";
    throw badSchema(path, number, `'${line.trim()}' looks like the start of a migration, but is none`, hint);
  }
  if (isInMigration || /^\s*(--.*)?$/.test(line)) return;
  throw badSchema(path, number, 'there is SQL before the first migration', 'Put it below a migration line.');
}

function checkOrder<T extends { version: number; at: number }>(path: string, head: T, before: number): T {
  if (head.version === before + 1) return head;
  const what = head.version <= before ? 'a second time' : `where number ${before + 1} is expected`;
  const hint = 'Number migrations 1, 2, 3 without gaps.';
  throw badSchema(path, head.at + 1, `migration ${head.version} stands here ${what}`, hint);
}

/** A worker has a directory of its own, so what a relative path leads to there is not what was meant. */
function checkAbsolute(path: string): void {
  if (isAbsolute(path)) return;
  throw badSchema(path, undefined, 'this is no absolute path', 'Write the entry again with the whole path.');
}

function decode(path: string, bytes: Buffer): string {
  let text: string;
  try {
    // A byte order mark is dropped by it.
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw badSchema(path, undefined, 'it is not valid UTF-8', 'Convert it with iconv.');
  }
  const nul = text.indexOf('\0');
  if (nul === -1) return text;
  throw badSchema(path, lineAt(text, nul), 'it holds U+0000, where SQL ends');
}

/** The number of the line, from 1, that holds the character at an offset. */
function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
}

function unreadable(path: string, error: unknown): EntryFault {
  const hint = 'Make it readable for the user whose worker this is, then queue-failed retry.';
  const fault = badSchema(path, undefined, `it can't be read: ${messageOf(error)}`, hint);
  return PASSING.has(codeOf(error) ?? '')
    ? new EntryFault('BAD_SCHEMA', fault.message, fault.hint, { transient: true })
    : fault;
}

function stampFrom({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}`;
}
