/**
 * The one call that an entry may make: `CALL queue_insert(:table, :data, ...)`, a structured row (row.ts).
 *
 * SQLite knows no CALL, so a program that takes such an entry for SQL refuses it. The call names those parts of the
 * row that `params` gives, in the order of ROW_PARAMS, and is all of its entry.
 */
import type { Params } from '../spool/entry.js';
import { type Row } from './row.js';
import { type Statement } from './statements.js';
/** The call for a row with these parts. */
export declare function callText(parts: readonly string[]): string;
/**
 * The parts of the row that an entry's call names; undefined when it makes none.
 * @throws EntryFault for any other call, and for one among other statements.
 */
export declare function callOf(statements: readonly Statement[]): readonly string[] | undefined;
/** @throws EntryFault BAD_PARAMS, BAD_ROW. */
export declare function rowOf(parts: readonly string[], params: Params | undefined): Row;
