/**
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
/** Why a direct write failed; plain data, because errors of another bundle are of another class. */
export interface DirectFailure {
    readonly code: ErrorCode;
    readonly message: string;
    readonly hint?: string;
}
/** Applies one entry to its database and commits. @returns undefined when the database has it. */
export declare function writeDirect(config: Config, spool: Spool, draft: Omit<Entry, 'seq'>): DirectFailure | undefined;
