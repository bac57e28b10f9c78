/**
 * The time of an entry that is applied again: SQL that asks for 'now' or CURRENT_TIMESTAMP gets the time at which the
 * entry was applied first, so that a replay makes the rows that were there.
 *
 * SQLite lets a connection put functions in the place of its own; ours hand the time over to the original ones, on a
 * connection to an empty database.
 */
import { type Db } from './driver.js';
/** @param clock ISO 8601; asked each time that SQL asks for the time. */
export declare function pinTime(db: Db, clock: () => string): void;
