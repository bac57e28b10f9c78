import type { Db } from './driver.js';
import { type Row } from './row.js';
export { type OnConflict, parseRow, type Row } from './row.js';
/**
 * `written`: inserted, or in the place of another row (`replace`, `update`). `duplicate`: nothing was written, because
 * its hash is known, `ignore` met a conflict, or a trigger said RAISE(IGNORE).
 */
export type RowResult = 'inserted' | 'written' | 'duplicate';
export declare class RowWriter {
    #private;
    constructor(db: Db);
    /**
     * Writes one row. Call it inside a transaction; when it throws, take back what it did (a savepoint), unless the row
     * was refused before anything was written.
     * @throws EntryFault BAD_ROW, and the driver's errors.
     */
    write(row: Row): RowResult;
}
