/**
 * JSON that keeps numbers as they are.
 *
 * A BigInt is written with all its digits. A number is written so that reading it gives the same number, and never
 * looks like an integer that it is not: 2**60 as digits would be 1152921504606847000, and 1e20 no 64-bit integer at
 * all, so whole numbers beyond 2^53 get an exponent. Infinity is 9e999, as SQLite's own tools write it. Only NaN
 * becomes null, as it does in SQLite.
 */
/** @throws as JSON.stringify does, for a circle. */
export declare function exactJson(value: unknown, space?: number): string;
/**
 * The value of JSON text, whole numbers as BigInt and the others as they are.
 * @throws SyntaxError.
 */
export declare function parseExactJson(text: string): unknown;
/** A whole number as it stands in JSON. */
export declare const WHOLE: RegExp;
/**
 * The value of JSON text, each number made of what stands there.
 * @throws SyntaxError.
 */
export declare function parseNumbers(text: string, numberOf: (source: string, value: number) => unknown): unknown;
