import type { Row } from '../sink/row.js';
import type { TakenFile } from './place.js';
export interface Failure {
    readonly code: string;
    readonly message: string;
    readonly hint?: string;
}
export type Parsed = {
    readonly kind: 'blank';
} | {
    readonly kind: 'row';
    readonly row: Row;
    /** The line as it goes into queue.log.bak, without the newline. */
    readonly kept: () => Buffer;
    /** The line as the program wrote it. */
    readonly line: Buffer;
} | {
    readonly kind: 'malformed';
    readonly reason: string;
};
/** A line in a file, with what it says. */
export interface Item {
    readonly start: number;
    readonly next: number;
    /** From 1. */
    readonly number: number;
    readonly bytes: Buffer | undefined;
    readonly parsed: Parsed;
}
/** @param lineFile the name of the file that has the line, when it is too long to be held. */
export declare function parseLine(file: TakenFile, start: number, bytes: Buffer | undefined, lineFile?: string): Parsed;
/** The record of a line that is none. */
export declare function errorRecord(file: TakenFile, item: Item, at: string): string;
/** The record of a line that the database refused. */
export declare function failureRecord(file: TakenFile, item: Item, failure: Failure, at: string): string;
