/**
 * Enqueues the rows of a file as items of one job, while they stream: memory holds a block of rows, whatever the file.
 *
 * The rows are enqueued in their order, a block at a time, each block registered and then published. A bad row stops it
 * behind what stands before that row, or is passed over. Whatever stops it, the rows up to some line are enqueued, once
 * each, and those from there on are not: the bookmark has the line.
 */
import { type Config, namedDatabase } from '../config.ts';
import { QueueError } from '../errors.ts';
import { isRawJSON } from '../exact-json.ts';
import type { Db } from '../sink/driver.ts';
import {
  DEFAULT_OPERATION,
  DEFAULT_PRIORITY,
  type Entry,
  MAX_ENTRY_BYTES,
  serializeEntry,
} from '../spool/entry.ts';
import type { Spool } from '../spool/layout.ts';
import { MAX_BLOCK } from '../spool/publish-many.ts';
import { openLog } from '../worker/log.ts';
import { ensureWorker } from '../worker/start.ts';
import { type ItemDraft, inJobs, publishItems } from './publish-items.ts';
import { leaveBookmark, noteBlock } from './row-bookmark.ts';
import type { RawRow, RowFile } from './row-files.ts';
import type { Value } from './row-values.ts';
import { type BadRow, isBad, type Row, readerFor } from './rows.ts';
import type { Template } from './templates.ts';

export interface RowsOptions {
  readonly template: Template;
  readonly file: RowFile;
  /** Rows that begin in a line before this one are passed over. */
  readonly fromLine?: number;
  /** The job: called when the first rows are to be published, once. */
  readonly job: () => string;
  /** That job, when it is there already. */
  readonly known?: string | undefined;
  /** Told of every bad row, which is then passed over; without it the first one stops all. */
  readonly onBad?: ((row: BadRow) => void) | undefined;
  /** Told after each piece of the file. */
  readonly onProgress?: (bytes: number) => void;
}

export interface RowsReport {
  /** undefined when there was no row, and so no job. */
  readonly job: string | undefined;
  readonly enqueued: number;
  readonly skipped: number;
}

/** Enqueueing has stopped in the middle. */
export class RowsStopped extends QueueError {
  /** The job that has the rows so far; undefined when there are none, and no job. */
  readonly job: string | undefined;
  readonly enqueued: number;
  /** The first row that is not enqueued. */
  readonly line: number;

  constructor(cause: QueueError, at: { job: string | undefined; enqueued: number; line: number }) {
    super(cause.code, cause.message, { hint: hintOf(cause, at), cause });
    this.job = at.job;
    this.enqueued = at.enqueued;
    this.line = at.line;
  }
}

const MAX_BLOCK_BYTES = 4 * 1024 * 1024;
/** An escape makes six bytes of one. */
const MAX_GROWTH = 6;
/** What an entry has beside its draft: "seq" and "job". */
const SLACK = 1024;

/**
 * The bookmark stays: whoever seals the job or leaves it open is to remove it with that, so that rows which are all in
 * are not enqueued again.
 * @throws RowsStopped for a bad row, a job that takes no more, a spool that can't be written, a file that can't be read
 *   on.
 */
export async function enqueueRows(
  db: Db,
  config: Config,
  spool: Spool,
  options: RowsOptions,
): Promise<RowsReport> {
  if (!config.useQueue) throw new QueueError('USAGE', 'rows need the queue, and USE_QUEUE is false');
  const run = new Run(db, config, spool, options);
  try {
    return await run.all();
  } catch (error) {
    if (!(error instanceof QueueError)) throw error;
    throw run.stopped(error);
  }
}

/**
 * Enqueues the template once, with its defaults, as the one item of a job.
 * @throws QueueError USAGE when a parameter has none.
 */
export function enqueueTemplate(
  db: Db,
  config: Config,
  spool: Spool,
  options: { template: Template; job: () => string },
): void {
  const { template } = options;
  if (!config.useQueue) throw new QueueError('USAGE', 'a job needs the queue, and USE_QUEUE is false');
  const absent = template.parameters.find((name) => !template.defaults.has(name));
  if (absent !== undefined) {
    throw new QueueError('USAGE', `the template ${template.path} has no value for :${absent}`, {
      hint: 'Give it one in "params", or rows with --rows FILE.',
    });
  }
  const draft = draftOf(config, template, { params: Object.fromEntries(template.defaults) });
  const named = template.item === undefined ? undefined : template.defaults.get(template.item);
  const item = named === undefined ? template.name : String(isRawJSON(named) ? named.rawJSON : named);
  const { error } = publishItems(db, spool, options.job(), [{ draft, item }], {
    durable: config.durable,
    onReset: (message) => openLog(spool)('warn', message),
  });
  if (error) throw error;
  ensureWorker(spool, () => envOfWorker(config));
}

class Run {
  readonly #db: Db;
  readonly #config: Config;
  readonly #spool: Spool;
  readonly #options: RowsOptions;
  readonly #priority: number;
  #job: string | undefined;
  #block: Row[] = [];
  #blockBytes = 0;
  #enqueued = 0;
  #skipped = 0;
  /** The first line that is not dealt with. */
  #line: number;

  constructor(db: Db, config: Config, spool: Spool, options: RowsOptions) {
    this.#db = db;
    this.#config = config;
    this.#spool = spool;
    this.#options = options;
    this.#priority = options.template.priority ?? DEFAULT_PRIORITY;
    this.#line = options.fromLine ?? 1;
    this.#job = options.known;
  }

  async all(): Promise<RowsReport> {
    const { file, template, fromLine = 1, onProgress } = this.#options;
    const reader = readerFor(template, file);
    const hasHeader = file.format !== 'jsonl';
    let isFirst = true;
    for await (const { rows, bytes } of file.read()) {
      for (const raw of rows) {
        const isHeader = isFirst && hasHeader;
        isFirst = false;
        if (raw.line < fromLine && !isHeader && !raw.isLast) continue;
        const row = reader.read(raw);
        if (row) this.#take(row, raw);
      }
      onProgress?.(bytes);
    }
    this.#flush();
    return { job: this.#job, enqueued: this.#enqueued, skipped: this.#skipped };
  }

  stopped(error: QueueError): RowsStopped {
    const at = { job: this.#job, enqueued: this.#enqueued, line: this.#line };
    try {
      const { job } = at;
      if (job !== undefined) inJobs(this.#db, () => leaveBookmark(this.#db, job, this.#line));
    } catch (second) {
      // What stopped the rows may stop this: the bookmark of the last block stays, and says as much.
      if (!(second instanceof QueueError)) throw second;
    }
    return new RowsStopped(error, at);
  }

  #take(read: Row | BadRow, raw: RawRow): void {
    const size = raw.fields.reduce((sum, field) => sum + field.length, 0);
    const row = isBad(read) ? read : this.#checkSize(read, raw, size);
    if (!isBad(row)) {
      this.#block.push(row);
      this.#blockBytes += size;
      if (this.#block.length >= MAX_BLOCK || this.#blockBytes >= MAX_BLOCK_BYTES) this.#flush();
      return;
    }
    const { file, onBad } = this.#options;
    if (!onBad || raw.isLast) {
      this.#flush();
      this.#line = row.line;
      throw new QueueError('BAD_ENTRY', `${file.name} line ${row.line} ${row.problem}`);
    }
    onBad(row);
    this.#skipped += 1;
  }

  #checkSize(row: Row, raw: RawRow, size: number): Row | BadRow {
    if (size < (MAX_ENTRY_BYTES - SLACK) / MAX_GROWTH) return row;
    const length =
      Buffer.byteLength(serializeEntry(draftOf(this.#config, this.#options.template, row) as Entry)) + SLACK;
    if (length <= MAX_ENTRY_BYTES) return row;
    const problem = `makes an entry of ${length} bytes, and one may have ${MAX_ENTRY_BYTES}`;
    return { line: row.line, problem, raw };
  }

  #flush(): void {
    if (this.#block.length === 0) return;
    const rows = this.#block;
    this.#block = [];
    this.#blockBytes = 0;
    this.#line = (rows[0] as Row).line;
    const id = this.#jobId();
    const lines = rows.map(({ line }) => line);
    const items = rows.map(
      (row): ItemDraft => ({ draft: draftOf(this.#config, this.#options.template, row), item: row.item }),
    );
    const { count, error } = publishItems(this.#db, this.#spool, id, items, {
      durable: this.#config.durable,
      onReset: (message) => openLog(this.#spool)('warn', message),
      alongside: ({ first }) => {
        const { path } = this.#options.file;
        noteBlock(this.#db, id, { path, priority: this.#priority, first, lines });
      },
    });
    this.#enqueued += count;
    this.#line = lines[count] ?? (lines.at(-1) as number) + 1;
    if (count > 0) ensureWorker(this.#spool, () => envOfWorker(this.#config));
    if (error) throw error;
  }

  #jobId(): string {
    this.#job ??= this.#options.job();
    return this.#job;
  }
}

function envOfWorker(config: Config): NodeJS.ProcessEnv {
  return { ...process.env, CLAUDE_PROJECT_DIR: config.projectRoot };
}

function draftOf(
  config: Config,
  template: Template,
  row: { params: Record<string, Value>; line?: number },
): Omit<Entry, 'seq'> {
  const { sql, operation, priority, db, schema, name, parameters } = template;
  const target = db ?? namedDatabase(config);
  return {
    priority: priority ?? DEFAULT_PRIORITY,
    operation: operation ?? DEFAULT_OPERATION,
    sql,
    ...(parameters.length === 0 ? {} : { params: row.params }),
    metadata: { template: name, ...(row.line === undefined ? {} : { line: row.line }) },
    created_at: new Date().toISOString(),
    retries: 0,
    ...(target === undefined ? {} : { db: target }),
    ...(schema === undefined ? {} : { schema }),
  };
}

function hintOf(cause: QueueError, at: { job: string | undefined; enqueued: number; line: number }): string {
  if (at.job === undefined) return cause.hint ?? 'Nothing is enqueued, and there is no job.';
  // A job that takes no more takes no more later.
  if (cause.code === 'USAGE' && at.enqueued === 0 && cause.hint !== undefined) return cause.hint;
  const rows = at.enqueued === 1 ? '1 row is' : `${at.enqueued} rows are`;
  const what = cause.code === 'BAD_ENTRY' ? `fix line ${at.line} and go on` : 'go on';
  const first = cause.hint === undefined ? '' : `${cause.hint} `;
  return `${first}${rows} enqueued as job ${at.job}; ${what} with --from-line ${at.line} --job ${at.job}`;
}
