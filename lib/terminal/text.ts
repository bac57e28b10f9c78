/**
 * Text for people: entries hold whatever a hook was given, so nothing of theirs reaches a terminal unescaped.
 *
 * Promises: `printable` leaves no control character, no bidirectional override and no line separator; `fit` never
 * returns more columns than asked for.
 */
import { styleText } from 'node:util';

type Format = Parameters<typeof styleText>[0];

/** Colours a text, or leaves it as it is. */
export type Paint = (format: Format, text: string) => string;

/** Paints for a stream: only a terminal that has colours gets them; NO_COLOR and TERM=dumb are honoured. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  if (!stream.isTTY || !stream.hasColors()) return plain;
  return (format, text) => styleText(format, text, { validateStream: false });
}

export const plain: Paint = (_format, text) => text;

/** C0, DEL and C1 controls, bidirectional overrides and isolates, line separators, lone surrogates. */
const UNSAFE = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** `text` on one line, with everything that could steer a terminal written as an escape such as \x1b. */
export function printable(text: string): string {
  return text.replace(UNSAFE, escapeOne);
}

/** Like `printable`, but line breaks stay line breaks, for text that is shown in full. */
export function printableLines(text: string): string[] {
  return text.split('\n').map(printable);
}

/** Bytes of unknown kind: as text where they are UTF-8, the others as \xNN. */
export function printableBytes(bytes: Uint8Array): string {
  try {
    return printable(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return [...bytes]
      .map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : hex(byte)))
      .join('');
  }
}

/** Cuts `text` to at most `columns` terminal columns; a cut one ends in an ellipsis. */
export function fit(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  if (columns < 1) return '';
  let used = 0;
  let kept = '';
  for (const { segment } of graphemes.segment(text)) {
    const width = widthOf(segment);
    if (used + width > columns - 1) break;
    used += width;
    kept += segment;
  }
  return `${kept}…`;
}

/** How many terminal columns `text` takes; it must hold no control characters. */
export function columnsOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let columns = 0;
  for (const { segment } of graphemes.segment(text)) columns += widthOf(segment);
  return columns;
}

/** 1536 -> '1.5 KB'; units of 1024. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** 1 -> '1 file', 2 -> '2 files'. */
export function countOf(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

/** 75 -> '1 min 15 s'; the two largest units. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  if (first === -1) return '0 s';
  const shown = parts.slice(first, first + 2).filter(([count]) => count > 0);
  return shown.map(([count, unit]) => `${count} ${unit}`).join(' ');
}

/** 1234 microseconds -> '1.23 ms'. */
export function formatMicros(micros: number): string {
  if (micros < 1000) return `${Math.round(micros)} µs`;
  return micros < 1_000_000 ? `${(micros / 1000).toFixed(2)} ms` : `${(micros / 1_000_000).toFixed(2)} s`;
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
const WIDE =
  /\p{Emoji_Presentation}|\ufe0f|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;
const ZERO = /^[\p{M}\p{Cf}]+$/u;

function widthOf(grapheme: string): number {
  if (ZERO.test(grapheme)) return 0;
  return WIDE.test(grapheme) ? 2 : 1;
}

function escapeOne(character: string): string {
  const code = character.codePointAt(0) as number;
  return SHORT[character] ?? (code <= 0xff ? hex(code) : `\\u${code.toString(16).padStart(4, '0')}`);
}

function hex(code: number): string {
  return `\\x${code.toString(16).padStart(2, '0')}`;
}
