import { EntryFault } from './outage.js';
export interface Migration {
    /** From 1. */
    readonly version: number;
    readonly title: string;
    readonly sql: string;
    /** The number of the file's line that `sql` begins with. */
    readonly line: number;
}
export interface Schema {
    readonly name: string;
    /** One at least; versions are 1, 2, 3 ... */
    readonly migrations: readonly Migration[];
}
/**
 * Which file it is that stands there, changed whenever it is replaced or written to; undefined when there is none.
 * One stat(2).
 * @throws EntryFault BAD_SCHEMA for a path that is not absolute, system errors when it can't be looked at.
 */
export declare function stampOf(path: string): string | undefined;
/**
 * Reads a file of migrations.
 * @returns the schema and the stamp of what was read; undefined when there is no such file.
 * @throws EntryFault BAD_SCHEMA when it can't be read or is not of the form above.
 */
export declare function readSchema(path: string): {
    schema: Schema;
    stamp: string;
} | undefined;
/**
 * Takes the text of a file apart.
 * @param path for messages.
 * @throws EntryFault BAD_SCHEMA naming file and line.
 */
export declare function parseSchema(text: string, path: string): Schema;
/** The entry's fault that lies in its file of migrations. */
export declare function badSchema(path: string, line: number | undefined, what: string, hint?: string): EntryFault;
/** The number of the line, from 1, that holds the character at an offset. */
export declare function lineAt(text: string, offset: number): number;
