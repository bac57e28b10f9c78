/** queue-write's command line: from arguments to a request, everything checked. */
import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { messageOf, QueueError } from '../errors.ts';
import { parseExactJson } from '../exact-json.ts';
import type { WriteRequest } from '../producer/enqueue.ts';
import { rowRequest } from '../producer/load-direct.ts';
import { numberOption, parse, usage } from './runner.ts';

export interface WriteArguments {
  readonly request: WriteRequest;
  /** Seconds to wait for the entry's fate, or undefined. */
  readonly wait: number | undefined;
  readonly print: boolean;
}

const DEFAULT_WAIT_S = 10;
const MAX_SECONDS = 10 * 365 * 24 * 3600;
const ROW_OPTIONS = ['table', 'data', 'source', 'hash-fields', 'content-hash', 'on-conflict'];
const NAME = /^[A-Za-z_]\w*$/;

/** @throws QueueError USAGE. */
export function readWriteArguments(given: string[]): WriteArguments {
  // The bash half hands over on standard input what may be too large for the command line.
  const args = given[0] === '--args0' ? readNulSeparated() : checkEncoding(given);
  const { values, positionals } = parse(withWaitValue(args), {
    operation: { type: 'string', short: 'o' },
    priority: { type: 'string', short: 'p' },
    metadata: { type: 'string', short: 'm' },
    param: { type: 'string', multiple: true },
    'param-json': { type: 'string', multiple: true },
    stdin: { type: 'string' },
    'sql-file': { type: 'string' },
    ...Object.fromEntries(ROW_OPTIONS.map((name) => [name, { type: 'string' } as const])),
    db: { type: 'string' },
    schema: { type: 'string' },
    id: { type: 'string' },
    job: { type: 'string' },
    delay: { type: 'string' },
    at: { type: 'string' },
    durable: { type: 'boolean' },
    wait: { type: 'string' },
    print: { type: 'boolean' },
  });
  if (values.stdin !== undefined && values['sql-file'] === '-') {
    throw usage('--stdin and --sql-file - both want standard input');
  }
  const row = readRow(values, positionals);
  const [sql, operation, priority, metadata] = row
    ? [row.sql, 'insert']
    : withoutSqlFile(positionals, values['sql-file']);
  const params = row?.params ?? {
    ...Object.fromEntries((values.param ?? []).map((text) => splitParam('--param', text))),
    ...Object.fromEntries((values['param-json'] ?? []).map((text) => jsonParam(text))),
    ...(values.stdin === undefined ? {} : { [checkName('--stdin', values.stdin)]: readInput('-') }),
  };
  const notBefore = dueTime(values.delay, values.at);
  const request: WriteRequest = {
    sql,
    ...optional('operation', nonEmpty(values.operation ?? operation)),
    ...optional('priority', readPriority(values.priority ?? priority)),
    ...optional('metadata', readMetadata(values.metadata ?? metadata)),
    ...(Object.keys(params).length === 0 ? {} : { params }),
    ...optional('id', nonEmpty(values.id)),
    ...optional('job', nonEmpty(values.job)),
    ...optional('db', nonEmpty(values.db)),
    ...optional('schema', values.schema ? resolve(values.schema) : undefined),
    ...optional('notBefore', notBefore),
    ...(values.durable ? { durable: true } : {}),
  };
  const wait = values.wait === undefined ? undefined : readSeconds('--wait', values.wait);
  return { request, wait, print: values.print ?? false };
}

/** The SQL and the params of a structured row, when an option names a part of one. */
function readRow(values: Record<string, unknown>, positionals: string[]): WriteRequest | undefined {
  const given = ROW_OPTIONS.filter((name) => values[name] !== undefined);
  if (given.length === 0) return undefined;
  if (positionals.length > 0 || values.param || values['param-json'] || values.stdin || values['sql-file'])
    throw usage(`--${given[0]}: a row has no SQL, no arguments and no parameters`);
  if (values.table === undefined || values.data === undefined)
    throw usage(`--${given[0]}: a row needs --table and --data`);
  const part = (name: string) => (name === 'data' && values.data === '-' ? readInput('-') : values[name]);
  return rowRequest(Object.fromEntries(given.map((name) => [name, part(name)])), 'USAGE');
}

/** SQL, operation, priority, metadata; with --sql-file the SQL is not among the positionals. */
function withoutSqlFile(
  positionals: string[],
  file: string | undefined,
): [string, ...(string | undefined)[]] {
  const all = file === undefined ? positionals : [readInput(file), ...positionals];
  const [sql, ...rest] = all;
  if (sql === undefined) throw usage('there is no SQL to write');
  if (sql.trim() === '') throw usage('the SQL is empty');
  if (rest.length > 3) throw usage(`there are ${rest.length - 3} arguments too many, from '${rest[3]}' on`);
  return [sql, ...rest];
}

/** `--wait` takes an optional number: give it the default where none follows. */
function withWaitValue(args: readonly string[]): string[] {
  const end = args.indexOf('--');
  return args.flatMap((arg, index) => {
    const isOption = arg === '--wait' && (end === -1 || index < end);
    return isOption && !/^\d/.test(args[index + 1] ?? '') ? [`--wait=${DEFAULT_WAIT_S}`] : [arg];
  });
}

function readPriority(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (/^0*([1-9]|10)$/.test(text)) return Number(text);
  throw usage(`the priority is '${text}': it must be a whole number from 1 (first) to 10 (last)`);
}

function readMetadata(text: string | undefined): Record<string, unknown> | undefined {
  if (text === undefined || text === '') return undefined;
  const value = parseJson('the metadata', text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw usage(`the metadata must be a JSON object: '${text}'`);
}

function splitParam(option: string, text: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals === -1) throw usage(`${option} is '${text}': it must be NAME=VALUE`);
  return [checkName(option, text.slice(0, equals)), text.slice(equals + 1)];
}

function jsonParam(text: string): [string, unknown] {
  const [name, json] = splitParam('--param-json', text);
  return [name, parseJson(`the value of --param-json ${name}`, json)];
}

function checkName(option: string, name: string): string {
  if (NAME.test(name)) return name;
  throw usage(
    `${option} names the parameter '${name}': a name has letters, digits and _, and no digit first`,
  );
}

/** Whole numbers become BigInt: no digit is lost above 2^53, and SQLite gets an INTEGER. */
function parseJson(what: string, text: string): unknown {
  try {
    return parseExactJson(text);
  } catch (error) {
    throw usage(`${what} is not JSON: ${messageOf(error)}`);
  }
}

function dueTime(delay: string | undefined, at: string | undefined): Date | undefined {
  if (delay !== undefined && at !== undefined) throw usage('--delay and --at exclude each other');
  if (delay !== undefined) return new Date(Date.now() + readSeconds('--delay', delay) * 1000);
  if (at === undefined) return undefined;
  const hasZone = /T.*(Z|[+-]\d\d:?\d\d)$/i.test(at);
  if (!hasZone || Number.isNaN(Date.parse(at))) {
    throw usage(`--at is '${at}': it must be a time with a zone, such as 2026-01-02T04:42:43Z`);
  }
  return new Date(at);
}

function readSeconds(option: string, text: string): number {
  return numberOption(option, text, { min: 0, max: MAX_SECONDS });
}

function readInput(file: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    throw new QueueError(
      'USAGE',
      `${file === '-' ? 'standard input' : file} can't be read: ${messageOf(error)}`,
    );
  }
  return decode(bytes, file === '-' ? 'standard input' : file);
}

function readNulSeparated(): string[] {
  return decode(readFileSync(0), 'an argument').split('\0').slice(0, -1);
}

function decode(bytes: Buffer, what: string): string {
  if (!isUtf8(bytes)) throw usage(`${what} is not valid UTF-8`, 'Convert it with iconv, or store it as hex.');
  return bytes.toString('utf8');
}

/** Node has put U+FFFD for every bad byte of the command line; the kernel still has the bytes. */
function checkEncoding(args: string[]): string[] {
  if (!args.some((arg) => arg.includes('\ufffd'))) return args;
  try {
    decode(readFileSync('/proc/self/cmdline'), 'an argument');
  } catch (error) {
    if (error instanceof QueueError) throw error;
    throw usage("an argument holds U+FFFD, and whether it is a bad byte can't be told here");
  }
  return args;
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: V });
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
