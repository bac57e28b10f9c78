/**
 * Parameters in PostgreSQL's dialect: `:name` of an object, `$1` of an array.
 *
 * The server knows only `$1`, `$2` ... of one statement, and gives each of them one type. So every `:name` becomes a
 * number of its own, also where a name comes twice: a text may then be stored as it is and be read as jsonb in the same
 * statement. What is missing and what is left over is an error.
 *
 * Values travel as text, whose type the server takes from where they stand: numbers with all their digits, true and
 * false by name, objects and arrays as their JSON.
 */
import { messageOf } from '../../errors.ts';
import { exactJson } from '../../exact-json.ts';
import type { Params } from '../../spool/entry.ts';
import { EntryFault } from '../outage.ts';
import { badParams, listed, quantity } from '../params.ts';
import type { Statement } from './statements.ts';

export type Value = string | null;

export interface Step {
  readonly sql: string;
  /** For $1, $2 ... the index in the entry's values. */
  readonly slots: readonly number[];
}

export interface Binding {
  /** One key for each value: a name, or the position in the array from 0. */
  readonly keys: readonly (string | number)[];
}

/** The protocol counts them in 16 bits. */
const MAX_PARAMS = 65_535;

/** @throws EntryFault BAD_PARAMS when names and numbers are mixed. */
export function bindingOf(statements: readonly Statement[]): { binding: Binding; steps: Step[] } {
  const indexes = new Map<string | number, number>();
  const indexOf = (key: string | number): number => {
    const known = indexes.get(key);
    if (known !== undefined) return known;
    indexes.set(key, indexes.size);
    return indexes.size - 1;
  };
  const steps = statements.map(({ text, params }) => {
    if (params.length === 0) return { sql: text, slots: [] };
    let sql = '';
    let done = 0;
    const slots: number[] = [];
    const numbers = new Map<number, number>();
    for (const { name, at } of params) {
      const isNamed = name[0] === ':';
      const index = indexOf(isNamed ? name.slice(1) : Number(name.slice(1)) - 1);
      const number = (isNamed ? undefined : numbers.get(index)) ?? slots.push(index);
      numbers.set(index, number);
      sql += `${text.slice(done, at)}$${number}`;
      done = at + name.length;
    }
    if (slots.length > MAX_PARAMS) {
      const hint =
        'Split it into several entries, or pass the values as one JSON array and use json_array_elements.';
      throw badParams(`a statement has ${slots.length} parameters, and PostgreSQL takes ${MAX_PARAMS}`, hint);
    }
    return { sql: sql + text.slice(done), slots };
  });
  const keys = [...indexes.keys()];
  if (new Set(keys.map((key) => typeof key)).size > 1)
    throw badParams(
      'the SQL mixes parameters of different kinds: use only names (:name) or only numbers ($1)',
    );
  return { binding: { keys }, steps };
}

/**
 * The value for each key of the binding.
 * @throws EntryFault BAD_PARAMS naming what is missing, left over, or can't be bound.
 */
export function valuesFor({ keys }: Binding, params: Params | undefined): Value[] {
  const given = Array.isArray(params) ? params.length : Object.keys(params ?? {}).length;
  if (keys.length === 0) {
    if (given === 0) return [];
    throw badParams(`the SQL has no parameters, but params holds ${quantity(given)}`);
  }
  if (typeof keys[0] === 'string') return namedValues(keys as string[], params ?? {});
  const wanted = (keys as number[]).reduce((most, key) => Math.max(most, key), 0) + 1;
  if (keys.some((key) => (key as number) < 0))
    throw badParams('$0 in the SQL: parameters are numbered from $1');
  if (!Array.isArray(params ?? []))
    throw badParams(`the SQL has numbered parameters ($1 to $${wanted}), so params must be an array`);
  const list = (params ?? []) as unknown[];
  if (given !== wanted)
    throw badParams(`the SQL has ${quantity(wanted)}, but params holds ${quantity(given)}`);
  return keys.map((key) => toValue(list[key as number], `$${(key as number) + 1}`));
}

function namedValues(keys: readonly string[], params: Params): Value[] {
  if (Array.isArray(params)) {
    const message = `the SQL has named parameters (${listed(keys)}), so params must be an object, not an array`;
    throw badParams(message);
  }
  const absent = keys.filter((key) => !Object.hasOwn(params, key));
  const used = new Set(keys);
  const surplus = Object.keys(params).filter((key) => !used.has(key));
  const unused = surplus.length > 0 ? `params holds what the SQL does not use: ${listed(surplus)}` : '';
  if (absent.length > 0) {
    throw badParams(
      `the SQL has parameters without a value: ${listed(absent)}${unused && `; ${unused}`}`,
      'Give each one as NAME=VALUE, --param NAME=VALUE or in params.',
    );
  }
  if (unused) throw badParams(unused);
  return keys.map((key) => toValue(params[key], `:${key}`));
}

function toValue(value: unknown, name: string): Value {
  switch (typeof value) {
    case 'string':
      return checked(value, name);
    case 'bigint':
    case 'number':
    case 'boolean':
      return String(value);
    case 'object':
      return value === null ? null : toJson(value, name);
    default:
      throw badParams(`parameter ${name} is ${typeof value}, which has no place in a database`);
  }
}

function toJson(value: object, name: string): Value {
  if (ArrayBuffer.isView(value)) {
    const hint = "Pass it as hex and use decode(:name, 'hex').";
    throw badParams(`parameter ${name} is binary: an entry can't carry bytes`, hint);
  }
  if ('toJSON' in value && typeof value.toJSON === 'function') return toValue(value.toJSON(), name);
  try {
    return checked(exactJson(value), name);
  } catch (error) {
    if (error instanceof EntryFault) throw error;
    throw badParams(`parameter ${name} can't be written as JSON: ${messageOf(error)}`);
  }
}

function checked(text: string, name: string): string {
  if (!text.isWellFormed())
    throw badParams(`parameter ${name} holds a lone surrogate, which no UTF-8 text can hold`);
  if (text.includes('\0'))
    throw badParams(`parameter ${name} holds U+0000, which no text of PostgreSQL can hold`);
  return text;
}
