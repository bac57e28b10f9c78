/**
 * Many writes at once, some five times as fast as one after the other.
 *
 * Each has what `enqueue` promises: it is in the spool, whole, with `durable` on disk, or the database has it. They are
 * taken from the iterable as they are needed, a block at a time, and applied in their order if their priorities are the
 * same. When it throws, those before some request are in and no other is: `EnqueueStopped.enqueued` says how many.
 */

import { QueueError } from '../errors.ts';
import { openJobs } from '../jobs/database.ts';
import { type ItemDraft, publishItems } from '../jobs/publish-items.ts';
import type { Db } from '../sink/driver.ts';
import { MAX_BLOCK, nameBlock, type Published, publishBlock } from '../spool/publish-many.ts';
import { openLog } from '../worker/log.ts';
import { ensureWorker } from '../worker/start.ts';
import { draftOf, type Env, type Queue, type WriteRequest } from './enqueue.ts';

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
export class EnqueueStopped extends QueueError {
  /** So many of the requests are in, the first ones. */
  readonly enqueued: number;

  constructor(cause: QueueError, enqueued: number) {
    const hint = cause.hint === undefined ? '' : `${cause.hint} `;
    super(cause.code, cause.message, {
      hint: `${hint}The first ${enqueued} requests are enqueued, the others are not.`,
      cause,
    });
    this.enqueued = enqueued;
  }
}

const MAX_BLOCK_CHARACTERS = 4 * 1024 * 1024;

/**
 * Enqueues all of them.
 * @throws EnqueueStopped for a bad request, a job that takes no more items, a spool that can't be written (where there
 *   is no job, the database is written directly then, as `enqueue` does); what the iterable throws, with all that it had
 *   given before enqueued.
 */
export function enqueueMany(
  queue: Queue,
  env: Env,
  requests: Iterable<WriteRequest>,
  options: EnqueueManyOptions = {},
): EnqueueManyResult {
  const run = new Run(queue, env, options);
  try {
    try {
      for (const request of requests) run.take(request);
    } finally {
      run.flush();
    }
    return run.result();
  } catch (error) {
    throw error instanceof QueueError ? new EnqueueStopped(error, run.result().enqueued) : error;
  } finally {
    run.close();
  }
}

class Run {
  readonly #queue: Queue;
  readonly #env: Env;
  readonly #options: EnqueueManyOptions;
  readonly #durable: boolean;
  #db: Db | undefined;
  #requests: WriteRequest[] = [];
  #items: ItemDraft[] = [];
  #characters = 0;
  #enqueued = 0;
  #warning: QueueError | undefined;
  #hasFailed = false;

  constructor(queue: Queue, env: Env, options: EnqueueManyOptions) {
    this.#queue = queue;
    this.#env = env;
    this.#options = options;
    this.#durable = options.durable ?? queue.config.durable;
    if (options.job === undefined) return;
    if (!queue.config.useQueue) {
      throw new QueueError('USAGE', 'a job needs the queue, and USE_QUEUE is false');
    }
    this.#db = openJobs(queue.spool);
  }

  take(request: WriteRequest): void {
    const { job } = this.#options;
    if (request.job !== undefined && request.job !== job) {
      throw new QueueError('BAD_ENTRY', `a request has the job '${request.job}' of its own`, {
        hint: 'Name the job in the options: it is one for all.',
      });
    }
    if (request.durable !== undefined && request.durable !== this.#durable) {
      throw new QueueError('BAD_ENTRY', 'a request has a "durable" of its own', {
        hint: 'Say it in the options: it is one for all.',
      });
    }
    // Checked here, so that a bad one is told from those before it.
    const draft = draftOf(this.#queue.config, request);
    this.#requests.push(request);
    this.#items.push({ draft });
    this.#characters += request.sql.length + sizeOf(request.params);
    if (this.#items.length >= MAX_BLOCK || this.#characters >= MAX_BLOCK_CHARACTERS) this.flush();
  }

  flush(): void {
    const requests = this.#requests;
    const items = this.#items;
    // When it has failed, the rest is not to follow.
    if (items.length === 0 || this.#hasFailed) return;
    this.#requests = [];
    this.#items = [];
    this.#characters = 0;
    const { count, error } = this.#published(items);
    this.#enqueued += count;
    const { spool, config } = this.#queue;
    if (count > 0) {
      ensureWorker(spool, () => ({ ...this.#env, CLAUDE_PROJECT_DIR: config.projectRoot }));
    }
    if (!error) return;
    this.#hasFailed = true;
    if (this.#db) throw error;
    this.#oneByOne(requests.slice(count));
    this.#hasFailed = false;
  }

  result(): EnqueueManyResult {
    return { enqueued: this.#enqueued, ...(this.#warning ? { warning: this.#warning } : {}) };
  }

  close(): void {
    this.#db?.close();
  }

  #published(items: readonly ItemDraft[]): Published {
    const { spool, config } = this.#queue;
    const onReset = (message: string): void => openLog(spool)('warn', message);
    try {
      if (this.#db) {
        const job = this.#options.job as string;
        return publishItems(this.#db, spool, job, items, { durable: this.#durable, onReset });
      }
      // Not in the queue at all: one by one, directly.
      if (!config.useQueue) return { count: 0, error: new QueueError('USAGE', 'USE_QUEUE is false') };
      const drafts = items.map(({ draft }) => draft);
      return publishBlock(spool, nameBlock(spool, drafts, onReset), this.#durable);
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      return { count: 0, error };
    }
  }

  /** The spool did not take them: `enqueue` knows what then. */
  #oneByOne(requests: readonly WriteRequest[]): void {
    for (const request of requests) {
      const { warning } = this.#queue.enqueue({ ...request, durable: this.#durable });
      this.#warning ??= warning;
      this.#enqueued += 1;
    }
  }
}

/** Roughly: long texts are what counts. */
function sizeOf(params: WriteRequest['params']): number {
  let size = 0;
  for (const value of Object.values(params ?? {})) if (typeof value === 'string') size += value.length;
  return size;
}
