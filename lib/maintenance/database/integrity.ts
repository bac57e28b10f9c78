/** Whether a database is sound: SQLite's own checks. */
import { runSql } from './sql-thread.ts';

/** At most so many problems are looked for. */
const MOST = 100;

/**
 * `PRAGMA integrity_check`, or with `quick` quick_check, which leaves out whether indexes hold what tables hold.
 * @returns the problems; none when it is sound.
 * @throws SinkOutage when it can't be opened, is no database, or is locked.
 */
export async function checkIntegrity(path: string, { quick = false } = {}): Promise<string[]> {
  const pragma = `PRAGMA ${quick ? 'quick_check' : 'integrity_check'}(${MOST})`;
  const [rows = []] = await runSql(path, [pragma], { readonly: true });
  return rows.map((row) => String(Object.values(row)[0])).filter((problem) => problem !== 'ok');
}
