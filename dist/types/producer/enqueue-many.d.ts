/**
 * Many writes at once, some five times as fast as one after the other.
 *
 * Each has what `enqueue` promises: it is in the spool, whole, with `durable` on disk, or the database has it. They are
 * taken from the iterable as they are needed, a block at a time, and applied in their order if their priorities are the
 * same. When it throws, those before some request are in and no other is: `EnqueueStopped.enqueued` says how many.
 */
import { QueueError } from '../errors.js';
import { type Env, type Queue, type WriteRequest } from './enqueue.js';
export interface EnqueueManyOptions {
    /** The job they are items of: it must be there and take items, and it stays open. */
    readonly job?: string;
    /** Overrides QUEUE_DURABLE for all of them. */
    readonly durable?: boolean;
}
export interface EnqueueManyResult {
    /** How many. */
    readonly enqueued: number;
    /** Why the spool was not used for some although it should have been. */
    readonly warning?: QueueError;
}
/** It has stopped in the middle. */
export declare class EnqueueStopped extends QueueError {
    /** So many of the requests are in, the first ones. */
    readonly enqueued: number;
    constructor(cause: QueueError, enqueued: number);
}
/**
 * Enqueues all of them.
 * @throws EnqueueStopped for a bad request, a job that takes no more items, a spool that can't be written (where there
 *   is no job, the database is written directly then, as `enqueue` does); what the iterable throws, with all that it had
 *   given before enqueued.
 */
export declare function enqueueMany(queue: Queue, env: Env, requests: Iterable<WriteRequest>, options?: EnqueueManyOptions): EnqueueManyResult;
