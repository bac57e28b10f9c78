import { type Config } from '../config.js';
import { type Spool } from '../spool/layout.js';
export interface InitReport {
    readonly spool: string;
    readonly createdSpool: boolean;
    /** The spool's random name in ledger keys. */
    readonly identity: string;
    readonly database: string;
    readonly createdDatabase: boolean;
    /** Another connection holds the database, so that it could be seen, but not prepared. */
    readonly busy: boolean;
}
/**
 * Creates what is missing.
 * @throws QueueError SPOOL_UNSAFE, SPOOL_UNWRITABLE, DATABASE, or USAGE for a kind of database that is not known.
 */
export declare function initialize(config: Config, spool: Spool): InitReport;
