/**
 * The ledger: which entries a database already holds.
 *
 * `_queue_ledger(id, applied_at)`: `id` is the entry's key, `applied_at` the time of its batch in milliseconds since
 * 1970 (UTC). A row is written in the transaction that applies the entry, so the two are never apart. The table
 * is always named with its schema: a TEMP table of the same name can't stand in for it.
 */
import type { Db } from './driver.js';
export declare class Ledger {
    #private;
    constructor(db: Db);
    /** Creates the table if need be and takes the time for the rows to come. Call it inside a transaction. */
    create(): void;
    /** Notes a key; false when it is there already. Call it inside a transaction, after create(). */
    note(key: string): boolean;
    /** Those of the keys that are noted. */
    find(keys: readonly string[]): Set<string>;
}
