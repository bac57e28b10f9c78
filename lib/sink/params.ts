/**
 * Parameters: which ones an entry's SQL asks for, and the values that `params` gives them.
 *
 * An object gives values by name to every statement of the entry; an array gives them to the `?` of all
 * statements from left to right, or to `?NNN` by number. What is missing and what is left over is an error: SQLite
 * itself would bind NULL and say nothing.
 *
 * Values: text -> TEXT, whole number -> INTEGER, other number -> REAL, true and false -> 1 and 0, null -> NULL,
 * object and array -> their JSON as TEXT. There is no way to pass a BLOB; unhex(:name) makes one.
 */

import { messageOf } from '../errors.ts';
import { exactJson } from '../exact-json.ts';
import type { Params } from '../spool/entry.ts';
import type { Prepared } from './driver.ts';
import { EntryFault, type FaultCode } from './outage.ts';
import type { Param, Statement } from './statements.ts';

export type Value = string | bigint | number | null;

/** What an entry's SQL asks for. */
export interface Binding {
  readonly style: 'none' | 'named' | 'plain' | 'numbered' | 'mixed';
  /** One key for each value: a name, or the position in the array from 0. */
  readonly keys: readonly (string | number)[];
}

const MAX_LISTED = 20;
const NO_BINDING: Binding = { style: 'none', keys: [] };

/** One statement, ready to be prepared. */
export interface Step {
  /** As the author wrote it. */
  readonly text: string;
  /** With its parameters rewritten for binding by position, which costs half of binding by name. */
  readonly sql: string;
  /** For each bound position the index in the entry's values. */
  readonly slots: readonly number[];
  /** A parameter occurs more than once, so `sql` has ?1, ?2 ... instead of `?`. */
  readonly repeats: boolean;
  /** How often this has run; a statement without parameters is prepared only when it comes again. */
  runs: number;
  prepared: Prepared | undefined;
  /** Known once it is prepared. */
  returnsRows: boolean;
}

/** Works out the parameters of an entry and rewrites its statements. */
export function bindingOf(statements: readonly Statement[]): { binding: Binding; steps: Step[] } {
  if (statements.every(({ params }) => params.length === 0)) {
    return { binding: NO_BINDING, steps: statements.map((statement) => stepOf(statement, [])) };
  }
  const styles = new Set<Binding['style']>();
  const keys: (string | number)[] = [];
  const index = new Map<string | number, number>();
  let plain = 0;
  const keyOf = ({ name }: Param): number => {
    const named = name[0] !== '?';
    styles.add(named ? 'named' : name === '?' ? 'plain' : 'numbered');
    const key = named ? name.slice(1) : name === '?' ? plain++ : Number(name.slice(1)) - 1;
    const known = index.get(key);
    if (known !== undefined) return known;
    index.set(key, keys.length);
    return keys.push(key) - 1;
  };
  const steps = statements.map((statement) => stepOf(statement, statement.params.map(keyOf)));
  const [style = 'none'] = styles;
  return { binding: { style: styles.size > 1 ? 'mixed' : style, keys }, steps };
}

/** @param indices for each parameter in the text, in order, the index of its value. */
function stepOf({ text, params }: Statement, indices: readonly number[]): Step {
  const slots = indices.length === 0 ? indices : [...new Set(indices)];
  const repeats = slots.length < indices.length;
  const step: Step = { text, sql: text, slots, repeats, runs: 0, prepared: undefined, returnsRows: false };
  if (indices.length === 0) return step;
  let sql = '';
  let done = 0;
  params.forEach(({ name, at }, occurrence) => {
    sql += text.slice(done, at) + (repeats ? `?${slots.indexOf(indices[occurrence] as number) + 1}` : '?');
    done = at + name.length;
  });
  return { ...step, sql: sql + text.slice(done) };
}

/** The arguments that bind `values` to one step. */
export function argumentsOf(step: Step, values: readonly Value[]): Value[] | Record<string, Value> {
  if (!step.repeats) {
    const { slots } = step;
    // Most entries have one statement, whose parameters are all of the values in their order.
    if (slots.length === values.length && isInOrder(slots)) return values as Value[];
    return slots.map((slot) => values[slot] as Value);
  }
  const byNumber: Record<string, Value> = {};
  step.slots.forEach((slot, at) => {
    byNumber[at + 1] = values[slot] as Value;
  });
  return byNumber;
}

function isInOrder(slots: readonly number[]): boolean {
  for (let at = 0; at < slots.length; at++) if (slots[at] !== at) return false;
  return true;
}

/**
 * The value for each key of the binding.
 * @throws EntryFault BAD_PARAMS naming what is missing, left over, or can't be bound.
 */
export function valuesFor(binding: Binding, params: Params | undefined): readonly Value[] {
  if (binding.style === 'named' && !Array.isArray(params)) return namedValues(binding, params ?? {});
  const given = Array.isArray(params) ? params.length : Object.keys(params ?? {}).length;
  switch (binding.style) {
    case 'none':
      if (given === 0) return [];
      throw badParams(
        `the SQL has no parameters, but params holds ${quantity(given)}${namesIn(params as Params)}`,
      );
    case 'mixed':
      throw badParams(
        'the SQL mixes parameters of different kinds: use only names (:name), only ? or only ?NNN',
      );
    case 'named':
      throw badParams(
        `the SQL has named parameters (${names(binding.keys)}), so params must be an object, not an array`,
      );
    default:
      return positionalValues(binding, params, given);
  }
}

function namedValues({ keys }: Binding, params: Record<string, unknown>): readonly Value[] {
  checkNames(keys, params);
  const values: Value[] = new Array(keys.length);
  for (let at = 0; at < keys.length; at++) {
    const key = keys[at] as string;
    values[at] = toValue(params[key], `parameter :${key}`);
  }
  return values;
}

/** @throws EntryFault BAD_PARAMS unless `params` has these names and no other. */
export function checkNames(keys: Binding['keys'], params: Record<string, unknown>): void {
  for (const key of keys) if (!Object.hasOwn(params, key)) throw missing(keys, params);
  const given = Object.keys(params);
  if (given.length === keys.length) return;
  const surplus = given.filter((name) => !keys.includes(name));
  throw badParams(
    `params holds what the SQL does not use: ${listed(surplus)}`,
    surplus.some((name) => /^[:@$]/.test(name)) ? "In params a name stands without its ':'." : undefined,
  );
}

function missing(keys: Binding['keys'], params: Record<string, unknown>): EntryFault {
  const absent = keys.filter((key) => !Object.hasOwn(params, key));
  const surplus = Object.keys(params).filter((name) => !keys.includes(name));
  const unused = surplus.length > 0 ? `; params holds ${listed(surplus)}` : '';
  return badParams(
    `the SQL has parameters without a value: ${names(absent)}${unused}`,
    'Give each one as NAME=VALUE, --param NAME=VALUE or in params.',
  );
}

function positionalValues({ style, keys }: Binding, params: Params | undefined, given: number): Value[] {
  // ?3 alone asks for three values: the number is the position in the array.
  const wanted = style === 'plain' ? keys.length : Math.max(...(keys as number[])) + 1;
  if (keys.some((key) => (key as number) < 0))
    throw badParams('?0 in the SQL: parameters are numbered from ?1');
  if (params !== undefined && !Array.isArray(params) && given > 0) {
    throw badParams(`the SQL has ${quantity(wanted)} without a name, so params must be an array`);
  }
  const list = (params ?? []) as unknown[];
  if (given !== wanted)
    throw badParams(`the SQL has ${quantity(wanted)}, but params holds ${quantity(given)}`);
  return keys.map((key) => toValue(list[key as number], `parameter ?${(key as number) + 1}`));
}

/**
 * What a value is bound as.
 * @param name what to call it in a message.
 * @throws EntryFault `code` when it can't be bound.
 */
export function toValue(value: unknown, name: string, code: FaultCode = 'BAD_PARAMS'): Value {
  switch (typeof value) {
    case 'string':
      if (value.isWellFormed()) return value;
      throw new EntryFault(code, `${name} holds a lone surrogate, which no UTF-8 text can hold`);
    case 'bigint':
      if (BigInt.asIntN(64, value) === value) return value;
      throw new EntryFault(
        code,
        `${name} is ${value}, which does not fit into a 64-bit INTEGER`,
        'Pass it as text.',
      );
    case 'number':
      // The driver binds every number as REAL: 5 would be stored as 5.0.
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : value;
    case 'boolean':
      return value ? 1n : 0n;
    case 'object':
      return value === null ? null : toJson(value, name, code);
    default:
      throw new EntryFault(code, `${name} is ${typeof value}, which has no place in a database`);
  }
}

function toJson(value: object, name: string, code: FaultCode): Value {
  if (ArrayBuffer.isView(value)) {
    throw new EntryFault(
      code,
      `${name} is binary: an entry can't carry a BLOB`,
      'Pass it as hex and use unhex(:name).',
    );
  }
  // A Date arrives through the spool as the string that JSON makes of it; here it must become the same.
  if ('toJSON' in value && typeof value.toJSON === 'function') return toValue(value.toJSON(), name, code);
  try {
    return exactJson(value);
  } catch (error) {
    throw new EntryFault(code, `${name} can't be written as JSON: ${messageOf(error)}`);
  }
}

export function quantity(count: number): string {
  return count === 1 ? '1 parameter' : `${count} parameters`;
}

function namesIn(params: Params): string {
  return Array.isArray(params) ? '' : `: ${listed(Object.keys(params))}`;
}

function names(keys: readonly (string | number)[]): string {
  return listed(keys.map((key) => `:${key}`));
}

/** A message is for reading: the first names tell what kind they are. */
export function listed(names: readonly string[]): string {
  const first = names.slice(0, MAX_LISTED).join(', ');
  return names.length > MAX_LISTED ? `${first} and ${names.length - MAX_LISTED} more` : first;
}

export function badParams(message: string, hint?: string): EntryFault {
  return new EntryFault('BAD_PARAMS', message, hint);
}
