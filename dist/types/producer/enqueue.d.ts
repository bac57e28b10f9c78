import { type Config } from '../config.js';
import { QueueError } from '../errors.js';
import { type Params } from '../spool/entry.js';
import { type Spool } from '../spool/layout.js';
export interface WriteRequest {
    sql: string;
    /** What the entry is called in statistics; default 'write'. */
    operation?: string;
    /** 1 (first) to 10 (last); default 5. */
    priority?: number;
    metadata?: Record<string, unknown>;
    /** Bound to the statements' parameters: an object by name, an array by position. */
    params?: Params;
    /** Idempotency key: applied once for as long as the ledger of the database keeps it. */
    id?: string;
    /** Target database, when it is not the default. */
    db?: string;
    /** Absolute path of a file of migrations that the target gets before the entry is applied; see README.md. */
    schema?: string;
    job?: string;
    /** Not applied before then. */
    notBefore?: Date;
    /** Overrides QUEUE_DURABLE: fsync file and directory before return. */
    durable?: boolean;
}
export interface WriteResult {
    /** The entry's file name, or undefined after a direct write. */
    name: string | undefined;
    /** Why the spool was not used although it should have been. */
    warning?: QueueError;
}
type Env = Readonly<Record<string, string | undefined>>;
/** Runs a direct write, as an executable does that is not to hang (cli/guard.ts). */
type Guard = (config: Config, work: () => void) => void;
/** A spool and the configuration it is used with. */
export interface Queue {
    readonly config: Config;
    readonly spool: Spool;
    /** `enqueue` into this queue. */
    enqueue(request: WriteRequest): WriteResult;
}
/**
 * The queue that the environment names; touches nothing.
 * @param env default the process's own; a bad value in it is taken as the default and noted in worker.log.
 * @param guard around every direct write; by default these take the time they take.
 */
export declare function openQueue(env?: Env, guard?: Guard): Queue;
/**
 * Puts SQL into the queue that the environment named at the first call.
 * @throws QueueError BAD_ENTRY for a bad request; ENTRY_FAILED or DATABASE when the spool could not be used and
 *   the direct write failed.
 */
export declare function enqueue(request: WriteRequest): WriteResult;
export {};
