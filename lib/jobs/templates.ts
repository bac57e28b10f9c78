/**
 * Templates: writes with a name, which rows fill in. `NAME.json` is looked for in `<spool>/templates`,
 * `<project>/.hive-mind/templates` and `<project>/templates`, and the first found is it; what has a slash in it or ends
 * in .json is a path.
 *
 * A template is checked as a whole when it is read: every error names the file and the key.
 */

import { isUtf8 } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { type Config, databasePath } from '../config.ts';
import { codeOf, messageOf, QueueError } from '../errors.ts';
import { isRawJSON } from '../exact-json.ts';
import { EntryFault } from '../sink/outage.ts';
import { planSql } from '../sink/plan.ts';
import { parseExactly } from './exact-values.ts';
import { TYPES, type Type, type Value, valueOfJson } from './row-values.ts';

export interface Template {
  readonly name: string;
  /** The file it was read from. */
  readonly path: string;
  readonly sql: string;
  /** The parameters of the SQL, by name. */
  readonly parameters: readonly string[];
  /** What those have for which a row has no field. */
  readonly defaults: ReadonlyMap<string, Value>;
  readonly operation: string | undefined;
  readonly priority: number | undefined;
  readonly db: string | undefined;
  /** Absolute. */
  readonly schema: string | undefined;
  /** The field that names the item. */
  readonly item: string | undefined;
  readonly types: ReadonlyMap<string, Type>;
  /** What becomes of the rows after a bad one. */
  readonly onError: 'stop' | 'skip';
}

/** One in a list: what it does, or why it can't be used. */
export interface ListedTemplate {
  readonly name: string;
  readonly path: string;
  /** The first line of its SQL. */
  readonly sql: string | undefined;
  readonly error: string | undefined;
}

const KEYS: ReadonlySet<string> = new Set([
  'sql',
  'params',
  'operation',
  'priority',
  'db',
  'schema',
  'item',
  'types',
  'on_error',
]);
const MAX_BYTES = 16 * 1024 * 1024;

/** Where templates are looked for, first to last. */
export function templateDirectories(config: Config): string[] {
  const { baseDir, projectRoot } = config;
  return [
    join(baseDir, 'templates'),
    join(projectRoot, '.hive-mind', 'templates'),
    join(projectRoot, 'templates'),
  ];
}

/**
 * Reads a template by name or path.
 * @throws QueueError NOT_FOUND, or USAGE naming the file and the key.
 */
export function loadTemplate(config: Config, name: string): Template {
  if (name === '') throw new QueueError('USAGE', 'the name of the template is empty');
  if (name.includes('/') || name.endsWith('.json')) {
    const path = resolve(name);
    const text = readIfThere(path);
    if (text === undefined) throw new QueueError('NOT_FOUND', `there is no template ${path}`);
    return parseTemplate(config, path, text);
  }
  const directories = templateDirectories(config);
  for (const directory of directories) {
    const path = join(directory, `${name}.json`);
    const text = readIfThere(path);
    if (text !== undefined) return parseTemplate(config, path, text);
  }
  throw new QueueError('NOT_FOUND', `there is no template '${name}' in ${directories.join(', ')}`, {
    hint: 'queue-job templates lists them; a path must hold a / or end in .json.',
  });
}

/** Every template that a name leads to, by name, broken ones included. */
export function listTemplates(config: Config): ListedTemplate[] {
  const found = new Map<string, ListedTemplate>();
  for (const directory of templateDirectories(config)) {
    for (const file of filesIn(directory)) {
      const name = file.slice(0, -'.json'.length);
      if (!found.has(name)) found.set(name, listed(config, name, join(directory, file)));
    }
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function listed(config: Config, name: string, path: string): ListedTemplate {
  try {
    const { sql } = parseTemplate(config, path, readIfThere(path) ?? '');
    return { name, path, sql: sql.trimStart().split(/\r?\n/, 1)[0], error: undefined };
  } catch (error) {
    return { name, path, sql: undefined, error: messageOf(error) };
  }
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory).filter((file) => file.endsWith('.json') && file !== '.json');
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw new QueueError('USAGE', `the templates in ${directory} can't be listed: ${messageOf(error)}`);
  }
}

/** O_NONBLOCK: a FIFO is refused, and hangs nobody. */
function readIfThere(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new QueueError('USAGE', `the template ${path} can't be read: ${messageOf(error)}`);
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw wrong(path, 'is not a file');
    if (stat.size > MAX_BYTES) throw wrong(path, `has more than ${MAX_BYTES} bytes`);
    const bytes = readFileSync(fd);
    if (!isUtf8(bytes)) throw wrong(path, 'is not valid UTF-8');
    return bytes.toString().replace(/^\ufeff/, '');
  } finally {
    closeSync(fd);
  }
}

function parseTemplate(config: Config, path: string, text: string): Template {
  let value: unknown;
  try {
    value = parseExactly(text);
  } catch (error) {
    throw wrong(path, `is not JSON: ${messageOf(error)}`);
  }
  if (!isObject(value)) throw wrong(path, 'is not a JSON object');
  const surplus = Object.keys(value).filter((key) => !KEYS.has(key));
  if (surplus.length > 0) {
    throw wrong(path, `has the unknown key "${surplus[0]}"`, `The keys are ${[...KEYS].join(', ')}.`);
  }
  const sql = stringOf(path, value, 'sql');
  if (sql === undefined) throw wrong(path, 'has no "sql"');
  const parameters = parametersOf(config, path, sql);
  const db = stringOf(path, value, 'db');
  const schema = stringOf(path, value, 'schema');
  return {
    name: basename(path).replace(/\.json$/, ''),
    path,
    sql,
    parameters,
    defaults: defaultsOf(path, value, parameters),
    operation: stringOf(path, value, 'operation'),
    priority: priorityOf(path, value.priority),
    db: db === undefined ? undefined : databasePath(db, config.projectRoot),
    schema: schema === undefined ? undefined : resolve(dirname(path), schema),
    item: stringOf(path, value, 'item'),
    types: typesOf(path, value),
    onError: onErrorOf(path, value.on_error),
  };
}

/** The SQL is planned as the worker does it: what can't be an entry is no template. */
function parametersOf(config: Config, path: string, sql: string): string[] {
  try {
    const { binding } = planSql(sql, config.allowAttach);
    if (binding.style === 'none' || binding.style === 'named') return binding.keys as string[];
  } catch (error) {
    if (!(error instanceof EntryFault)) throw error;
    throw wrong(path, `has "sql" that can't be an entry: ${error.message}`, error.hint);
  }
  throw wrong(path, 'has "sql" with parameters that have no names', 'Write :name instead of ?.');
}

function defaultsOf(
  path: string,
  template: Record<string, unknown>,
  parameters: readonly string[],
): ReadonlyMap<string, Value> {
  const { params } = template;
  if (params !== undefined && !isObject(params)) throw wrong(path, 'has "params" that are not an object');
  const defaults = new Map<string, Value>();
  for (const [name, value] of Object.entries(params ?? {})) {
    if (!parameters.includes(name)) {
      throw wrong(path, `has "params" with "${name}", which its SQL does not use`);
    }
    try {
      defaults.set(name, valueOfJson(value, undefined));
    } catch (error) {
      throw wrong(path, `has "params" with "${name}", which ${messageOf(error)}`);
    }
  }
  return defaults;
}

function typesOf(path: string, { types }: Record<string, unknown>): ReadonlyMap<string, Type> {
  if (types !== undefined && !isObject(types)) throw wrong(path, 'has "types" that are not an object');
  const entries = Object.entries(types ?? {}) as [string, Type][];
  const bad = entries.find(([, type]) => !TYPES.includes(type));
  if (!bad) return new Map(entries);
  throw wrong(path, `has "types" with an unknown one for "${bad[0]}"`, `They are ${TYPES.join(', ')}.`);
}

function priorityOf(path: string, priority: unknown): number | undefined {
  if (priority === undefined) return undefined;
  const value = typeof priority === 'bigint' ? Number(priority) : Number.NaN;
  if (value >= 1 && value <= 10) return value;
  throw wrong(path, 'has a "priority" that is no whole number from 1 (first) to 10 (last)');
}

function onErrorOf(path: string, value: unknown): 'stop' | 'skip' {
  if (value === undefined || value === 'stop' || value === 'skip') return value ?? 'stop';
  throw wrong(path, 'has "on_error" that is neither "stop" nor "skip"');
}

function stringOf(path: string, template: Record<string, unknown>, key: string): string | undefined {
  const value = template[key];
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw wrong(path, `has "${key}" that is not a string`);
  if (value.trim() === '') throw wrong(path, `has an empty "${key}"`);
  if (!value.isWellFormed()) throw wrong(path, `has a lone surrogate in "${key}"`);
  if (value.includes('\0')) throw wrong(path, `has U+0000 in "${key}"`);
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawJSON(value);
}

function wrong(path: string, what: string, hint?: string): QueueError {
  return new QueueError('USAGE', `the template ${path} ${what}`, hint === undefined ? {} : { hint });
}
