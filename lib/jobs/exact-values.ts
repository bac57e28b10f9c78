/** JSON in which no number loses a digit: a whole one is a BigInt, any other one stays the text that it was. */

import { parseNumbers, rawJSON, WHOLE } from '../exact-json.ts';

/** What a plain JSON.parse might change: a whole number of 16 digits or more, a fraction, an exponent, -0. */
const DELICATE = /\d{16}|\d[.eE]|-0/;

/** @throws SyntaxError. */
export function parseExactly(text: string): unknown {
  return parseNumbers(text, (source) =>
    WHOLE.test(source) && source !== '-0' ? BigInt(source) : rawJSON(source),
  );
}

/** The same, at the cost of a plain JSON.parse where that does no harm; whole numbers are then of type number. */
export function parseQuickly(text: string): unknown {
  return DELICATE.test(text) ? parseExactly(text) : JSON.parse(text);
}
