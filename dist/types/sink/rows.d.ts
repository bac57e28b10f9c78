/**
 * Writing structured rows (row.ts) into one SQLite database, on a connection that has a transaction open.
 *
 * Names are looked up in the real schema and quoted; values are bound. What was read of the schema is read again when
 * its version changes, and once more before a row is refused for it: a rollback gives a version back, so the next
 * change may have the same number.
 *
 * With the row goes its hash (hashes.ts). What is written into a row, or into the place of one that was deleted, takes
 * the place of older hashes. A row that `ignore` left out gets no hash, for it is in no row.
 */
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
    /** @param missingTable the hint when a row's table is not there. */
    constructor(db: Db, missingTable?: string);
    /**
     * Writes one row. Call it inside a transaction; when it throws, take back what it did (a savepoint), unless the row
     * was refused before anything was written.
     * @throws EntryFault BAD_ROW, and the driver's errors.
     */
    write(row: Row): RowResult;
}
