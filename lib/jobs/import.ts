/**
 * Takes in what exportJobs has written.
 *
 * Each job is taken in whole or not at all: its lines are checked and kept aside in a temporary table, and only when the
 * last one is there they become the job, in one transaction. The counters of its line must be those of its items, so a
 * file that was cut off is found out.
 */
import { isUtf8 } from 'node:buffer';
import { messageOf, QueueError } from '../errors.ts';
import type { Db } from '../sink/driver.ts';
import type { Spool } from '../spool/layout.ts';
import { jobsError, openJobs } from './database.ts';
import { type ImportedJob, type ImportedResult, importedJob, importedResult } from './import-lines.ts';
import { endIfDone } from './items.ts';
import { findJob, queuedOf } from './job.ts';

export interface ImportOptions {
  /** What the lines come from, for messages. */
  readonly source: string;
  /** A job that is there already is replaced instead of refused. */
  readonly replace?: boolean | undefined;
  /** Told the number of the line. */
  readonly onLine?: ((line: number) => void) | undefined;
}

export interface ImportReport {
  readonly jobs: readonly string[];
  readonly results: number;
}

interface Current {
  readonly job: ImportedJob;
  /** The number of its line. */
  readonly line: number;
  readonly counts: { total: number; processed: number; failed: number; withdrawn: number };
}

/**
 * @throws QueueError BAD_ENTRY naming file and line; the jobs before that one are in. SPOOL_UNSAFE, DATABASE.
 */
export async function importJobs(
  spool: Spool,
  chunks: AsyncIterable<Uint8Array>,
  options: ImportOptions,
): Promise<ImportReport> {
  const db = openJobs(spool);
  const jobs: string[] = [];
  let results = 0;
  let current: Current | undefined;
  let number = 0;
  const finish = (): void => {
    if (!current) return;
    db.exec('COMMIT');
    takeOver(db, current, options);
    jobs.push(current.job.id);
    results += current.counts.total;
    current = undefined;
  };
  const refuse = (why: string, line = number): never => {
    const before = jobs.length === 0 ? 'nothing was imported' : `imported before it: ${jobs.join(', ')}`;
    throw new QueueError('BAD_ENTRY', `${options.source}:${line}: ${why}`, { hint: `${before}.` });
  };
  try {
    db.exec(STAGE);
    const keep = db.prepare(KEEP);
    for await (const bytes of linesOf(chunks)) {
      number += 1;
      options.onLine?.(number);
      try {
        const value = parseLine(bytes);
        if (value === undefined) continue;
        if ('job' in value) {
          finish();
          db.exec('DELETE FROM incoming');
          current = { job: importedJob(value.job), line: number, counts: { ...NOTHING } };
          refuseTaken(db, current.job.id, options);
          // It touches nothing but the temporary table, and so locks nothing: one commit, not one a line.
          db.exec('BEGIN');
        } else {
          if (!current) throw new Error('there is a result before the first job');
          keepResult(keep, current, importedResult(value.result));
        }
      } catch (error) {
        refuse(messageOf(error), error instanceof CutOff ? error.line : number);
      }
    }
    try {
      finish();
    } catch (error) {
      refuse(messageOf(error), current?.line);
    }
    return { jobs, results };
  } catch (error) {
    throw jobsError(spool, error);
  } finally {
    db.close();
  }
}

/** What is wrong with a job shows when the next one begins: the line is that of the job. */
class CutOff extends Error {
  readonly line: number;
  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

const NOTHING = { total: 0, processed: 0, failed: 0, withdrawn: 0 };
const STAGE = `CREATE TEMP TABLE incoming(
  name TEXT PRIMARY KEY NOT NULL, item, state, error, details, duration_us, finished_at) WITHOUT ROWID`;
const KEEP = `INSERT INTO incoming VALUES
  (:name, :item, :state, :error, :details, :duration_us, :finished_at) ON CONFLICT DO NOTHING`;

function keepResult(keep: ReturnType<Db['prepare']>, { job, counts }: Current, result: ImportedResult): void {
  if (keep.run(result).changes === 0) throw new Error(`the job '${job.id}' has '${result.name}' twice`);
  counts.total += 1;
  if (result.state === 'done' || result.state === 'failed') counts.processed += 1;
  if (result.state === 'failed') counts.failed += 1;
  if (result.state === 'withdrawn') counts.withdrawn += 1;
}

function takeOver(db: Db, { job, line, counts }: Current, options: ImportOptions): void {
  for (const key of ['total', 'processed', 'failed', 'withdrawn'] as const) {
    if (job[key] === counts[key]) continue;
    throw new CutOff(`the job '${job.id}' has ${key} ${job[key]}, and its results make ${counts[key]}`, line);
  }
  try {
    db.transaction(() => {
      refuseTaken(db, job.id, options);
      db.prepare('DELETE FROM jobs WHERE id = ?').run(job.id);
      db.prepare('DELETE FROM job_history WHERE id = ?').run(job.id);
      // The results first: while there is no job, the triggers have no counter to write a million times.
      db.pragma('defer_foreign_keys = ON');
      db.prepare('INSERT INTO job_results SELECT ?, * FROM incoming').run(job.id);
      db.prepare(
        `INSERT INTO jobs(id, name, state, is_sealed, expected, total, processed, failed, withdrawn, meta, template,
           after, not_before, created_at, started_at, completed_at, error)
         VALUES (:id, :name, :state, :is_sealed, :expected, :total, :processed, :failed, :withdrawn, :meta, :template,
           :after, :not_before, :created_at, :started_at, :completed_at, :error)`,
      ).run(job);
      endIfDone(db, job.id);
    }).immediate();
  } catch (error) {
    throw new CutOff(messageOf(error), line);
  }
}

function refuseTaken(db: Db, id: string, { replace }: ImportOptions): void {
  const known = findJob(db, id);
  if (!known) return;
  if (!replace) throw new Error(`there is a job '${id}' already (--replace replaces it)`);
  const queued = queuedOf(known);
  if (queued > 0) throw new Error(`the job '${id}' has queued items (${queued}): cancel it first`);
}

/** undefined for an empty line. */
function parseLine(bytes: Buffer): { job: unknown } | { result: unknown } | undefined {
  if (!isUtf8(bytes)) throw new Error('it is not valid UTF-8');
  const text = bytes.toString().trim();
  if (text === '') return undefined;
  const value = JSON.parse(text) as unknown;
  if (typeof value === 'object' && value !== null && ('job' in value || 'result' in value)) {
    return value as { job: unknown } | { result: unknown };
  }
  throw new Error('it is neither {"job": ...} nor {"result": ...}');
}

/** A result with its error is far below this. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;

async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let bytes = Buffer.from(chunk);
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10)) {
      yield Buffer.concat([...rest, bytes.subarray(0, end)]);
      rest = [];
      size = 0;
      bytes = bytes.subarray(end + 1);
    }
    rest.push(bytes);
    size += bytes.length;
    if (size > MAX_LINE_BYTES)
      throw new QueueError('BAD_ENTRY', `a line has more than ${MAX_LINE_BYTES} bytes`);
  }
  if (size > 0) yield Buffer.concat(rest);
}
