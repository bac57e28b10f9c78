import { type Config } from '../config.js';
import { QueueError } from '../errors.js';
import { type Entry, type Params } from '../spool/entry.js';
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
    /** The job that the entry is an item of; it is told of it before the entry is in the spool. */
    job?: string;
    /** Not applied before then. */
    notBefore?: Date;
    /** Overrides QUEUE_DURABLE: fsync file and directory before return. */
    durable?: boolean;
}
/** A structured row in place of SQL: an INSERT into one table, its columns checked against the real ones. */
export interface InsertRequest extends Omit<WriteRequest, 'sql' | 'params'> {
    table: string;
    /** A value by column: text, numbers, BigInt, booleans, null; objects and arrays become their JSON. Or all as JSON. */
    data: Record<string, unknown> | string;
    /** Where it comes from; noted beside its hash. */
    source?: string;
    /** Names in `data`. A row whose hash over these was inserted before, and is still there, is skipped. */
    hashFields?: string[];
    /** In place of `hashFields`: the hash itself, any text. */
    contentHash?: string;
    /** What becomes of a row that breaks a UNIQUE or PRIMARY KEY; by default the entry fails. */
    onConflict?: 'ignore' | 'replace' | 'update';
}
export interface WriteResult {
    /** The entry's file name, or undefined after a direct write. */
    name: string | undefined;
    /** Why the spool was not used although it should have been. */
    warning?: QueueError;
    /** Of a direct write: the row was there already. */
    isDuplicateRow?: true;
}
export type Env = Readonly<Record<string, string | undefined>>;
/** Runs a direct write, as an executable does that is not to hang (cli/guard.ts). */
export type Guard = (config: Config, work: () => void) => void;
/** A spool and the configuration it is used with. */
export interface Queue {
    readonly config: Config;
    readonly spool: Spool;
    /** `enqueue` into this queue. */
    enqueue(request: WriteRequest): WriteResult;
    /** `insert` into this queue. */
    insert(request: InsertRequest): WriteResult;
}
/**
 * The queue that the environment names; touches nothing.
 * @param env default the process's own; a bad value in it is taken as the default and noted in worker.log.
 * @param guard around every direct write; by default these take the time they take.
 */
export declare function openQueue(env?: Env, guard?: Guard): Queue;
/**
 * Puts SQL into the queue that the environment named at the first call.
 * @throws QueueError BAD_ENTRY for a bad request; NOT_FOUND or USAGE when its job is not known or takes no more;
 *   ENTRY_FAILED or DATABASE when the spool could not be used and the direct write failed.
 */
export declare function enqueue(request: WriteRequest): WriteResult;
/**
 * Puts a structured row into that queue.
 * @throws QueueError BAD_ENTRY for what can't be a row, and as `enqueue`. Whether table and columns are there is found
 *   out when it is applied.
 */
export declare function insert(request: InsertRequest): WriteResult;
export type Draft = Omit<Entry, 'seq'>;
/** @throws QueueError BAD_ENTRY. */
export declare function draftOf(config: Config, request: WriteRequest): Draft;
