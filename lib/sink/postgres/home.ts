/** Where in a database the queue is at home: the schema of its ledger, which is made when it is missing. */
import { LEDGER } from '../plan.ts';
import { Outage, ownFault } from './errors.ts';
import type { BlockResult } from './wire.ts';

const CREATE_TRIES = 5;

/** The schema of the ledger or for it, whether it is there and has `id` for a key, and what texts the database holds. */
const FIND_LEDGER = `SELECT coalesce(n.nspname, current_schema()), c.oid IS NOT NULL,
  EXISTS (SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'id'
    WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indnkeyatts = 1
      AND i.indkey[0] = a.attnum AND i.indpred IS NULL),
  current_setting('server_encoding')
FROM (SELECT to_regclass('${LEDGER}') AS oid) own
LEFT JOIN pg_class c ON c.oid = own.oid LEFT JOIN pg_namespace n ON n.oid = c.relnamespace`;

export interface Home {
  /** Quoted. */
  readonly schema: string;
  /** The database can hold every text. */
  readonly isUnicode: boolean;
}

/**
 * Finds the ledger, or makes it when one is kept; several spools may be at it at once.
 * @throws Outage.
 */
export async function findLedger(ask: (sql: string) => Promise<BlockResult>, isKept: boolean): Promise<Home> {
  for (let tries = 0; ; tries++) {
    const { error, rows } = await ask(FIND_LEDGER);
    if (error) throw ownFault(error);
    const [name, isThere, isSound, encoding] = rows[0] ?? [];
    if (!name) {
      const hint = 'Set search_path for this user, or create the schema that it names.';
      throw new Outage('3F000', 'there is no schema to keep the ledger in', { hint });
    }
    const schema = `"${name.replaceAll('"', '""')}"`;
    const home = { schema, isUnicode: /^(UTF8|SQL_ASCII)$/.test(encoding ?? '') };
    if (!isKept || (isThere === 't' && isSound === 't')) return home;
    if (isThere === 't') {
      const message = `the table ${schema}.${LEDGER} is not the queue's: it has no unique key of id alone`;
      throw new Outage('BAD_LEDGER', message, { hint: 'Rename it: the queue then makes its own.' });
    }
    const made = await ask(
      `CREATE TABLE IF NOT EXISTS ${schema}.${LEDGER}(id text PRIMARY KEY, applied_at bigint NOT NULL)`,
    );
    // Two at once: one is told that a type or a row of the catalogue is there already.
    const isRace = /^(23505|42P07|42710|40001|XX000)$/.test(made.error?.code ?? '');
    if (made.error && !(isRace && tries < CREATE_TRIES)) throw ownFault(made.error);
  }
}
