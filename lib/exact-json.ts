/**
 * JSON that keeps numbers as they are.
 *
 * A BigInt is written with all its digits. A number is written so that reading it gives the same number, and never
 * looks like an integer that it is not: 2**60 as digits would be 1152921504606847000, and 1e20 no 64-bit integer at
 * all, so whole numbers beyond 2^53 get an exponent. Infinity is 9e999, as SQLite's own tools write it. Only NaN
 * becomes null, as it does in SQLite.
 */

/** Deeper, it is not looked for. */
const MAX_LEVELS = 100;

/** @throws as JSON.stringify does, for a circle. */
export function exactJson(value: unknown, space?: number): string {
  // The callback costs several times what the rest does.
  return isPlain(value) ? JSON.stringify(value, undefined, space) : JSON.stringify(value, exactItem, space);
}

/** True when JSON.stringify alone writes it exactly; false when in doubt. */
function isPlain(value: unknown, levels = MAX_LEVELS): boolean {
  if (typeof value === 'number')
    return Number.isSafeInteger(value) ? !Object.is(value, -0) : Number.isFinite(value) && value % 1 !== 0;
  if (typeof value !== 'object' || value === null) return typeof value !== 'bigint';
  if (levels === 0 || 'toJSON' in value) return false;
  for (const name in value) if (!isPlain((value as Record<string, unknown>)[name], levels - 1)) return false;
  return true;
}

/**
 * The value of JSON text, whole numbers as BigInt and the others as they are.
 * @throws SyntaxError.
 */
export function parseExactJson(text: string): unknown {
  return parseNumbers(text, (source, value) => (WHOLE.test(source) ? BigInt(source) : value));
}

/** A number as it was written; JSON.stringify gives that text. */
export interface RawNumber {
  readonly rawJSON: string;
}

interface RawJson {
  rawJSON(text: string): RawNumber;
  isRawJSON(value: unknown): value is RawNumber;
}

/** V8 11.4, Node 21; the type library does not know it yet. */
export const { rawJSON, isRawJSON } = JSON as unknown as RawJson;

/** A whole number as it stands in JSON. */
export const WHOLE = /^-?\d+$/;

/**
 * The value of JSON text, each number made of what stands there.
 * @throws SyntaxError.
 */
export function parseNumbers(text: string, numberOf: (source: string, value: number) => unknown): unknown {
  type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;
  const revive: Reviver = (_key, value, { source = '' }) =>
    typeof value === 'number' ? numberOf(source, value) : value;
  return JSON.parse(text, revive as (key: string, value: unknown) => unknown);
}

function exactItem(_key: string, item: unknown): unknown {
  if (typeof item === 'bigint') return rawJSON(item.toString());
  if (typeof item !== 'number') return item;
  if (Number.isSafeInteger(item)) return Object.is(item, -0) ? rawJSON('-0.0') : item;
  if (Number.isInteger(item)) return rawJSON(item.toExponential());
  return Math.abs(item) === Number.POSITIVE_INFINITY ? rawJSON(item > 0 ? '9e999' : '-9e999') : item;
}
