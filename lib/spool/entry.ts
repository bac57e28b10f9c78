/**
 * The entry format: one JSON object and a final newline, in a file named `PP_SEQ.json`.
 *
 * `serializeEntry` and `parseEntry` are each other's inverse for every entry that `checkEntry` lets through;
 * unknown keys are kept. Bytes that are not valid UTF-8, a lone surrogate and U+0000 in SQL are errors, never
 * silently replaced. lib/queue-lib.sh writes the same format with bash builtins.
 */
import { isUtf8 } from 'node:buffer';
import { messageOf, QueueError } from '../errors.ts';
import { exactJson, parseExactJson } from '../exact-json.ts';

export type Params = Record<string, unknown> | unknown[];

export interface Entry {
  /** `<16-digit microseconds>_<pid>`; older writers may have used any string. */
  seq: string;
  /** 1 (first) to 10 (last). */
  priority: number;
  operation: string;
  sql: string;
  /** Bound to the statements' parameters, never spliced into SQL. */
  params?: Params;
  metadata: Record<string, unknown>;
  /** ISO 8601, UTC. */
  created_at: string;
  retries: number;
  /** Idempotency key of the caller's. */
  id?: string;
  /** Target database, when it is not the worker's default. */
  db?: string;
  /** Absolute path of the migrations that the target must have seen before this entry is applied. */
  schema?: string;
  /** Names of the parameters whose text stands in a file of its own (spool/values.ts); only in pending/. */
  values?: string[];
  job?: string;
  /** ISO 8601: not applied before then. */
  not_before?: string;
  /** Only in failed/. */
  error?: EntryError;
  [other: string]: unknown;
}

export interface EntryError {
  /** SQLite's or our own code, such as SQLITE_CONSTRAINT_UNIQUE or BAD_ENTRY. */
  code: string;
  message: string;
  /** ISO 8601, UTC. */
  at: string;
  hint?: string;
}

export const DEFAULT_PRIORITY = 5;
export const DEFAULT_OPERATION = 'write';
/** A larger file in pending/ is set aside unread. */
export const MAX_ENTRY_BYTES = 64 * 1024 * 1024;

/** As deep as SQLite's own JSON may be nested. What goes through an entry recursively has the stack for it. */
const MAX_DEPTH = 1000;

/** `PP_SEQ.json`; SEQ is left open so that entries of older writers are taken. */
const NAME = /^(0[1-9]|10)_([\w.-]+)\.json$/;
const NEWLINE = 0x0a;

/** The file name of an entry; a plain byte sort of names is the order of application. */
export function entryName(priority: number, seq: string): string {
  return `${String(priority).padStart(2, '0')}_${seq}.json`;
}

/** True when `name` may stand in pending/. */
export function isEntryName(name: string): boolean {
  return NAME.test(name);
}

/** The parts of an entry's file name, or undefined when it is not one. */
export function splitName(name: string): { priority: number; seq: string } | undefined {
  const match = NAME.exec(name);
  return match ? { priority: Number(match[1]), seq: match[2] as string } : undefined;
}

/** The entry as it stands on disk, final newline included. BigInt parameters keep all their digits. */
export function serializeEntry(entry: Entry): string {
  return `${exactJson(entry)}\n`;
}

/** True when the bytes end in the commit mark. */
export function isFinished(bytes: Uint8Array): boolean {
  return bytes.length > 0 && bytes[bytes.length - 1] === NEWLINE;
}

/**
 * The text of an entry file.
 * @throws QueueError BAD_ENTRY when a byte is not UTF-8.
 */
export function decodeEntry(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw bad(`is not valid UTF-8 (first bad byte at offset ${firstBadByte(bytes)})`);
  return bytes.toString('utf8');
}

/** `parseEntryText(decodeEntry(bytes), name)`. */
export function parseEntry(bytes: Buffer, name: string): Entry {
  return parseEntryText(decodeEntry(bytes), name);
}

/**
 * Reads one entry.
 *
 * @param text the file's text, final newline included.
 * @param name its file name; priority and seq are taken from there when the object lacks them.
 * @throws QueueError BAD_ENTRY saying what is wrong with it.
 */
export function parseEntryText(text: string, name: string): Entry {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw bad(`is not JSON: ${withoutText(messageOf(error))}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('is not a JSON object');
  const parts = splitName(name);
  const entry = value as Entry;
  if (typeof entry.sql !== 'string') throw bad('has no "sql" string');
  entry.priority ??= parts?.priority ?? DEFAULT_PRIORITY;
  entry.seq ??= parts?.seq ?? '';
  entry.operation ??= DEFAULT_OPERATION;
  entry.metadata ??= {};
  entry.retries ??= 0;
  entry.created_at ??= '';
  checkEntry(entry);
  // Only an escape can bring in what valid UTF-8 can't hold.
  if (text.includes('\\u')) checkWellFormed(value, 'the entry');
  // An integer beyond 2^53, or 5.0 against 5: parse again and keep numbers as they were written.
  if (entry.params !== undefined && hasNumber(entry.params, isNumber))
    entry.params = (parseExactJson(text) as Entry).params as Params;
  // Those that nobody binds are to come out of failed/ as they went in.
  if (hasNumber(entry.metadata, isLong)) entry.metadata = (parseExactJson(text) as Entry).metadata;
  return entry;
}

/**
 * Checks the fields of an entry, whoever made it.
 * @throws QueueError BAD_ENTRY.
 */
export function checkEntry(entry: Entry): void {
  if (isDeeper(entry, MAX_DEPTH)) throw bad(`is nested deeper than ${MAX_DEPTH} levels`);
  if (entry.sql.trim() === '') throw bad('has empty SQL');
  const nul = entry.sql.indexOf('\0');
  if (nul !== -1) throw bad(`has U+0000 in its SQL at character ${nul}: SQLite would stop reading there`);
  if (!Number.isInteger(entry.priority) || entry.priority < 1 || entry.priority > 10) {
    throw bad(`has priority ${JSON.stringify(entry.priority)}: it must be a whole number from 1 to 10`);
  }
  if (typeof entry.operation !== 'string') throw bad('has an "operation" that is not a string');
  if (!Number.isInteger(entry.retries) || entry.retries < 0) throw bad('has "retries" that are not a count');
  if (typeof entry.metadata !== 'object' || entry.metadata === null)
    throw bad('has "metadata" that is not an object');
  if (entry.params !== undefined && (typeof entry.params !== 'object' || entry.params === null)) {
    throw bad('has "params" that are neither an object nor an array');
  }
  for (const key of ['id', 'db', 'schema', 'job', 'not_before'] as const) {
    if (entry[key] !== undefined && typeof entry[key] !== 'string')
      throw bad(`has "${key}" that is not a string`);
  }
  // All entries without a key would have the same one, and all but the first would be duplicates.
  if (entry.id === '') throw bad('has an empty "id"');
  for (const key of ['db', 'schema'] as const) {
    if (entry[key]?.includes('\0')) throw bad(`has U+0000 in its "${key}", which no path can hold`);
  }
  if (entry.not_before !== undefined && Number.isNaN(Date.parse(entry.not_before))) {
    throw bad(`has "not_before" that is not a time: '${entry.not_before}'`);
  }
}

/** @throws QueueError BAD_ENTRY when a string or a key anywhere in `value` holds a lone surrogate. */
export function checkWellFormed(value: unknown, where: string): void {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw bad(`has a lone surrogate in ${where}, which no UTF-8 text can hold`);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      checkWellFormed(key, `a name in ${where}`);
      checkWellFormed(item, `"${key}"`);
    }
  }
}

/** Objects and arrays within each other; a circle is deeper than anything. */
function isDeeper(value: object, levels: number): boolean {
  if (levels === 0) return true;
  for (const item of Object.values(value)) {
    if (typeof item === 'object' && item !== null && isDeeper(item, levels - 1)) return true;
  }
  return false;
}

/** Anywhere in it: what an object holds is bound as its text. */
function hasNumber(values: object, isOne: (value: unknown) => boolean): boolean {
  return Object.values(values).some(
    (value) => isOne(value) || (typeof value === 'object' && value !== null && hasNumber(value, isOne)),
  );
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number';
}

/** A whole number of more digits than a double may hold. */
function isLong(value: unknown): boolean {
  return Number.isInteger(value) && !Number.isSafeInteger(value);
}

/** V8 quotes the text around the error, which may be a part of a value: the message goes into worker.log. */
function withoutText(message: string): string {
  return message.replace(/, (\.\.\.)?"[\s\S]*"(\.\.\.)? is not valid JSON$/, '');
}

function firstBadByte(bytes: Buffer): number {
  // A good prefix may end inside a character, so one counts as good when up to 3 bytes less of it are.
  const cutOf = (end: number): number =>
    [0, 1, 2, 3].findIndex((cut) => isUtf8(bytes.subarray(0, Math.max(0, end - cut))));
  let low = 0;
  let high = bytes.length + 3;
  while (low + 1 < high) {
    const middle = (low + high) >> 1;
    if (cutOf(middle) === -1) high = middle;
    else low = middle;
  }
  return low - cutOf(low);
}

function bad(what: string): QueueError {
  return new QueueError('BAD_ENTRY', `the entry ${what}`);
}
