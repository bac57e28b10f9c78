/**
 * Lines of a page: the same text on a terminal and in a pipe, apart from colour and width.
 *
 * A line is made of spans that are cut to the terminal's width before they are coloured, so that no line breaks and no
 * escape sequence is cut in two.
 */
import { columnsOf, fit, type Paint } from './text.ts';

export type Format = Parameters<Paint>[0];
export type Span = string | readonly [Format, string];
export type Line = readonly Span[];

export interface PageStyle {
  readonly paint: Paint;
  /** Terminal columns; Infinity in a pipe. */
  readonly columns: number;
}

export function paintLine(line: Line, { paint, columns }: PageStyle): string {
  let left = columns;
  let painted = '';
  for (const span of line) {
    const [format, text] = typeof span === 'string' ? [undefined, span] : span;
    if (text === '' || left < 1) continue;
    const cut = fit(text, left);
    left -= columnsOf(cut);
    painted += format === undefined ? cut : paint(format, cut);
    if (cut !== text) break;
  }
  return painted;
}
