import type { Params } from '../spool/entry.js';
import { EntryFault } from './outage.js';
import { type Value } from './params.js';
export interface Row {
    readonly table: string;
    /** By column. */
    readonly data: Readonly<Record<string, unknown>>;
    /** Where it comes from; noted beside its hash. */
    readonly source?: string;
    /** Names in `data`. A row whose hash over these was inserted before, and is still there, is a duplicate. */
    readonly hashFields?: readonly string[];
    /** In place of `hashFields`: the hash itself, any text. */
    readonly contentHash?: string;
    /** What becomes of a row that breaks a UNIQUE or PRIMARY KEY; without it, that is an error. */
    readonly onConflict?: OnConflict;
}
export type OnConflict = 'ignore' | 'replace' | 'update';
/** The names that an entry gives the parts of a row, in the order in which the call lists them. */
export declare const ROW_PARAMS: readonly ['table', 'data', 'source', 'hash_fields', 'content_hash', 'on_conflict'];
/**
 * The row in the parameters of an entry. `data` is JSON text or an object, `hash_fields` a list with commas or an
 * array.
 * @throws EntryFault BAD_ROW saying what is wrong with which of them.
 */
export declare function parseRow(params: Params | undefined): Row;
/** @throws EntryFault BAD_ROW when the row asks for two hashes, or for one over what it lacks. */
export declare function checkHash({ data, hashFields, contentHash }: Row): void;
/** The row's content hash; undefined when it asks for none. Call checkHash() before. */
export declare function hashOf({ data, hashFields, contentHash }: Row): string | undefined;
/** JSON that is the same for the same value. */
export declare function canonicalJson(value: unknown): string;
export interface InsertText {
    /** The table, quoted. */
    readonly into: string;
    /** The columns that get a value, quoted. */
    readonly columns: readonly string[];
    readonly onConflict: OnConflict | undefined;
    /** What each row that was written gives back, quoted; none: nothing. */
    readonly returning: readonly string[];
    /** How the value at an index, from 0, stands in the text. */
    readonly place: (at: number) => string;
}
/** The INSERT of a row, every value in a place of its own. `replace` is SQLite's alone. */
export declare function insertText({ into, columns, onConflict, returning, place }: InsertText): string;
/** A name as SQL takes it, whatever it holds. */
export declare function quoteName(name: string): string;
/** A name in a message: a user's text may be long, and hold line breaks. */
export declare function shown(name: string): string;
/** The names that `name` may be a slip of the pen for; all of them when none is like it. */
export declare function closeTo(name: string, names: readonly string[]): string;
export declare function badRow(message: string, hint?: string): EntryFault;
/**
 * What the value of a field is bound as.
 * @throws EntryFault BAD_ROW when it can't be.
 */
export declare function fieldValue(value: unknown, field: string): Value;
