/**
 * What a field of a row becomes as a parameter.
 *
 * CSV knows text only: text it is, unless the template's `types` say otherwise, and a field of another type that is
 * empty is NULL. In JSON a field has a type already: `types` check it, and read what stands there as text. An object or
 * an array is bound as its JSON text.
 */
import { messageOf } from '../errors.ts';
import { exactJson, isRawJSON, type RawNumber, rawJSON } from '../exact-json.ts';
import { parseExactly } from './exact-values.ts';

export const TYPES = ['text', 'integer', 'real', 'boolean', 'json'] as const;
export type Type = (typeof TYPES)[number];

export type Value = string | number | bigint | boolean | null | RawNumber;

const TRUE = new Set(['true', 't', 'yes', 'y', '1']);
const FALSE = new Set(['false', 'f', 'no', 'n', '0']);
const INTEGER = /^[+-]?\d+$/;
const REAL = /^([+-]?)(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const MAX_SHOWN = 40;

/** @throws Error whose message completes "the field ...". */
export function valueOfText(text: string, type: Type | undefined): Value {
  if (type === undefined || type === 'text') return text;
  const trimmed = text.trim();
  if (trimmed === '') return null;
  switch (type) {
    case 'integer':
      return integerOf(trimmed);
    case 'real':
      return realOf(trimmed);
    case 'boolean':
      return booleanOf(trimmed);
    case 'json':
      return valueOfJson(jsonOf(trimmed), undefined);
  }
}

/** @throws Error, as valueOfText does. */
export function valueOfJson(value: unknown, type: Type | undefined): Value {
  if (value === null) return null;
  if (type === undefined || type === 'json') return checked(value);
  switch (typeof value) {
    case 'string':
      return valueOfText(wellFormed(value), type);
    case 'boolean':
      if (type === 'boolean') return value;
      break;
    case 'number':
    case 'bigint':
    case 'object': {
      if (typeof value === 'object' && !isRawJSON(value)) break;
      const text = isRawJSON(value) ? value.rawJSON : String(value);
      return type === 'boolean' ? booleanOf(text) : valueOfText(text, type);
    }
  }
  throw new Error(`is ${shown(exactJson(value))}, not ${article(type)}`);
}

function checked(value: unknown): Value {
  switch (typeof value) {
    case 'string':
      return wellFormed(value);
    case 'number':
    case 'boolean':
      return value;
    case 'bigint':
      return inRange(value);
    default:
      if (isRawJSON(value)) return finite(value);
      return jsonText(value as object);
  }
}

function jsonText(value: object): string {
  try {
    return exactJson(value);
  } catch (error) {
    throw new Error(`can't be written as JSON: ${messageOf(error)}`);
  }
}

function wellFormed(text: string): string {
  if (!text.isWellFormed()) throw new Error('holds a lone surrogate, which no UTF-8 text can hold');
  return text;
}

function integerOf(text: string): bigint {
  if (!INTEGER.test(text)) throw new Error(`is ${shown(text)}, not an integer`);
  return inRange(BigInt(text.replace(/^\+/, '')));
}

function inRange(value: bigint): bigint {
  if (BigInt.asIntN(64, value) === value) return value;
  throw new Error(`is ${shown(String(value))}, which does not fit into a 64-bit INTEGER`);
}

/** JSON wants a digit before the point and behind it, and no plus. */
function realOf(text: string): RawNumber {
  const match = REAL.exec(text);
  if (!match) throw new Error(`is ${shown(text)}, not a number`);
  const [, sign, digits = '', exponent = ''] = match;
  const [whole = '', fraction = ''] = digits.split('.');
  const head = whole.replace(/^0+(?=\d)/, '') || '0';
  return finite(rawJSON(`${sign === '-' ? '-' : ''}${head}.${fraction || '0'}${exponent}`));
}

function finite(number: RawNumber): RawNumber {
  if (Number.isFinite(Number(number.rawJSON))) return number;
  throw new Error(`is ${shown(number.rawJSON)}, which is beyond what a REAL can hold`);
}

function booleanOf(text: string): boolean {
  const word = text.toLowerCase();
  if (TRUE.has(word)) return true;
  if (FALSE.has(word)) return false;
  throw new Error(`is ${shown(text)}, not a boolean (true or false)`);
}

function jsonOf(text: string): unknown {
  try {
    return parseExactly(text);
  } catch {
    throw new Error(`is ${shown(text)}, not JSON`);
  }
}

function article(type: Type): string {
  return type === 'integer' ? 'an integer' : type === 'real' ? 'a number' : `a ${type}`;
}

function shown(text: string): string {
  return text.length > MAX_SHOWN ? `'${text.slice(0, MAX_SHOWN)}...'` : `'${text}'`;
}
