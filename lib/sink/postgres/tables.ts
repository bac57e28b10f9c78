/**
 * What rows have to know of a PostgreSQL table: its columns, and what tells its rows apart. The name is looked up as a
 * statement would: along the search path, or as SCHEMA.TABLE; as it is written, else in lower case.
 */
import { OWN_TABLES } from '../plan.ts';
import { badRow, closeTo, shown } from '../row.ts';
import { ownFault } from './errors.ts';
import type { Session } from './session.ts';

export interface Table {
  /** SCHEMA.TABLE, as messages and the table of hashes name it. */
  readonly name: string;
  /** The same, quoted. */
  readonly into: string;
  readonly columns: readonly Column[];
  /** The primary key; none where there is none. */
  readonly key: readonly Column[];
  /** Other unique keys that a conflict may be named by. */
  readonly uniques: readonly (readonly Column[])[];
}

export interface Column {
  readonly name: string;
  /** Without the length of a varchar or the like: a cast to that would cut a text off. */
  readonly type: string;
  readonly kind: 'boolean' | 'json' | 'other';
  /** It takes no value. */
  readonly isGenerated: boolean;
}

interface Found {
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
  readonly columns: readonly (readonly [
    name: string,
    type: string,
    kind: Column['kind'],
    generated: boolean,
  ])[];
  readonly uniques: readonly { readonly primary: boolean; readonly columns: readonly string[] }[];
}

const FIND = `SELECT json_build_object('schema', n.nspname, 'name', c.relname, 'kind', c.relkind,
  'columns', (SELECT coalesce(json_agg(json_build_array(a.attname, format_type(a.atttypid, -1),
      CASE WHEN b.typcategory = 'B' THEN 'boolean' WHEN b.typname IN ('json', 'jsonb') THEN 'json' ELSE 'other' END,
      a.attgenerated <> '' OR a.attidentity = 'a') ORDER BY a.attnum), '[]')
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
      JOIN pg_type b ON b.oid = CASE WHEN t.typbasetype <> 0 THEN t.typbasetype ELSE t.oid END
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  'uniques', (SELECT coalesce(json_agg(json_build_object('primary', i.indisprimary, 'columns',
      (SELECT json_agg(a.attname ORDER BY k.at) FROM unnest(i.indkey) WITH ORDINALITY AS k(attnum, at)
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum WHERE k.at <= i.indnkeyatts))), '[]')
    FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
      AND i.indpred IS NULL AND i.indexprs IS NULL))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = coalesce(to_regclass(quote_ident($1::text)), to_regclass(quote_ident(lower($1))),
  CASE WHEN strpos($1, '.') > 0 THEN
    to_regclass(quote_ident(split_part($1, '.', 1)) || '.' || quote_ident(substr($1, strpos($1, '.') + 1))) END)`;

const OTHERS = `SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND pg_table_is_visible(c.oid) AND n.nspname !~ '^pg_|^information_schema$'
ORDER BY relname LIMIT 1000`;

/** relkind, as messages name it. */
const KINDS: Readonly<Record<string, string>> = {
  v: 'a view',
  m: 'a materialized view',
  f: 'a foreign table',
  S: 'a sequence',
  i: 'an index',
  c: 'a type',
};

/** @throws EntryFault BAD_ROW when there is no such table, or none for rows; Outage. */
export async function findTable(session: Session, wanted: string): Promise<Table> {
  if (wanted.includes('\0')) throw badRow('table holds U+0000, which no name can hold');
  const [text] = await ask(session, FIND, [wanted]);
  if (text === undefined) {
    const others = (await ask(session, OTHERS)).filter((name) => !OWN_TABLES.includes(name));
    throw badRow(
      `there is no table ${shown(wanted)}; the search path has ${closeTo(wanted, others)}`,
      'Create the table first: in an entry with a smaller priority number, or with psql.',
    );
  }
  const found = JSON.parse(text) as Found;
  if (OWN_TABLES.includes(found.name) || /^(pg_|information_schema$)/.test(found.schema))
    throw badRow(`the table ${shown(wanted)} is not for rows: it is the queue's or PostgreSQL's own`);
  if (found.kind !== 'r' && found.kind !== 'p')
    throw badRow(`${shown(wanted)} is no ordinary table but ${KINDS[found.kind] ?? found.kind}`);
  return tableOf(found);
}

function tableOf({ schema, name, columns, uniques }: Found): Table {
  const all = columns.map(([column, type, kind, isGenerated]) => ({ name: column, type, kind, isGenerated }));
  const keys = uniques.map((unique) => ({
    isPrimary: unique.primary,
    columns: unique.columns.map((column) => all.find((one) => one.name === column) as Column),
  }));
  return {
    name: `${schema}.${name}`,
    into: [schema, name].map((part) => `"${part.replaceAll('"', '""')}"`).join('.'),
    columns: all,
    key: keys.find(({ isPrimary }) => isPrimary)?.columns ?? [],
    uniques: keys.filter(({ isPrimary }) => !isPrimary).map((key) => key.columns),
  };
}

async function ask(session: Session, sql: string, values: string[] = []): Promise<string[]> {
  const [result] = await session.run([[{ sql, values }]], { fresh: true, keepRows: true });
  if (result?.error) throw ownFault(result.error);
  return (result?.rows ?? []).map(([value]) => value as string);
}
