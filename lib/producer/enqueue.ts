/**
 * The TypeScript producer. When `enqueue` returns, the entry is in the spool, or the database has it; when it
 * throws, neither.
 *
 * Steps: check everything, publish (see spool/publish.ts), then see to it that a worker is there. A spool that is
 * refused or can't be written turns the call into a direct write.
 */
import { isAbsolute } from 'node:path';
import { type Config, databasePath, isUrl, loadConfig } from '../config.ts';
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
import { writeDirect } from './load-direct.ts';

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

export type Env = Readonly<Record<string, string | undefined>>;
/** Runs a direct write, as an executable does that is not to hang (cli/guard.ts). */
export type Guard = (config: Config, work: () => void) => void;

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
export function openQueue(env: Env = process.env, guard: Guard = (_config, work) => work()): Queue {
  const complaints: QueueError[] = [];
  const config = loadConfig(env, (error) => complaints.push(error));
  const spool = spoolAt(config.baseDir);
  const tellLog = (): void => {
    for (const error of complaints.splice(0))
      openLog(spool)('warn', `${error.message}; the default is taken`);
  };
  return {
    config,
    spool,
    enqueue: (request) => {
      // The worker is to work for this project, wherever this process has gone in the meantime.
      const envOfWorker = () => ({ ...env, CLAUDE_PROJECT_DIR: config.projectRoot });
      const direct = (draft: Draft): void => guard(config, () => writeDirect(config, spool, draft));
      const result = write(config, spool, request, envOfWorker, direct);
      tellLog();
      return result;
    },
  };
}

let standard: Queue | undefined;

/**
 * Puts SQL into the queue that the environment named at the first call.
 * @throws QueueError BAD_ENTRY for a bad request; ENTRY_FAILED or DATABASE when the spool could not be used and
 *   the direct write failed.
 */
export function enqueue(request: WriteRequest): WriteResult {
  standard ??= openQueue();
  return standard.enqueue(request);
}

export type Draft = Omit<Entry, 'seq'>;

function write(
  config: Config,
  spool: Spool,
  request: WriteRequest,
  envOfWorker: () => Env,
  direct: (draft: Draft) => void,
): WriteResult {
  const draft = draftOf(config, request);
  if (!config.useQueue) {
    if (draft.not_before !== undefined) throw needsQueue();
    direct(draft);
    return { name: undefined };
  }
  try {
    ensureSpool(spool);
    const onReset = (message: string): void => openLog(spool)('warn', message);
    const name = publish(spool, draft, { durable: request.durable ?? config.durable, onReset });
    ensureWorker(spool, envOfWorker);
    return { name };
  } catch (error) {
    if (!(error instanceof QueueError) || draft.not_before !== undefined) throw error;
    return instead(() => direct(draft), error);
  }
}

/** The spool did not take it: the database may. */
function instead(direct: () => void, reason: QueueError): WriteResult {
  try {
    direct();
  } catch (error) {
    if (!(error instanceof QueueError)) throw error;
    const message = `${reason.message}; and directly: ${messageOf(error)}`;
    throw new QueueError(error.code, message, { hint: reason.hint ?? error.hint ?? '', cause: error });
  }
  return { name: undefined, warning: reason };
}

/** @throws QueueError BAD_ENTRY. */
export function draftOf(config: Config, request: WriteRequest): Draft {
  const explicit = config.databaseIsExplicit && !isUrl(config.database) ? config.database : undefined;
  const db = request.db === undefined ? explicit : databasePath(request.db, config.projectRoot);
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

function needsQueue(): QueueError {
  return new QueueError('USAGE', 'a delayed entry needs the queue, and USE_QUEUE is false');
}
