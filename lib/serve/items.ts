/**
 * What a request asks for: its body read and checked field by field.
 *
 * Numbers in `params` and `metadata` keep the digits that they were written with, as they do in an entry file.
 */
import { isUtf8 } from 'node:buffer';
import { type Config, namedDatabase } from '../config.ts';
import { messageOf, QueueError } from '../errors.ts';
import { parseNumbers, rawJSON } from '../exact-json.ts';
import { MAX_WINDOW_ENTRIES, MAX_WINDOW_MS } from '../spool/doors.ts';
import {
  checkEntry,
  checkWellFormed,
  DEFAULT_OPERATION,
  DEFAULT_PRIORITY,
  type Entry,
} from '../spool/entry.ts';
import { Refusal } from './refusal.ts';

export type Draft = Omit<Entry, 'seq'> & Pick<Entry, 'priority' | 'operation' | 'sql' | 'id' | 'job'>;

/** An item as it was sent: what becomes an entry, or what is wrong with it. */
export type Item =
  | { readonly id: string | null; readonly draft: Draft }
  | { readonly id: string | null; readonly problem: string };

export interface PushRequest {
  readonly items: readonly Item[];
  /** Only with buffer fields. */
  readonly window: { readonly ms: number; readonly max: number } | undefined;
}

/** More than these take seconds to spool. */
export const MAX_ITEMS = 10_000;
const DEFAULT_WINDOW_MS = 100;
/** Of more digits than a double may hold; a string that looks so only costs time. */
const LONG_NUMBER = /\d{16}/;
/** Room for the item's own levels around those that an entry may have; what is wrong with fewer, checkEntry says. */
const MAX_LEVELS = 1100;
const [QUOTE, BACKSLASH, BRACKET, BRACE] = [0x22, 0x5c, 0x5b, 0x7b] as const;

const FIELDS: ReadonlySet<string> = new Set([
  'sql',
  'params',
  'operation',
  'priority',
  'metadata',
  'id',
  'job',
]);
const REQUEST_FIELDS: ReadonlySet<string> = new Set(['items', 'bufferMs', 'bufferMax']);

/** The text of a body. @throws Refusal when it is not UTF-8. */
export function textOf(body: Buffer): string {
  if (!isUtf8(body)) throw new Refusal(400, 'BAD_REQUEST', 'the body is not valid UTF-8');
  return body.toString('utf8');
}

/** @throws Refusal when the request as a whole can't be taken. */
export function readPush(body: Buffer, config: Config): PushRequest {
  const text = textOf(body);
  const request = parseObject(text);
  for (const key of Object.keys(request)) {
    if (!REQUEST_FIELDS.has(key)) throw bad(`there is an unknown field '${key.slice(0, 100)}'`);
  }
  const { items } = request;
  if (!Array.isArray(items)) throw bad('"items" must be a list');
  if (items.length > MAX_ITEMS) {
    throw new Refusal(413, 'TOO_MANY_ITEMS', `there are ${items.length} items`, `Send ${MAX_ITEMS} at most.`);
  }
  const exact = LONG_NUMBER.test(text) ? (parseExactly(text).items as unknown[]) : items;
  const db = namedDatabase(config);
  const common: Common = {
    createdAt: new Date().toISOString(),
    db: db === undefined ? undefined : { db },
    // Only an escape can bring in what valid UTF-8 can't hold.
    hasEscapes: text.includes('\\u'),
  };
  return {
    items: items.map((item, index) => itemOf(item, exact[index], common)),
    window: windowOf(request, config),
  };
}

function windowOf({ bufferMs, bufferMax }: Record<string, unknown>, config: Config): PushRequest['window'] {
  if (bufferMs === undefined && bufferMax === undefined) return undefined;
  return {
    ms: count('bufferMs', bufferMs ?? DEFAULT_WINDOW_MS, 0, MAX_WINDOW_MS),
    max: count('bufferMax', bufferMax ?? config.batchSize, 1, MAX_WINDOW_ENTRIES),
  };
}

function count(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw bad(`"${name}" must be a whole number from ${min} to ${max}`);
}

/** What all items of a request have in common. */
interface Common {
  readonly createdAt: string;
  readonly db: { readonly db: string } | undefined;
  readonly hasEscapes: boolean;
}

function itemOf(value: unknown, exact: unknown, { createdAt, db, hasEscapes }: Common): Item {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { id: null, problem: 'the item is not an object' };
  const item = value as Record<string, unknown>;
  const id = typeof item.id === 'string' ? item.id : null;
  const unknown = Object.keys(item).find((key) => !FIELDS.has(key));
  if (unknown !== undefined)
    return { id, problem: `the item has an unknown field '${unknown.slice(0, 100)}'` };
  if (typeof item.sql !== 'string') return { id, problem: 'the item has no "sql" string' };
  const { params, metadata } = exact as Record<string, unknown>;
  const draft = {
    priority: item.priority ?? DEFAULT_PRIORITY,
    operation: item.operation ?? DEFAULT_OPERATION,
    sql: item.sql,
    ...(params === undefined ? {} : { params }),
    metadata: metadata ?? {},
    created_at: createdAt,
    retries: 0,
    ...(item.id === undefined ? {} : { id: item.id }),
    ...db,
    ...(item.job === undefined ? {} : { job: item.job }),
  } as unknown as Draft;
  try {
    checkEntry(draft as Entry);
    if (hasEscapes) checkWellFormed(draft, 'the entry');
    return { id, draft };
  } catch (error) {
    if (!(error instanceof QueueError)) throw error;
    return { id, problem: error.message.replace(/^the entry /, 'the item ') };
  }
}

/** The fields of a JSON object. @throws Refusal. */
export function parseObject(text: string): Record<string, unknown> {
  if (isDeeper(text, MAX_LEVELS)) throw bad(`the body is nested deeper than ${MAX_LEVELS} levels`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // V8 quotes the text around the error, which may be a part of a value.
    throw bad(`the body is not JSON: ${messageOf(error).replace(/, (\.\.\.)?"[\s\S]*$/, '')}`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw bad('the body is not a JSON object');
}

/** Looked for before it is parsed: seven million levels would take seconds, in which nobody is served. */
function isDeeper(text: string, levels: number): boolean {
  if (text.length < 2 * levels) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === BRACKET || code === BRACE) depth += 1;
    else if (code === BRACKET + 2 || code === BRACE + 2) depth -= 1;
    if (depth > levels) return true;
  }
  return false;
}

/** Where the string that begins at `start` has its closing quote. */
function endOfString(text: string, start: number): number {
  for (let end = start; ; ) {
    end = text.indexOf('"', end + 1);
    if (end === -1) return text.length;
    let first = end;
    while (text.charCodeAt(first - 1) === BACKSLASH) first -= 1;
    if ((end - first) % 2 === 0) return end;
  }
}

/** A number that would not be written as it stands there stays its text. */
function parseExactly(text: string): Record<string, unknown> {
  const exact = parseNumbers(text, (source, value) => (String(value) === source ? value : rawJSON(source)));
  return exact as Record<string, unknown>;
}

function bad(message: string): Refusal {
  return new Refusal(400, 'BAD_REQUEST', message);
}
