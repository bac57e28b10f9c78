/** A queue with all that the API offers; queue-write, which is to stay small, has that of enqueue.ts only. */
import { type Env, type Guard, type Queue as SmallQueue, type WriteRequest } from './enqueue.js';
import { type EnqueueManyOptions, type EnqueueManyResult } from './enqueue-many.js';
export interface Queue extends SmallQueue {
    /** See `enqueueMany`. */
    enqueueMany(requests: Iterable<WriteRequest>, options?: EnqueueManyOptions): EnqueueManyResult;
}
/** As openQueue in enqueue.ts. */
export declare function openQueue(env?: Env, guard?: Guard): Queue;
