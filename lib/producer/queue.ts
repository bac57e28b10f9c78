/** A queue with all that the API offers; queue-write, which is to stay small, has that of enqueue.ts only. */

import {
  type Env,
  type Guard,
  openQueue as openSmall,
  type Queue as SmallQueue,
  type WriteRequest,
} from './enqueue.ts';
import { type EnqueueManyOptions, type EnqueueManyResult, enqueueMany } from './enqueue-many.ts';

export interface Queue extends SmallQueue {
  /** See `enqueueMany`. */
  enqueueMany(requests: Iterable<WriteRequest>, options?: EnqueueManyOptions): EnqueueManyResult;
}

/** As openQueue in enqueue.ts. */
export function openQueue(env: Env = process.env, guard?: Guard): Queue {
  const queue = openSmall(env, guard);
  return {
    ...queue,
    enqueueMany: (requests, options = {}) => enqueueMany(queue, env, requests, options),
  };
}
