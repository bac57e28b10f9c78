/**
 * From a row of a file to the parameters of a template: every row is either whole, or refused with a message that names
 * the line and the field.
 *
 * Fields are bound by name over the template's defaults. Every parameter must have a value. A field of a JSON line that
 * no parameter takes is an error, for it is mostly a misspelt one; surplus columns of a CSV file are ignored, for
 * nobody writes such files by hand.
 */
import { isUtf8 } from 'node:buffer';
import { messageOf, QueueError } from '../errors.ts';
import { isRawJSON } from '../exact-json.ts';
import { parseQuickly } from './exact-values.ts';
import type { RawRow, RowFile } from './row-files.ts';
import { type Value, valueOfJson, valueOfText } from './row-values.ts';
import type { Template } from './templates.ts';

export interface Row {
  readonly line: number;
  /** What the template calls the item, or the line. */
  readonly item: string;
  readonly params: Record<string, Value>;
}

export interface BadRow {
  readonly line: number;
  /** Completes "line 7 ...". */
  readonly problem: string;
  readonly raw: RawRow;
}

/** Reads the rows of one file. */
export interface RowReader {
  /** @throws QueueError USAGE when the columns of the file are not those of the template: no row can be read. */
  read(raw: RawRow): Row | BadRow | undefined;
}

const MAX_LISTED = 10;

export function isBad(row: Row | BadRow): row is BadRow {
  return 'problem' in row;
}

export function readerFor(template: Template, file: RowFile): RowReader {
  return file.format === 'jsonl' ? new JsonReader(template) : new CsvReader(template, file.name);
}

class JsonReader implements RowReader {
  readonly #template: Template;
  readonly #parameters: ReadonlySet<string>;

  constructor(template: Template) {
    this.#template = template;
    this.#parameters = new Set(template.parameters);
  }

  read(raw: RawRow): Row | BadRow {
    return attempt(raw, () => {
      const fields = objectOf(raw.fields[0] as Buffer);
      const { item, types } = this.#template;
      const surplus = Object.keys(fields).filter((name) => !this.#parameters.has(name) && name !== item);
      if (surplus.length > 0) {
        throw new Error(`has what no parameter of the template takes: ${listed(surplus)}`);
      }
      const values = new Map<string, Value>();
      for (const [name, value] of Object.entries(fields)) {
        values.set(
          name,
          fieldOf(name, () => valueOfJson(value, types.get(name))),
        );
      }
      return rowOf(this.#template, raw.line, values);
    });
  }
}

class CsvReader implements RowReader {
  readonly #template: Template;
  readonly #file: string;
  /** The columns that are used, and where they are. */
  #columns: readonly [name: string, at: number][] | undefined;
  #width = 0;

  constructor(template: Template, file: string) {
    this.#template = template;
    this.#file = file;
  }

  read(raw: RawRow): Row | BadRow | undefined {
    if (!this.#columns) {
      this.#columns = this.#readHeader(raw);
      this.#width = raw.fields.length;
      return undefined;
    }
    const columns = this.#columns;
    return attempt(raw, () => {
      if (raw.fields.length !== this.#width) {
        throw new Error(`has ${fieldCount(raw.fields.length)}, and the header has ${this.#width}`);
      }
      const values = new Map<string, Value>();
      for (const [name, at] of columns) {
        const text = fieldOf(name, () => textOf(raw.fields[at] as Buffer));
        values.set(
          name,
          fieldOf(name, () => valueOfText(text, this.#template.types.get(name))),
        );
      }
      return rowOf(this.#template, raw.line, values);
    });
  }

  #readHeader(raw: RawRow): [string, number][] {
    const refuse = (what: string): never => {
      throw new QueueError('USAGE', `${this.#file} line ${raw.line}: the header ${what}`);
    };
    if (raw.broken !== undefined) refuse(raw.broken);
    if (!raw.fields.every((field) => isUtf8(field))) refuse('is not valid UTF-8');
    const names = raw.fields.map((field) => field.toString());
    const { parameters, defaults, item } = this.#template;
    const absent = parameters.filter((name) => !names.includes(name) && !defaults.has(name));
    if (absent.length > 0) refuse(`has no column for ${listed(absent.map((name) => `:${name}`))}`);
    if (item !== undefined && !names.includes(item)) refuse(`has no column ${item}, which names the items`);
    const used = names.flatMap((name, at): [string, number][] =>
      parameters.includes(name) || name === item ? [[name, at]] : [],
    );
    const twice = used.find(([name, at]) => names.indexOf(name) !== at);
    if (twice) refuse(`has the column ${twice[0]} twice`);
    return used;
  }
}

function attempt(raw: RawRow, work: () => Row): Row | BadRow {
  const { line } = raw;
  if (raw.broken !== undefined) return { line, problem: raw.broken, raw };
  try {
    return work();
  } catch (error) {
    return { line, problem: messageOf(error), raw };
  }
}

function rowOf(template: Template, line: number, values: ReadonlyMap<string, Value>): Row {
  const { item, parameters, defaults } = template;
  const absent: string[] = [];
  // By fromEntries, for a parameter may be called __proto__.
  const params = Object.fromEntries(
    parameters.map((name) => {
      const value = values.has(name) ? values.get(name) : defaults.get(name);
      if (value === undefined) absent.push(`:${name}`);
      return [name, value as Value];
    }),
  );
  if (absent.length > 0) throw new Error(`has no field for ${listed(absent)}`);
  return { line, item: item === undefined ? `line ${line}` : itemOf(item, values.get(item)), params };
}

function itemOf(name: string, value: Value | undefined): string {
  if (value === undefined || value === null || value === '') {
    throw new Error(`has nothing in the field "${name}", which names the item`);
  }
  return isRawJSON(value) ? value.rawJSON : String(value);
}

function objectOf(bytes: Buffer): Record<string, unknown> {
  const text = textOf(bytes);
  let value: unknown;
  try {
    value = parseQuickly(text);
  } catch (error) {
    // V8 quotes what may be long, and names a place within the line only.
    throw new Error(`is not JSON${error instanceof RangeError ? ': it is nested too deeply' : ''}`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawJSON(value)) {
    return value as Record<string, unknown>;
  }
  throw new Error('is not a JSON object');
}

function textOf(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new Error('is not valid UTF-8');
  return bytes.toString();
}

function fieldOf<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(`field "${name}" ${messageOf(error)}`);
  }
}

function fieldCount(count: number): string {
  return count === 1 ? '1 field' : `${count} fields`;
}

function listed(names: readonly string[]): string {
  const first = names.slice(0, MAX_LISTED).join(', ');
  return names.length > MAX_LISTED ? `${first} and ${names.length - MAX_LISTED} more` : first;
}
