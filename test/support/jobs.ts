/** What the tests of queue-job share: running it, and jobs whose items are filled in as producers and the worker do. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openJobs } from '../../lib/jobs/database.ts';
import { type Fate, recordFates, registerItems } from '../../lib/jobs/items.ts';
import type { Job } from '../../lib/jobs/job.ts';
import type { Db } from '../../lib/sink/driver.ts';
import { ensureSpool, spoolAt } from '../../lib/spool/layout.ts';
import type { Project, Result, RunOptions } from './project.ts';
import { entryText, logs, nameOf, startNoWorker } from './queue.ts';

/** Runs queue-job, which must leave with `code`. */
export async function job(
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
  return JSON.parse((await job(self, [...args, '--json'], code)).stdout) as T;
}

/** Makes a job. @returns its id. */
export async function create(self: Project, ...args: string[]): Promise<string> {
  return (await job(self, ['create', ...args])).stdout.trim();
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

/** State and counters must be those of the rows. */
export function assertCounters(self: Project, id: string): void {
  onJobs(self, (db) => {
    const rows = db
      .prepare(
        `SELECT count(*) AS total, total(state IN ('done', 'failed')) AS processed, total(state = 'failed') AS failed,
           total(state = 'withdrawn') AS withdrawn FROM job_results WHERE job_id = ?`,
      )
      .get(id);
    const own = db.prepare('SELECT total, processed, failed, withdrawn FROM jobs WHERE id = ?').get(id);
    assert.deepEqual(own, rows);
  });
}
