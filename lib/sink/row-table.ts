/** What the real schema says of the table that a row goes to, and what is said of a row that does not fit it. */
import type { Db, Prepared } from './driver.ts';
import { type EntryFault, reasonOf } from './outage.ts';
import type { Value } from './params.ts';
import { OWN_TABLES } from './plan.ts';
import { badRow, closeTo, quoteName, shown } from './row.ts';

export interface Table {
  /** As the schema spells it. */
  readonly name: string;
  /** By name, and by the name in lower case. */
  readonly columns: ReadonlyMap<string, Column>;
  /** What tells its rows apart, quoted; none where nothing does. */
  readonly key: readonly string[];
  readonly hasRowid: boolean;
  /** VACUUM may give its rows other rowids. */
  readonly isRenumbered: boolean;
  readonly exists: Prepared | undefined;
  /** What has been worked out for the fields of rows; see shapeOf(). */
  readonly shapes: Map<string, Shape>;
}

/** The columns of rows with the same fields, and the statements that insert them. */
export interface Shape {
  readonly columns: readonly Column[];
  readonly inserts: Map<string, Insert>;
}

/** @returns the key of the row, undefined when none was written. */
export type Insert = (values: readonly Value[]) => readonly unknown[] | undefined;

const MAX_SHAPES = 256;

export interface Column {
  readonly at: number;
  readonly name: string;
  readonly isGenerated: boolean;
}

/**
 * @param missing the hint when there is no such table.
 * @throws EntryFault BAD_ROW when no row may go there.
 */
export function readTable(db: Db, wanted: string, missing: string): Table {
  const list = db.prepare("SELECT name, type FROM pragma_table_list WHERE schema = 'main'");
  const tables = list.all() as { name: string; type: string }[];
  const found = tables.find(({ name }) => lower(name) === lower(wanted));
  const isOurs = (name: string): boolean => OWN_TABLES.includes(lower(name)) || /^sqlite_/i.test(name);
  if (isOurs(wanted))
    throw badRow(`the table ${shown(wanted)} is not for rows: it is the queue's or SQLite's own`);
  if (found === undefined) {
    const others = tables
      .filter(({ name, type }) => type === 'table' && !isOurs(name))
      .map(({ name }) => name);
    throw badRow(`there is no table ${shown(wanted)}; the database has ${closeTo(wanted, others)}`, missing);
  }
  const { name, type } = found;
  if (type !== 'table') throw badRow(`${shown(wanted)} is no ordinary table but a ${KINDS[type] ?? type}`);
  const info = db
    .prepare("SELECT name, pk, hidden FROM pragma_table_xinfo(?, 'main') ORDER BY cid")
    .all(name) as { name: string; pk: number; hidden: number }[];
  const columns = new Map<string, Column>();
  info.forEach((column, at) => {
    const own = { at, name: column.name, isGenerated: column.hidden !== 0 };
    columns.set(lower(column.name), own).set(column.name, own);
  });
  const rowid = ['rowid', '_rowid_', 'oid'].find((alias) => !columns.has(alias));
  const hasRowid =
    rowid !== undefined && isAnswered(db, `SELECT ${rowid} FROM main.${quoteName(name)} LIMIT 0`);
  const primary = info.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk);
  const key = hasRowid ? [rowid] : primary.map((column) => quoteName(column.name));
  const condition = key.map((column) => `${column} = ?`).join(' AND ');
  const exists =
    key.length === 0 ? undefined : db.prepare(`SELECT 1 FROM main.${quoteName(name)} WHERE ${condition}`);
  const hasIndex = db.prepare("SELECT 1 FROM pragma_index_list(?, 'main')").get(name) !== undefined;
  const isRenumbered = hasRowid && primary.length === 0 && !hasIndex;
  return { name, columns, key, hasRowid, isRenumbered, exists, shapes: new Map() };
}

const KINDS: Readonly<Record<string, string>> = {
  view: 'view',
  virtual: 'virtual table',
  shadow: 'part of a virtual table',
};

/** WITHOUT ROWID: SQLite does not know the column. */
function isAnswered(db: Db, sql: string): boolean {
  try {
    db.prepare(sql);
    return true;
  } catch (error) {
    if (reasonOf(error) === 'SQLITE_ERROR') return false;
    throw error;
  }
}

/** @throws EntryFault BAD_ROW when the table has no such columns. */
export function shapeOf(table: Table, fields: readonly string[]): Shape {
  // No column's name holds a NUL: a text with another number of names is another one.
  const id = fields.join('\0');
  const known = table.shapes.get(id);
  if (known?.columns.length === fields.length) return known;
  const columns = fields.map((field) => columnOf(table, field));
  if (columns.length === 0) throw badRow('data holds no field: there is nothing to insert');
  if (new Set(columns).size < columns.length) throw twice(table, fields);
  const shape: Shape = { columns, inserts: new Map() };
  if (table.shapes.size >= MAX_SHAPES) table.shapes.clear();
  table.shapes.set(id, shape);
  return shape;
}

function columnOf({ name, columns }: Table, field: string): Column {
  const column = columns.get(field) ?? columns.get(lower(field));
  if (column === undefined) {
    const others = [...new Set([...columns.values()].filter((other) => !other.isGenerated))];
    const close = closeTo(
      field,
      others.map((other) => other.name),
    );
    throw badRow(`the table ${shown(name)} has no column ${shown(field)}; it has ${close}`);
  }
  if (!column.isGenerated) return column;
  throw badRow(`the column ${shown(column.name)} of ${shown(name)} is generated: it takes no value`);
}

function twice(table: Table, fields: readonly string[]): EntryFault {
  const [field] = fields.filter((one, at) => fields.findIndex((other) => lower(other) === lower(one)) < at);
  return badRow(`data has two fields for the column ${shown(field as string)} of ${shown(table.name)}`);
}

export function noKey({ name }: Table): EntryFault {
  return badRow(
    `the rows of ${shown(name)} can't be told apart for their hashes: its columns hide the rowid`,
    'Give it a PRIMARY KEY, or leave out the hash.',
  );
}

/** As SQLite compares names: ASCII alone. */
function lower(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
