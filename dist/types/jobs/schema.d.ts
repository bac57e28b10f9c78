/**
 * The tables of jobs.db. `PRAGMA user_version` counts the migrations that a file has; each is applied in a transaction
 * of its own. Only ever add to the end.
 *
 * The counters in `jobs` are kept by triggers on `job_results`, in the transaction that changes a result: they can't
 * be apart from the rows.
 */
export declare const MIGRATIONS: readonly string[];
