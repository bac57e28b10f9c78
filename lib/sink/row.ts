/**
 * One structured row: what it may hold, its content hash, and the statement that inserts it. Of any database; how it
 * is written is in rows.ts for SQLite, and in postgres/rows.ts.
 *
 * Data is a JSON object, a field a column. Text becomes TEXT, a whole number INTEGER with all its digits, another
 * number REAL, true and false 1 and 0, null NULL, objects and arrays their JSON as TEXT.
 *
 * The content hash is the SHA-256, in hex, of the canonical JSON of the object that has the hash fields alone: names
 * sorted by UTF-16 code unit at every level, no white space, whole numbers with all their digits, other numbers and
 * strings as JSON.stringify writes them, as UTF-8.
 */
import { hash } from 'node:crypto';
import { messageOf } from '../errors.ts';
import { exactJson, parseExactJson } from '../exact-json.ts';
import type { Params } from '../spool/entry.ts';
import { EntryFault } from './outage.ts';
import { toValue, type Value } from './params.ts';

export interface Row {
  readonly table: string;
  /** By column. */
  readonly data: Readonly<Record<string, unknown>>;
  /** Where it comes from; noted beside its hash. */
  readonly source?: string;
  /** Names in `data`. A row whose hash over these was inserted before, and is still there, is a duplicate. */
  readonly hashFields?: readonly string[];
  /** In place of `hashFields`: the hash itself, any text. */
  readonly contentHash?: string;
  /** What becomes of a row that breaks a UNIQUE or PRIMARY KEY; without it, that is an error. */
  readonly onConflict?: OnConflict;
}

export type OnConflict = 'ignore' | 'replace' | 'update';

const ON_CONFLICT: readonly OnConflict[] = ['ignore', 'replace', 'update'];

/** The names that an entry gives the parts of a row, in the order in which the call lists them. */
export const ROW_PARAMS = ['table', 'data', 'source', 'hash_fields', 'content_hash', 'on_conflict'] as const;

/** As deep as SQLite's own JSON may be nested. */
const MAX_DEPTH = 1000;
const MAX_SHOWN = 80;
const MAX_LISTED = 20;

/**
 * The row in the parameters of an entry. `data` is JSON text or an object, `hash_fields` a list with commas or an
 * array.
 * @throws EntryFault BAD_ROW saying what is wrong with which of them.
 */
export function parseRow(params: Params | undefined): Row {
  if (params === undefined || Array.isArray(params))
    throw badRow('params must be an object with table and data');
  for (const name of Object.keys(params)) {
    if (!(ROW_PARAMS as readonly string[]).includes(name))
      throw badRow(
        `params holds ${shown(name)}, which is no part of a row`,
        `A row has ${ROW_PARAMS.join(', ')}.`,
      );
  }
  const table = textOf(params, 'table');
  if (table === undefined) throw badRow('params has no table');
  const source = textOf(params, 'source');
  const hashFields = fieldsOf(params.hash_fields);
  const contentHash = textOf(params, 'content_hash');
  const onConflict = textOf(params, 'on_conflict');
  if (!isOnConflict(onConflict))
    throw badRow(`on_conflict is ${shown(onConflict)}: it must be ignore, replace or update`);
  const row: Row = {
    table,
    data: dataOf(params.data),
    ...(source === undefined ? {} : { source }),
    ...(hashFields === undefined ? {} : { hashFields }),
    ...(contentHash === undefined ? {} : { contentHash }),
    ...(onConflict === undefined ? {} : { onConflict }),
  };
  checkHash(row);
  return row;
}

/** @throws EntryFault BAD_ROW when the row asks for two hashes, or for one over what it lacks. */
export function checkHash({ data, hashFields, contentHash }: Row): void {
  if (hashFields === undefined) return;
  if (hashFields.length === 0) throw badRow('hash_fields names no field');
  if (contentHash !== undefined) throw badRow('hash_fields and content_hash exclude each other');
  for (const field of hashFields) {
    if (!Object.hasOwn(data, field))
      throw badRow(`the hash field ${shown(field)} is not in data, which has ${listed(Object.keys(data))}`);
  }
}

/** The row's content hash; undefined when it asks for none. Call checkHash() before. */
export function hashOf({ data, hashFields, contentHash }: Row): string | undefined {
  if (hashFields === undefined) return contentHash;
  const fields = [...new Set(hashFields)].sort();
  const pairs = fields.map((field) => `${JSON.stringify(field)}:${canonicalJson(data[field])}`);
  return hash('sha256', `{${pairs.join()}}`);
}

/** JSON that is the same for the same value. */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return exactJson(value);
  if ('toJSON' in value && typeof value.toJSON === 'function') return canonicalJson(value.toJSON());
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`;
  const object = value as Record<string, unknown>;
  const names = Object.keys(object).filter((name) => object[name] !== undefined);
  // The default order of sort() is that of code units.
  return `{${names
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(object[name])}`)
    .join()}}`;
}

export interface InsertText {
  /** The table, quoted. */
  readonly into: string;
  /** The columns that get a value, quoted. */
  readonly columns: readonly string[];
  readonly onConflict: OnConflict | undefined;
  /** What each row that was written gives back, quoted; none: nothing. */
  readonly returning: readonly string[];
  /** How the value at an index, from 0, stands in the text. */
  readonly place: (at: number) => string;
}

/** The INSERT of a row, every value in a place of its own. `replace` is SQLite's alone. */
export function insertText({ into, columns, onConflict, returning, place }: InsertText): string {
  const verb = onConflict === 'replace' ? 'INSERT OR REPLACE' : 'INSERT';
  const values = columns.map((_column, at) => place(at)).join();
  let text = `${verb} INTO ${into}(${columns.join()}) VALUES (${values})`;
  if (onConflict === 'ignore') text += ' ON CONFLICT DO NOTHING';
  if (onConflict === 'update') {
    text += ` ON CONFLICT DO UPDATE SET ${columns.map((column) => `${column}=excluded.${column}`).join()}`;
  }
  return returning.length === 0 ? text : `${text} RETURNING ${returning.join()}`;
}

/** A name as SQL takes it, whatever it holds. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A name in a message: a user's text may be long, and hold line breaks. */
export function shown(name: string): string {
  return JSON.stringify(name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN)}...` : name);
}

/** The names that `name` may be a slip of the pen for; all of them when none is like it. */
export function closeTo(name: string, names: readonly string[]): string {
  const wanted = name.slice(0, MAX_SHOWN).toLowerCase();
  const near = names
    .map((other) => ({ other, distance: distanceOf(wanted, other.slice(0, MAX_SHOWN).toLowerCase()) }))
    .filter(({ distance }) => distance <= Math.max(2, wanted.length / 3))
    .sort((a, b) => a.distance - b.distance);
  return listed(near.length > 0 ? near.slice(0, 3).map(({ other }) => other) : names);
}

export function badRow(message: string, hint?: string): EntryFault {
  return new EntryFault('BAD_ROW', message, hint);
}

/**
 * What the value of a field is bound as.
 * @throws EntryFault BAD_ROW when it can't be.
 */
export function fieldValue(value: unknown, field: string): Value {
  if (typeof value === 'string' && value.isWellFormed()) return value;
  if (typeof value === 'object' && value !== null) checkNested(value, field);
  // What fits in any case needs no name for a message.
  else if (value === null || typeof value === 'number' || typeof value === 'boolean')
    return toValue(value, '');
  return toValue(value, `the field ${shown(field)}`, 'BAD_ROW');
}

/** @throws EntryFault BAD_ROW when a value holds what neither UTF-8 nor SQLite's JSON can. */
function checkNested(value: object, field: string, levels = MAX_DEPTH): void {
  if (levels === 0) throw badRow(`the field ${shown(field)} is nested deeper than ${MAX_DEPTH} levels`);
  for (const [name, item] of Object.entries(value)) {
    if (!name.isWellFormed() || (typeof item === 'string' && !item.isWellFormed()))
      throw badRow(`the field ${shown(field)} holds a lone surrogate, which no UTF-8 text can hold`);
    if (typeof item === 'object' && item !== null) checkNested(item, field, levels - 1);
  }
}

function textOf(params: Record<string, unknown>, name: (typeof ROW_PARAMS)[number]): string | undefined {
  const value = Object.hasOwn(params, name) ? params[name] : undefined;
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw badRow(`${name} must be text`);
  if (value === '') throw badRow(`${name} is empty`);
  if (!value.isWellFormed()) throw badRow(`${name} holds a lone surrogate, which no UTF-8 text can hold`);
  return value;
}

function fieldsOf(value: unknown): string[] | undefined {
  if (value === undefined) return undefined;
  const list = typeof value === 'string' ? value.split(',').map((field) => field.trim()) : value;
  if (!Array.isArray(list) || !list.every((field) => typeof field === 'string'))
    throw badRow('hash_fields must be names with commas between them, or an array of names');
  if (list.includes('')) throw badRow('hash_fields holds an empty name');
  return list;
}

function isOnConflict(text: string | undefined): text is OnConflict | undefined {
  return text === undefined || (ON_CONFLICT as readonly string[]).includes(text);
}

function dataOf(value: unknown): Record<string, unknown> {
  if (value === undefined) throw badRow('params has no data');
  const data = typeof value === 'string' ? parseData(value) : value;
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    throw badRow('data must be a JSON object, a field for each column');
  return data as Record<string, unknown>;
}

function parseData(text: string): unknown {
  let value: unknown;
  try {
    value = parseExactJson(text);
  } catch (error) {
    if (error instanceof RangeError) throw badRow(`data is nested deeper than ${MAX_DEPTH} levels`);
    // V8 quotes the text around the error, which may be a part of a value.
    const what = messageOf(error).replace(/, (\.\.\.)?"[\s\S]*"(\.\.\.)? is not valid JSON$/, '');
    throw badRow(`data is not JSON: ${what}`);
  }
  const twice = repeatedName(text);
  if (twice !== undefined) throw badRow(`data has the name ${shown(twice)} twice in one object`);
  return value;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** A name that stands twice in one object of a valid JSON text, where JSON.parse takes the last and says nothing. */
function repeatedName(json: string): string | undefined {
  const open: Set<string>[] = [];
  let start = 0;
  let end = 0;
  for (let at = 0; at < json.length; at++) {
    switch (json.charCodeAt(at)) {
      case QUOTE:
        start = at++;
        while (json.charCodeAt(at) !== QUOTE) at += json.charCodeAt(at) === BACKSLASH ? 2 : 1;
        end = at + 1;
        break;
      case COLON: {
        const text = json.slice(start, end);
        const name = text.includes('\\') ? (JSON.parse(text) as string) : text.slice(1, -1);
        const names = open.at(-1) as Set<string>;
        if (names.has(name)) return name;
        names.add(name);
        break;
      }
      case OPEN:
        open.push(new Set());
        break;
      case CLOSE:
        open.pop();
    }
  }
  return undefined;
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  const first = names.slice(0, MAX_LISTED).map(shown).join(', ');
  return names.length > MAX_LISTED ? `${first} and ${names.length - MAX_LISTED} more` : first;
}

/** Levenshtein's. */
function distanceOf(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (above[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(swap, (above[j] as number) + 1, (row[j - 1] as number) + 1));
    }
    above = row;
  }
  return above[b.length] as number;
}
