/** What the tests of jobs share: queue-job, templates, and what jobs.db says. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Project, Result, RunOptions } from './project.ts';

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
