/**
 * The tables of jobs.db. `PRAGMA user_version` counts the migrations that a file has; each is applied in a transaction
 * of its own. Only ever add to the end.
 *
 * The counters in `jobs` are kept by triggers on `job_results`, in the transaction that changes a result: they can't
 * be apart from the rows.
 */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE jobs(
     id TEXT PRIMARY KEY NOT NULL,
     name TEXT NOT NULL,
     state TEXT NOT NULL DEFAULT 'queued'
       CHECK (state IN ('queued', 'running', 'completed', 'failed', 'cancelled')),
     is_sealed INTEGER NOT NULL DEFAULT 0,
     expected INTEGER,
     total INTEGER NOT NULL DEFAULT 0,
     processed INTEGER NOT NULL DEFAULT 0,
     failed INTEGER NOT NULL DEFAULT 0,
     withdrawn INTEGER NOT NULL DEFAULT 0,
     meta TEXT NOT NULL DEFAULT '{}',
     template TEXT,
     after TEXT,
     not_before INTEGER,
     created_at INTEGER NOT NULL,
     started_at INTEGER,
     completed_at INTEGER,
     error TEXT
   );
   CREATE INDEX jobs_by_state ON jobs(state);
   CREATE INDEX jobs_by_completion ON jobs(completed_at);
   CREATE INDEX jobs_by_predecessor ON jobs(after) WHERE after IS NOT NULL;

   CREATE TABLE job_results(
     job_id TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
     name TEXT NOT NULL,
     item TEXT NOT NULL,
     state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'done', 'failed', 'withdrawn')),
     error TEXT,
     details TEXT,
     duration_us INTEGER,
     finished_at INTEGER,
     PRIMARY KEY (job_id, name)
   ) WITHOUT ROWID;
   CREATE INDEX job_results_failed ON job_results(job_id, finished_at) WHERE state = 'failed';

   CREATE TRIGGER job_result_comes AFTER INSERT ON job_results BEGIN
     UPDATE jobs SET
       total = total + 1,
       processed = processed + (new.state IN ('done', 'failed')),
       failed = failed + (new.state = 'failed'),
       withdrawn = withdrawn + (new.state = 'withdrawn')
     WHERE id = new.job_id;
   END;
   CREATE TRIGGER job_result_changes AFTER UPDATE OF state ON job_results WHEN new.state <> old.state BEGIN
     UPDATE jobs SET
       processed = processed + (new.state IN ('done', 'failed')) - (old.state IN ('done', 'failed')),
       failed = failed + (new.state = 'failed') - (old.state = 'failed'),
       withdrawn = withdrawn + (new.state = 'withdrawn') - (old.state = 'withdrawn')
     WHERE id = new.job_id;
   END;
   CREATE TRIGGER job_result_goes AFTER DELETE ON job_results BEGIN
     UPDATE jobs SET
       total = total - 1,
       processed = processed - (old.state IN ('done', 'failed')),
       failed = failed - (old.state = 'failed'),
       withdrawn = withdrawn - (old.state = 'withdrawn')
     WHERE id = old.job_id;
   END;

   CREATE TABLE job_history(
     id TEXT PRIMARY KEY NOT NULL,
     name TEXT NOT NULL,
     state TEXT NOT NULL,
     total INTEGER NOT NULL,
     processed INTEGER NOT NULL,
     failed INTEGER NOT NULL,
     created_at INTEGER NOT NULL,
     started_at INTEGER,
     completed_at INTEGER
   );
   CREATE INDEX job_history_by_completion ON job_history(completed_at);`,
  `CREATE TABLE job_rows(
     job_id TEXT PRIMARY KEY NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
     path TEXT NOT NULL,
     pid INTEGER,
     priority INTEGER NOT NULL,
     first INTEGER NOT NULL,
     lines TEXT NOT NULL,
     next INTEGER NOT NULL
   ) WITHOUT ROWID;`,
];
