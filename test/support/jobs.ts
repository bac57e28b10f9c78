/** What the tests of jobs share: running queue-job, templates and files of rows, jobs made by hand, and their account. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { openJobs } from '../../lib/jobs/database.ts';
import { type Fate, recordFates, registerItems } from '../../lib/jobs/items.ts';
import { type Job, type JobRow, type JobState, readJob } from '../../lib/jobs/job.ts';
import type { Db } from '../../lib/sink/driver.ts';
import { ensureSpool, spoolAt } from '../../lib/spool/layout.ts';
import type { Project, Result, RunOptions } from './project.ts';
import { entryText, logs, nameOf, startNoWorker } from './queue.ts';

/** Runs queue-job, which must leave with `code`. */
export async function queueJob(
  self: Project,
  args: readonly string[],
  code = 0,
  options: RunOptions = {},
): Promise<Result> {
  const result = await self.run('queue-job', args, options);
  assert.equal(result.code, code, `queue-job ${args.join(' ')}: ${result.stdout}${result.stderr}`);
  return result;
}

/** What it prints with --json. */
export async function json<T>(self: Project, args: readonly string[], code = 0): Promise<T> {
  return JSON.parse((await queueJob(self, [...args, '--json'], code)).stdout) as T;
}

/** Makes a job. @returns its id. */
export async function create(self: Project, ...args: string[]): Promise<string> {
  return (await queueJob(self, ['create', ...args])).stdout.trim();
}

export async function show(self: Project, id: string): Promise<Job> {
  return (await json<{ job: Job }>(self, ['show', id])).job;
}

/** Runs `work` on jobs.db. */
export function onJobs<T>(self: Project, work: (db: Db) => T): T {
  const db = openJobs(spoolAt(self.spool));
  try {
    return work(db);
  } finally {
    db.close();
  }
}

/** Registers items with entries in pending/ that log their own names. No worker is started. @returns the names. */
export function putItems(
  self: Project,
  id: string,
  count: number,
  more: Record<string, unknown> = {},
): string[] {
  startNoWorker(self);
  const names = Array.from({ length: count }, () => nameOf());
  onJobs(self, (db) =>
    registerItems(
      db,
      id,
      names.map((name, at) => ({ name, item: `item ${at}` })),
    ),
  );
  for (const name of names) putEntryOf(self, id, name, more);
  return names;
}

export function putEntryOf(
  self: Project,
  id: string,
  name: string,
  more: Record<string, unknown> = {},
): void {
  const text = entryText(logs(name), { job: id, ...more });
  writeFileSync(join(self.spool, 'pending', name), text, { mode: 0o600 });
}

/** A dead letter as the worker writes it. */
export function putLetter(self: Project, id: string, name: string, sql = logs(name)): void {
  ensureSpool(spoolAt(self.spool));
  const error = { code: 'SQLITE_ERROR', message: 'no such table', at: new Date().toISOString() };
  writeFileSync(join(self.spool, 'failed', name), entryText(sql, { job: id, error }), { mode: 0o600 });
}

/** Records what became of items. */
export function record(self: Project, id: string, names: readonly string[], fate: Partial<Fate> = {}): void {
  const fates = names.map(
    (name): Fate => ({ job: id, name, item: name, state: 'done', durationUs: 1500, ...fate }),
  );
  onJobs(self, (db) => recordFates(db, fates));
}

/** As the worker has it while a batch is in its hand. */
export function writeManifest(self: Project, names: readonly string[]): void {
  mkdirSync(join(self.spool, 'processing'), { recursive: true });
  writeFileSync(join(self.spool, 'processing', 'batch'), `deaths=0\n${names.join('\n')}\n`, { mode: 0o600 });
}

export function hasJobs(self: Project): boolean {
  return existsSync(join(self.spool, 'jobs.db'));
}

/** Writes a file of the project. @returns its path. */
export function writeIn(self: Project, name: string, content: string | Buffer): string {
  const path = join(self.dir, name);
  writeFileSync(path, content);
  return path;
}

/** Makes templates/NAME.json. */
export function template(self: Project, name: string, content: object): void {
  mkdirSync(join(self.dir, 'templates'), { recursive: true });
  writeIn(self, join('templates', `${name}.json`), JSON.stringify(content));
}

/** What a query on jobs.db gives. */
export function jobsRows(self: Project, sql: string, ...params: unknown[]): Record<string, unknown>[] {
  const db = new Database(join(self.spool, 'jobs.db'), { fileMustExist: true, timeout: 10_000 });
  try {
    return db.prepare(sql).all(...params) as Record<string, unknown>[];
  } finally {
    db.close();
  }
}

/** The job of a project that has one. */
export function onlyJob(self: Project): Record<string, unknown> {
  const jobs = jobsRows(self, 'SELECT * FROM jobs');
  assert.equal(jobs.length, 1, JSON.stringify(jobs));
  return jobs[0] as Record<string, unknown>;
}

/** jobs.db of a project, made when there is none; closed with the test. */
export function jobsOf(t: Pick<TestContext, 'after'>, self: Project): Db {
  ensureSpool(spoolAt(self.spool));
  const db = openJobs(spoolAt(self.spool), { busyTimeout: 20_000 });
  t.after(() => db.close());
  return db;
}

/** A job as it stands in the table when it was just created, with what differs. */
export function addJob(db: Db, id: string, columns: Partial<JobRow> = {}): void {
  const row = { id, name: '', created_at: Date.now(), ...columns };
  const names = Object.keys(row);
  const values = names.map((name) => `:${name}`);
  db.prepare(`INSERT INTO jobs(${names}) VALUES(${values})`).run(row);
}

export interface ItemRow {
  name: string;
  item: string;
  state: string;
  error: string | null;
  details: string | null;
}

export function resultsOf(db: Db, id: string): ItemRow[] {
  const sql = 'SELECT name, item, state, error, details FROM job_results WHERE job_id = ? ORDER BY name';
  return db.prepare(sql).all(id) as ItemRow[];
}

/** The counters of a job are those of its rows. @returns its state and them. */
export function accountOf(
  db: Db,
  id: string,
): { state: JobState; total: number; done: number; failed: number; withdrawn: number } {
  // In one transaction: others may write.
  return db.transaction(() => {
    const { state, total, processed, failed, withdrawn } = readJob(db, id);
    const rows = db
      .prepare('SELECT state, count(*) AS count FROM job_results WHERE job_id = ? GROUP BY state')
      .all(id) as { state: string; count: number }[];
    const of = (name: string): number => rows.find((row) => row.state === name)?.count ?? 0;
    assert.deepEqual(
      { total, processed, failed, withdrawn },
      {
        total: rows.reduce((sum, { count }) => sum + count, 0),
        processed: of('done') + of('failed'),
        failed: of('failed'),
        withdrawn: of('withdrawn'),
      },
      `the counters of ${id} are apart from its rows`,
    );
    return { state, total, done: processed - failed, failed, withdrawn };
  })();
}

/** Another connection, as another process has it: locks held here keep the others out. */
export function lockJobs(self: Project): () => void {
  const db = new Database(`${self.spool}/jobs.db`, { timeout: 20_000 });
  db.exec('BEGIN IMMEDIATE');
  return () => {
    if (!db.open) return;
    db.exec('ROLLBACK');
    db.close();
  };
}
