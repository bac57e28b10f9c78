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
export declare function paintFor(stream: NodeJS.WriteStream): Paint;
export declare const plain: Paint;
/** `text` on one line, with everything that could steer a terminal written as an escape such as \x1b. */
export declare function printable(text: string): string;
/** Like `printable`, but line breaks stay line breaks, for text that is shown in full. */
export declare function printableLines(text: string): string[];
/** Bytes of unknown kind: as text where they are UTF-8, the others as \xNN. */
export declare function printableBytes(bytes: Uint8Array): string;
/** Cuts `text` to at most `columns` terminal columns; a cut one ends in an ellipsis. */
export declare function fit(text: string, columns: number): string;
/** How many terminal columns `text` takes; it must hold no control characters. */
export declare function columnsOf(text: string): number;
/** 1536 -> '1.5 KB'; units of 1024. */
export declare function formatBytes(bytes: number): string;
/** 1 -> '1 file', 2 -> '2 files'. */
export declare function countOf(count: number, noun: string, plural?: string): string;
/** 75 -> '1 min 15 s'; the two largest units. */
export declare function formatSeconds(seconds: number): string;
/** 1234 microseconds -> '1.23 ms'. */
export declare function formatMicros(micros: number): string;
export {};
