/** What the real schema says of the table that a row goes to, and what is said of a row that does not fit it. */
import type { Db, Prepared } from './driver.js';
import { type EntryFault } from './outage.js';
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
}
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
export declare function columnOf({ name, columns }: Table, field: string): Column;
export declare function twice(table: Table, fields: readonly string[]): EntryFault;
export declare function noKey({ name }: Table): EntryFault;
