/** How queue-init --verify shows its findings: one line each, the advice below what needs any. */

import { columnsOf, countOf, type Paint, paintFor, printable } from '../terminal/text.ts';
import type { Finding } from './findings.ts';

type Format = Parameters<Paint>[0];

const FORMATS: Readonly<Record<Finding['state'], Format>> = { ok: 'green', warning: 'yellow', fault: 'red' };

/** `state  what  detail`, and `->` with the advice; the last line counts. Nothing is cut: it may have to be copied. */
export function renderFindings(findings: readonly Finding[], stream: NodeJS.WriteStream): string[] {
  const paint = paintFor(stream);
  const width = Math.max(...findings.map(({ what }) => columnsOf(what)));
  const count = (wanted: Finding['state']): number => findings.filter(({ state }) => state === wanted).length;
  return [
    ...findings.flatMap(({ what, state, detail, advice }) => [
      `${paint(FORMATS[state], state.padEnd(7))}  ${what.padEnd(width)}  ${printable(detail)}`,
      ...(advice === null ? [] : [`${' '.repeat(9 + width)}  -> ${printable(advice)}`]),
    ]),
    `${count('ok')} ok, ${countOf(count('warning'), 'warning')}, ${countOf(count('fault'), 'fault')}`,
  ];
}
