/** What the real schema says of the table that a row goes to, and what is said of a row that does not fit it. */
import type { Db, Prepared } from './driver.js';
import { type EntryFault } from './outage.js';
import type { Value } from './params.js';
export interface Table {
    /** As the schema spells it. */
    readonly name: string;
    /** By name, and by the name in lower case. */
    readonly columns: ReadonlyMap<string, Column>;
    /** What tells its rows apart, quoted; none where nothing does. */
    readonly key: readonly string[];
    readonly hasRowid: boolean;
    /** VACUUM may give its rows other rowids. */
    readonly isRenumbered: boolean;
    readonly exists: Prepared | undefined;
    /** What has been worked out for the fields of rows; see shapeOf(). */
    readonly shapes: Map<string, Shape>;
}
/** The columns of rows with the same fields, and the statements that insert them. */
export interface Shape {
    readonly columns: readonly Column[];
    readonly inserts: Map<string, Insert>;
}
/** @returns the key of the row, undefined when none was written. */
export type Insert = (values: readonly Value[]) => readonly unknown[] | undefined;
export interface Column {
    readonly at: number;
    readonly name: string;
    readonly isGenerated: boolean;
}
/**
 * @param missing the hint when there is no such table.
 * @throws EntryFault BAD_ROW when no row may go there.
 */
export declare function readTable(db: Db, wanted: string, missing: string): Table;
/** @throws EntryFault BAD_ROW when the table has no such columns. */
export declare function shapeOf(table: Table, fields: readonly string[]): Shape;
export declare function noKey({ name }: Table): EntryFault;
