/**
 * Structured rows (../row.ts) as statements for a PostgreSQL server, so that they go along with the others of a batch.
 *
 * Tables are looked up before the batch is sent, once a connection. Who finds a row at odds with an older look (Stale)
 * looks again; and behind an entry that may change the schema a batch ends, for its effect can't be seen before.
 *
 * `_queue_hashes(tbl, hash, row_key, source, at)` is that of SQLite (../rows.ts), but `row_key` is the JSON array of the
 * primary key: nothing else lasts. A table without one has no such key, and there the hash alone decides, whether its
 * row is still there or not. Two sessions that insert the same content at once break the key of this table: the later
 * one does the same again, and finds it.
 */
import { EntryFault } from '../outage.ts';
import { HASHES } from '../plan.ts';
import {
  badRow,
  checkHash,
  closeTo,
  fieldValue,
  hashOf,
  type OnConflict,
  quoteName,
  type Row,
  shown,
} from '../row.ts';
import { isConflict, isOutage, ownFault } from './errors.ts';
import type { Step, Value } from './params.ts';
import type { Session } from './session.ts';
import { type Column, findTable, type Table } from './tables.ts';

export interface RowSteps {
  /** The last of them says by its tag how many rows were written. */
  readonly body: readonly Step[];
  readonly values: readonly Value[];
}

/** What is known of a table is old, and may be why a row does not fit. */
export class Stale extends Error {}

interface Known {
  readonly table: Table | EntryFault;
  /** Looked up for this batch. */
  isFresh: boolean;
}

const CREATE_TRIES = 5;

export class Rows {
  readonly #session: Session;
  readonly #tables = new Map<string, Known>();
  #connection = 0;
  /** Whether the database has the table of hashes, or why it can't. */
  #hashes: boolean | EntryFault = false;
  #isHashesKnown = false;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Looks up what these rows need and is not known. @throws Outage. */
  async learn(rows: readonly Row[]): Promise<void> {
    if (this.#connection !== this.#session.connections) this.forget();
    this.#connection = this.#session.connections;
    for (const known of this.#tables.values()) known.isFresh = false;
    if (rows.length === 0) return;
    if (!this.#isHashesKnown) this.#hashes = await this.#hasHashes();
    this.#isHashesKnown = true;
    const isNeeded = rows.some(({ hashFields, contentHash }) => (hashFields ?? contentHash) !== undefined);
    if (isNeeded && this.#hashes === false) this.#hashes = await this.#makeHashes();
    for (const name of new Set(rows.map(({ table }) => table))) {
      if (!this.#tables.has(name)) this.#tables.set(name, { table: await this.#find(name), isFresh: true });
    }
  }

  forget(): void {
    this.#tables.clear();
    this.#isHashesKnown = false;
  }

  isFresh(row: Row): boolean {
    return this.#tables.get(row.table)?.isFresh === true;
  }

  /** @throws EntryFault BAD_ROW; call learn() before. */
  steps(row: Row): RowSteps {
    checkHash(row);
    const table = this.#tables.get(row.table)?.table;
    if (table === undefined || table instanceof EntryFault) throw table ?? badRow('its table is not known');
    const fields = Object.keys(row.data);
    if (fields.length === 0) throw badRow('data holds no field: there is nothing to insert');
    const columns = fields.map((field) => columnOf(table, field));
    const again = fields.find((_field, at) => columns.indexOf(columns[at] as Column) < at);
    if (again !== undefined)
      throw badRow(`data has two fields for the column ${shown(again)} of ${shown(table.name)}`);
    const values = fields.map((field, at) => textFor(row.data[field], field, columns[at] as Column));
    const hash = hashOf(row);
    if (hash !== undefined && this.#hashes instanceof EntryFault) throw this.#hashes;
    if (hash?.includes('\0') || row.source?.includes('\0'))
      throw badRow('U+0000, which no text of PostgreSQL can hold, is in source or content_hash');
    return this.#stepsFor(row, table, columns, values, hash);
  }

  #stepsFor(
    { onConflict, source }: Row,
    table: Table,
    columns: readonly Column[],
    fields: readonly Value[],
    hash: string | undefined,
  ): RowSteps {
    const values = [...fields];
    const slots = fields.map((_value, at) => at);
    const add = (value: Value): number => {
      slots.push(values.push(value) - 1);
      return slots.length;
    };
    const places = columns.map(({ type }, at) => `$${at + 1}::${type}`).join(', ');
    const names = columns.map(({ name }) => quoteName(name)).join(', ');
    let insert = `INSERT INTO ${table.into}(${names}) SELECT ${places}`;
    const looksAfterHashes = this.#hashes === true && (hash !== undefined || table.key.length > 0);
    if (!looksAfterHashes) {
      return { body: [{ sql: insert + conflictText(table, columns, onConflict), slots }], values };
    }
    const tbl = `$${add(table.name)}::text`;
    const content = hash === undefined ? '' : `$${add(hash)}::text`;
    if (hash !== undefined)
      insert += ` WHERE NOT EXISTS (SELECT 1 FROM ${this.#table} WHERE tbl = ${tbl} AND hash = ${content})`;
    insert += conflictText(table, columns, onConflict);
    const returned = table.key.map(({ name }, at) => `${quoteName(name)} AS k${at}`);
    insert += ` RETURNING ${returned.length > 0 ? returned.join(', ') : '1 AS one'}`;
    const rowKey = `jsonb_build_array(${table.key.map((_column, at) => `w.k${at}`).join(', ')})::text`;
    const parts = [`w AS (${insert})`];
    if (table.key.length > 0)
      parts.push(
        `gone AS (DELETE FROM ${this.#table} h USING w WHERE h.tbl = ${tbl} AND h.row_key = ${rowKey})`,
      );
    if (hash !== undefined) {
      const key = table.key.length > 0 ? rowKey : 'NULL';
      const more = `$${add(source ?? null)}::text, $${add(String(Date.now()))}::bigint`;
      parts.push(`noted AS (INSERT INTO ${this.#table} SELECT ${tbl}, ${content}, ${key}, ${more} FROM w)`);
    }
    const write = { sql: `WITH ${parts.join(', ')} SELECT 1 FROM w`, slots };
    if (hash === undefined || table.key.length === 0) return { body: [write], values };
    return { body: [this.#dropStaleClaim(table, fields.length), write], values };
  }

  /** The hash counts only while its row is there. @param at where the table's name is in the values; then the hash. */
  #dropStaleClaim({ into, key }: Table, at: number): Step {
    const same = key.map(
      ({ name, type }, index) => `r.${quoteName(name)} = (h.row_key::jsonb ->> ${index})::${type}`,
    );
    const sql =
      `DELETE FROM ${this.#table} h WHERE h.tbl = $1 AND h.hash = $2 ` +
      `AND NOT EXISTS (SELECT 1 FROM ${into} r WHERE ${same.join(' AND ')})`;
    return { sql, slots: [at, at + 1] };
  }

  get #table(): string {
    return `${this.#session.schema}.${HASHES}`;
  }

  async #find(name: string): Promise<Known['table']> {
    try {
      return await findTable(this.#session, name);
    } catch (error) {
      if (error instanceof EntryFault) return error;
      throw error;
    }
  }

  async #hasHashes(): Promise<boolean> {
    const sql = `SELECT to_regclass('${this.#table.replaceAll("'", "''")}') IS NOT NULL`;
    const [result] = await this.#session.run([[{ sql }]], { fresh: true, keepRows: true });
    if (result?.error) throw ownFault(result.error);
    return result?.rows[0]?.[0] === 't';
  }

  async #makeHashes(): Promise<true | EntryFault> {
    const create = [
      `CREATE TABLE IF NOT EXISTS ${this.#table}(tbl text NOT NULL, hash text NOT NULL, row_key text, ` +
        'source text, at bigint NOT NULL, PRIMARY KEY (tbl, hash))',
      `CREATE INDEX IF NOT EXISTS ${HASHES}_rows ON ${this.#table}(tbl, row_key)`,
    ].map((sql) => ({ sql }));
    for (let tries = 0; ; tries++) {
      const [made] = await this.#session.run([create], { fresh: true });
      const error = made?.error;
      if (!error) return true;
      // Two at once: one is told that something of it is there already.
      if (tries < CREATE_TRIES && /^(23505|42P07|42710|40001|XX000)$/.test(error.code)) continue;
      if (isOutage(error.code) || isConflict(error.code) || error.code === '25006') throw ownFault(error);
      return badRow(`the table of hashes can't be made: ${error.message} (${error.code})`);
    }
  }
}

/** Which rows DO UPDATE is for: those of the primary key, or of the only other unique key. */
function conflictText(table: Table, columns: readonly Column[], onConflict: OnConflict | undefined): string {
  if (onConflict === undefined) return '';
  if (onConflict === 'ignore') return ' ON CONFLICT DO NOTHING';
  const [unique, ...others] = table.uniques;
  const target = table.key.length > 0 ? table.key : others.length > 0 ? undefined : unique;
  if (target === undefined) {
    const why = unique ? 'several unique keys' : 'no unique key';
    throw badRow(
      `on_conflict ${onConflict} needs a key, and ${shown(table.name)} has no primary key and ${why}`,
      'Give it a PRIMARY KEY, or use ignore.',
    );
  }
  // What was not given is the column's default there.
  const written = onConflict === 'update' ? columns : table.columns.filter(({ isGenerated }) => !isGenerated);
  const set = written.map(({ name }) => `${quoteName(name)} = excluded.${quoteName(name)}`);
  return ` ON CONFLICT (${target.map(({ name }) => quoteName(name)).join(', ')}) DO UPDATE SET ${set.join(', ')}`;
}

function columnOf({ name, columns }: Table, field: string): Column {
  const folded = field.toLowerCase();
  const column =
    columns.find((one) => one.name === field) ?? columns.find((one) => one.name.toLowerCase() === folded);
  if (column === undefined) {
    const others = columns.filter(({ isGenerated }) => !isGenerated).map((one) => one.name);
    throw badRow(`the table ${shown(name)} has no column ${shown(field)}; it has ${closeTo(field, others)}`);
  }
  if (!column.isGenerated) return column;
  throw badRow(`the column ${shown(column.name)} of ${shown(name)} is generated: it takes no value`);
}

/** A value as text; the column gives it its type. */
function textFor(value: unknown, field: string, { kind }: Column): Value {
  if (typeof value === 'boolean' && kind !== 'other') return String(value);
  const plain = fieldValue(value, field);
  if (plain === null) return null;
  const text = String(plain);
  if (text.includes('\0'))
    throw badRow(`the field ${shown(field)} holds U+0000, which no text of PostgreSQL can hold`);
  return text;
}
