/**
 * The TypeScript producer. When `enqueue` returns, the entry is in the spool, or the database has it; when it
 * throws, neither.
 *
 * Steps: check everything, publish (see spool/publish.ts), then see to it that a worker is there. A spool that is
 * refused or can't be written turns the call into a direct write.
 */
import { isAbsolute } from 'node:path';
import { type Config, databasePath, isUrl, loadConfig, namedDatabase } from '../config.ts';
import { messageOf, QueueError } from '../errors.ts';
import {
  checkEntry,
  checkWellFormed,
  DEFAULT_OPERATION,
  DEFAULT_PRIORITY,
  type Entry,
  type Params,
} from '../spool/entry.ts';
import { ensureSpool, type Spool, spoolAt } from '../spool/layout.ts';
import { publish } from '../spool/publish.ts';
import { openLog } from '../worker/log.ts';
import { ensureWorker } from '../worker/start.ts';
import { checkUrl, rowRequest, writeDirect } from './load-direct.ts';
import { type Place, placeInJob } from './load-jobs.ts';

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
export function openQueue(env: Env = process.env, guard: Guard = (_config, work) => work()): Queue {
  const complaints: QueueError[] = [];
  const config = loadConfig(env, (error) => complaints.push(error));
  const spool = spoolAt(config.baseDir);
  const tellLog = (): void => {
    for (const error of complaints.splice(0))
      openLog(spool)('warn', `${error.message}; the default is taken`);
  };
  const enqueue = (request: WriteRequest): WriteResult => {
    // The worker is to work for this project, wherever this process has gone in the meantime.
    const envOfWorker = () => ({ ...env, CLAUDE_PROJECT_DIR: config.projectRoot });
    const direct = (draft: Draft): WriteResult => {
      let isDuplicateRow = false;
      guard(config, () => {
        ({ isDuplicateRow } = writeDirect(config, spool, draft));
      });
      return isDuplicateRow ? { name: undefined, isDuplicateRow } : { name: undefined };
    };
    const result = write(config, spool, request, envOfWorker, direct);
    tellLog();
    return result;
  };
  return { config, spool, enqueue, insert: (request) => enqueue(rowRequest(request, 'BAD_ENTRY')) };
}

let standard: Queue | undefined;

/**
 * Puts SQL into the queue that the environment named at the first call.
 * @throws QueueError BAD_ENTRY for a bad request; NOT_FOUND or USAGE when its job is not known or takes no more;
 *   ENTRY_FAILED or DATABASE when the spool could not be used and the direct write failed.
 */
export function enqueue(request: WriteRequest): WriteResult {
  standard ??= openQueue();
  return standard.enqueue(request);
}

/**
 * Puts a structured row into that queue.
 * @throws QueueError BAD_ENTRY for what can't be a row, and as `enqueue`. Whether table and columns are there is found
 *   out when it is applied.
 */
export function insert(request: InsertRequest): WriteResult {
  standard ??= openQueue();
  return standard.insert(request);
}

export type Draft = Omit<Entry, 'seq'>;

function write(
  config: Config,
  spool: Spool,
  request: WriteRequest,
  envOfWorker: () => Env,
  direct: (draft: Draft) => WriteResult,
): WriteResult {
  const draft = draftOf(config, request);
  const needsQueue = draft.job !== undefined || draft.not_before !== undefined;
  if (!config.useQueue) {
    if (needsQueue) throw queueIsOff(draft);
    return direct(draft);
  }
  const warn = (message: string): void => openLog(spool)('warn', message);
  let place: Place | undefined;
  try {
    ensureSpool(spool);
    if (draft.job !== undefined) place = placeInJob(spool, draft, config.busyTimeout, warn);
    // Both are ISO 8601 in UTC: the later one is the greater text.
    const due = place?.notBefore ?? '';
    if (due > (draft.not_before ?? '')) draft.not_before = due;
    const name = publish(spool, draft, {
      durable: request.durable ?? config.durable,
      onReset: warn,
      claim: place?.claim,
    });
    ensureWorker(spool, envOfWorker);
    return { name };
  } catch (error) {
    place?.release();
    if (!(error instanceof QueueError) || needsQueue) throw error;
    return instead(() => direct(draft), error);
  }
}

/** The spool did not take it: the database may. */
function instead(direct: () => WriteResult, reason: QueueError): WriteResult {
  try {
    return { ...direct(), warning: reason };
  } catch (error) {
    if (!(error instanceof QueueError)) throw error;
    const message = `${reason.message}; and directly: ${messageOf(error)}`;
    throw new QueueError(error.code, message, { hint: reason.hint ?? error.hint ?? '', cause: error });
  }
}

/** @throws QueueError BAD_ENTRY. */
export function draftOf(config: Config, request: WriteRequest): Draft {
  const db = request.db === undefined ? namedDatabase(config) : databasePath(request.db, config.projectRoot);
  if (db !== undefined && isUrl(db)) checkUrl(db);
  const draft: Draft = {
    priority: request.priority ?? DEFAULT_PRIORITY,
    operation: request.operation ?? DEFAULT_OPERATION,
    sql: request.sql,
    ...(request.params === undefined ? {} : { params: request.params }),
    metadata: request.metadata ?? {},
    created_at: new Date().toISOString(),
    retries: 0,
    ...(request.id === undefined ? {} : { id: request.id }),
    ...(db === undefined ? {} : { db }),
    ...(request.schema === undefined ? {} : { schema: request.schema }),
    ...(request.job === undefined ? {} : { job: request.job }),
    ...(request.notBefore === undefined ? {} : { not_before: request.notBefore.toISOString() }),
  };
  checkEntry(draft as Entry);
  checkWellFormed(draft, 'the entry');
  // The worker is in another directory.
  if (request.schema !== undefined && !isAbsolute(request.schema)) {
    throw new QueueError(
      'BAD_ENTRY',
      `the entry has a "schema" that is no absolute path: '${request.schema}'`,
    );
  }
  return draft;
}

function queueIsOff({ job }: Draft): QueueError {
  const what = job === undefined ? 'a delayed entry' : "a job's entry";
  return new QueueError('USAGE', `${what} needs the queue, and USE_QUEUE is false`);
}
