import type { Db } from './driver.js';
import type { Table } from './row-table.js';
export declare class Hashes {
    #private;
    /** @returns null when there is none and none is to be made. */
    static open(db: Db, create: boolean): Hashes | null;
    private constructor();
    /** True when the row with this content is in the table. */
    has(table: Table, hash: string): boolean;
    /** The row is this content's alone from now on; without a hash, nobody's. */
    claim(table: Table, key: readonly unknown[], hash: string | undefined, source: string | undefined): void;
    /**
     * VACUUM numbers the rows of a table anew that has neither an INTEGER PRIMARY KEY nor any index, so such a table
     * gets one: over no row, and of no column, so that it costs nothing and is in nobody's way.
     */
    keepRowids({ name }: Table): void;
}
