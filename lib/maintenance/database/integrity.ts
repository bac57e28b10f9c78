/** Whether a database is sound: SQLite's own checks. */
import { type Row, runSql } from './sql-thread.ts';

/** At most so many problems are looked for. */
const MOST = 100;
export const INTEGRITY_CHECK = `PRAGMA integrity_check(${MOST})`;
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
  const pragma = quick ? `PRAGMA quick_check(${MOST})` : INTEGRITY_CHECK;
  const statements = foreignKeys ? [pragma, ORPHANS] : [pragma];
  const [checked = [], orphans = []] = await runSql(path, statements, { readonly: true, busyTimeout });
  return [
    ...problemsIn(checked),
    ...orphans.map(
      ({ table, rowid, parent }) => `row ${rowid ?? '?'} of ${table} has no parent in ${parent}`,
    ),
  ];
}

/** What the rows of such a check complain of. */
export function problemsIn(rows: readonly Row[]): string[] {
  return rows.map((row) => String(Object.values(row)[0])).filter((problem) => problem !== 'ok');
}
