/** Whether a database is sound: SQLite's own checks. */
import { runSql } from './sql-thread.ts';

/** At most so many problems are looked for. */
const MOST = 100;
const ORPHANS = `SELECT "table", rowid, parent FROM pragma_foreign_key_check LIMIT ${MOST}`;

export interface IntegrityOptions {
  /** Leaves out whether indexes hold what tables hold. */
  readonly quick?: boolean;
  /** Looks for rows whose parent is missing, too. The worker does not enforce foreign keys, so there may be some. */
  readonly foreignKeys?: boolean;
  readonly busyTimeout?: number;
}

/**
 * `PRAGMA integrity_check`, or quick_check, and foreign_key_check.
 * @returns the problems, no more than a hundred of each kind; none when it is sound.
 * @throws SinkOutage when it can't be opened, is no database, or is locked.
 */
export async function checkIntegrity(
  path: string,
  { quick = false, foreignKeys = false, busyTimeout = 5000 }: IntegrityOptions = {},
): Promise<string[]> {
  const pragma = `PRAGMA ${quick ? 'quick_check' : 'integrity_check'}(${MOST})`;
  const statements = foreignKeys ? [pragma, ORPHANS] : [pragma];
  const [checked = [], orphans = []] = await runSql(path, statements, { readonly: true, busyTimeout });
  return [
    ...checked.map((row) => String(Object.values(row)[0])).filter((problem) => problem !== 'ok'),
    ...orphans.map(
      ({ table, rowid, parent }) => `row ${rowid ?? '?'} of ${table} has no parent in ${parent}`,
    ),
  ];
}
