/** What the tests of jobs share: a connection to jobs.db, jobs made by hand, and the account of one. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { openJobs } from '../../lib/jobs/database.ts';
import { type JobRow, type JobState, readJob } from '../../lib/jobs/job.ts';
import type { Db } from '../../lib/sink/driver.ts';
import { ensureSpool, spoolAt } from '../../lib/spool/layout.ts';
import type { Project } from './project.ts';

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

export interface Result {
  name: string;
  item: string;
  state: string;
  error: string | null;
  details: string | null;
}

export function resultsOf(db: Db, id: string): Result[] {
  const sql = 'SELECT name, item, state, error, details FROM job_results WHERE job_id = ? ORDER BY name';
  return db.prepare(sql).all(id) as Result[];
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
