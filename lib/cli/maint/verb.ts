/** What the commands of queue-maint share: which queue and database it is about. */
import { type Config, databasePath, isUrl, loadConfig } from '../../config.ts';
import { type Spool, spoolAt } from '../../spool/layout.ts';
import { usage } from '../runner.ts';

export type { Verb } from '../verb.ts';

/** Options that most of them have. */
export const COMMON = {
  db: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;

/** The exit codes of commands that judge: health and the routines. */
export const STATE_EXIT = { ok: 0, warning: 1, critical: 2 } as const;

export interface Where {
  readonly config: Config;
  readonly spool: Spool;
  /** The absolute path of the SQLite database. */
  readonly database: string;
}

/**
 * Which queue and database: --db, a path from the working directory, or HIVE_DB.
 * @throws QueueError USAGE when it is no SQLite database; CONFIG.
 */
export function whereOf(values: { db?: string | undefined }): Where {
  // The configuration stays that of the queue: an entry that names no database is HIVE_DB's, whatever --db says.
  const where = { ...anyDatabaseOf(values), config: loadConfig() };
  if (isUrl(where.database)) {
    throw usage(
      'queue-maint looks after SQLite databases, and this is a URL',
      'Use the tools of that database; entries waiting in the spool are safe meanwhile.',
    );
  }
  return where;
}

/**
 * The same where a URL will do; the configuration is that of the database.
 * @throws QueueError USAGE, CONFIG.
 */
export function anyDatabaseOf(values: { db?: string | undefined }): Where {
  const config = loadConfig();
  if (values.db === '') throw usage('--db is empty');
  const database = values.db === undefined ? config.database : databasePath(values.db, process.cwd());
  return { config: { ...config, database }, spool: spoolAt(config.baseDir), database };
}
