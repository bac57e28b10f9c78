/**
 * What a producer needs now and then, and pays for only then: the direct write, and structured rows.
 *
 * The direct write: the same SQL, at once, without the spool. For USE_QUEUE=false and for a spool that can't be
 * written. It is recorded in the ledger, and in the journal when the spool is there, so that point-in-time
 * recovery knows of it.
 *
 * Built as dist/direct.cjs and loaded on demand (load-direct.ts): producers that only spool carry no SQL engine.
 */
import { type Config } from '../config.js';
import { type ErrorCode } from '../errors.js';
import { type Entry } from '../spool/entry.js';
import { type Spool } from '../spool/layout.js';
import type { WriteRequest } from './enqueue.js';
import type { Failure } from './load.js';
export interface DirectSuccess {
    /** It was a structured row that is there already. */
    readonly isDuplicateRow: boolean;
}
/** Applies one entry to its database and commits. */
export declare function writeDirect(config: Config, spool: Spool, draft: Omit<Entry, 'seq'>): Failure | DirectSuccess;
/**
 * The request for a row in the place of one whose parts (ROW_PARAMS, spelled as JavaScript or a command line does) stand
 * among its options. All is checked but what only the database knows.
 * @param code of the failure.
 */
export declare function rowRequest(given: object, code: ErrorCode): WriteRequest | Failure;
/** Of a URL that an entry is to name. */
export declare function checkUrl(url: string): object | Failure;
/**
 * True when the journal says of an applied entry that its row was there already. After a crash between COMMIT and the
 * journal it does not say so.
 */
export declare function wasDuplicateRow(spool: Spool, name: string): boolean;
