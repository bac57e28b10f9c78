/**
 * The entries of one state, a page at a time, in flat memory however many there are.
 *
 * A page looks at a limited number of entries and bytes, so one may be not full, or empty, and still have a next one: `next` is where to go on, null at the end. Pending ones come in the order of their names, which within a
 * priority is that of application; completed ones newest first, from the journal's end backwards.
 */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import { exactJson } from '../exact-json.ts';
import { type Entry, type EntryError, isEntryName, parseEntry } from '../spool/entry.ts';
import { linesBackwards } from '../spool/journal-back.ts';
import { formatPosition, parsePosition } from '../spool/journal-read.ts';
import type { Spool } from '../spool/layout.ts';
import { allLetterNames, readLetter } from '../spool/letters.ts';
import { forEachName } from '../spool/listing.ts';
import { readManifest } from '../spool/manifest.ts';
import { readEntryFile } from '../spool/read.ts';
import { microsOf } from '../spool/sequence.ts';
import { Refusal } from './refusal.ts';

export const ENTRY_STATES = ['pending', 'processing', 'failed', 'completed'] as const;
export type EntryState = (typeof ENTRY_STATES)[number];

export interface EntriesQuery {
  readonly state: EntryState;
  readonly operation: string | undefined;
  /** Text that its name, SQL, key or parameters hold, whatever the case. */
  readonly q: string | undefined;
  readonly limit: number;
  /** `next` of the page before. */
  readonly after: string | undefined;
}

export interface EntriesAnswer {
  readonly entries: readonly ShownEntry[];
  readonly next: string | null;
}

export interface ShownEntry {
  readonly name: string;
  readonly state: EntryState;
  readonly priority: number | null;
  /** null for what can't be read as an entry. */
  readonly operation: string | null;
  readonly sql: string | null;
  readonly params: unknown;
  readonly metadata: unknown;
  /** SQL, parameters or metadata are longer than what is shown: the SQL is cut, the others are null. */
  readonly isCut: boolean;
  readonly id: string | null;
  readonly job: string | null;
  readonly db: string | null;
  readonly retries: number | null;
  /** When it was put into the queue; ISO 8601, UTC. */
  readonly queuedAt: string | null;
  readonly notBefore: string | null;
  readonly appliedAt: string | null;
  readonly error: EntryError | null;
}

/** An entry, whole as far as it can be read, and what of it is shown. */
interface Found {
  readonly entry?: Entry | undefined;
  readonly shown: ShownEntry;
}

/** Entries that a page looks at. */
const MAX_LOOKED = 2000;
const MAX_LOOKED_BYTES = 16 * 1024 * 1024;
const MAX_TEXT = 4000;

/** @throws Refusal for an `after` that is none. */
export function listEntries(spool: Spool, query: EntriesQuery): EntriesAnswer {
  if (query.state === 'completed') return listCompleted(spool, query);
  if (query.after !== undefined && /[/\0]/.test(query.after)) throw badAfter();
  const isSearch = query.operation !== undefined || query.q !== undefined;
  const names = namesFor(spool, query, (isSearch ? MAX_LOOKED : query.limit) + 1);
  const directory = query.state === 'failed' ? spool.failed : spool.pending;
  return page(query, directory, names, isSearch ? MAX_LOOKED : query.limit, (name) =>
    query.state === 'failed' ? foundLetter(spool, name) : foundFile(spool, name, query.state),
  );
}

/** The first names behind `after`; one more than are looked at, to know whether there are. */
function namesFor(spool: Spool, { state, after = '' }: EntriesQuery, count: number): string[] {
  const first = new FirstNames(after, count);
  if (state === 'pending') {
    const inHand = new Set(readManifest(spool)?.names);
    forEachName(spool.pending, (name) => {
      if (!inHand.has(name)) first.add(name);
    });
  } else if (state === 'failed') for (const name of allLetterNames(spool)) first.add(name);
  else for (const name of readManifest(spool)?.names ?? []) first.add(name);
  return first.sorted();
}

/** The smallest of many names. */
class FirstNames {
  readonly #after: string;
  readonly #count: number;
  #names: string[] = [];
  #bound: string | undefined;

  constructor(after: string, count: number) {
    this.#after = after;
    this.#count = count;
  }

  add(name: string): void {
    if (name <= this.#after || (this.#bound !== undefined && name >= this.#bound)) return;
    if (this.#names.push(name) >= 2 * this.#count) this.sorted();
  }

  sorted(): string[] {
    this.#names = this.#names.sort().slice(0, this.#count);
    if (this.#names.length === this.#count) this.#bound = this.#names.at(-1);
    return this.#names;
  }
}

function page(
  query: EntriesQuery,
  directory: string,
  names: readonly string[],
  maxLooked: number,
  find: (name: string) => Found | undefined,
): EntriesAnswer {
  const entries: ShownEntry[] = [];
  let looked = 0;
  let bytes = 0;
  for (const name of names) {
    if (looked === maxLooked || entries.length === query.limit || bytes > MAX_LOOKED_BYTES) break;
    looked += 1;
    bytes += lstatSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0;
    const found = find(name);
    if (found && matches(found, query)) entries.push(found.shown);
  }
  return { entries, next: looked < names.length ? (names[looked - 1] as string) : null };
}

function listCompleted(spool: Spool, query: EntriesQuery): EntriesAnswer {
  const from = query.after === undefined ? undefined : parsePosition(query.after);
  if (query.after !== undefined && !from) throw badAfter();
  const entries: ShownEntry[] = [];
  let bytes = 0;
  for (const line of linesBackwards(spool, from)) {
    bytes += line.text.length;
    const found = foundLine(line.text, line.name, line.appliedAt);
    if (matches(found, query)) entries.push(found.shown);
    if (entries.length === query.limit || bytes > MAX_LOOKED_BYTES)
      return { entries, next: formatPosition(line.start) };
  }
  return { entries, next: null };
}

function matches({ shown, entry }: Found, { operation, q }: EntriesQuery): boolean {
  if (operation !== undefined && shown.operation !== operation) return false;
  if (q === undefined) return true;
  // What is too long to be shown is searched all the same.
  const params = exactJson(entry?.params ?? null);
  const text = [shown.name, entry?.sql, shown.id, shown.operation, params].join('\n');
  return text.toLowerCase().includes(q.toLowerCase());
}

function foundFile(spool: Spool, name: string, state: EntryState): Found | undefined {
  const read = readEntryFile(join(spool.pending, name));
  if (read.kind === 'gone') return undefined;
  if (read.kind !== 'bytes')
    return { shown: unreadable(name, state, read.kind === 'odd' ? `it ${read.why}` : read.message) };
  try {
    const entry = parseEntry(read.bytes, name);
    return { entry, shown: shown(name, state, entry) };
  } catch (error) {
    return { shown: unreadable(name, state, messageOf(error)) };
  }
}

function foundLetter(spool: Spool, name: string): Found | undefined {
  const letter = readLetter(spool, name);
  if (!letter) return undefined;
  const { entry, error } = letter;
  return {
    entry,
    shown: { ...(entry ? shown(name, 'failed', entry) : unreadable(name, 'failed', '')), error },
  };
}

function foundLine(text: string, name: string, appliedAt: string): Found {
  try {
    const entry = parseEntry(Buffer.from(text), name);
    return { entry, shown: { ...shown(name, 'completed', entry), appliedAt } };
  } catch (error) {
    return { shown: { ...unreadable(name, 'completed', messageOf(error)), appliedAt } };
  }
}

function shown(name: string, state: EntryState, entry: Entry): ShownEntry {
  const { sql, params, metadata } = entry;
  const [isParamsCut, isMetadataCut] = [isLong(params), isLong(metadata)];
  return {
    name,
    state,
    priority: entry.priority,
    operation: entry.operation,
    sql: sql.slice(0, MAX_TEXT),
    params: isParamsCut ? null : (params ?? null),
    metadata: isMetadataCut ? null : metadata,
    isCut: sql.length > MAX_TEXT || isParamsCut || isMetadataCut,
    id: entry.id ?? null,
    job: entry.job ?? null,
    db: entry.db ?? null,
    retries: entry.retries,
    queuedAt: queuedAt(name),
    notBefore: entry.not_before ?? null,
    appliedAt: null,
    error: null,
  };
}

function unreadable(name: string, state: EntryState, message: string): ShownEntry {
  const nothing = { priority: null, operation: null, sql: null, params: null, metadata: null, id: null };
  const more = { job: null, db: null, retries: null, notBefore: null, appliedAt: null };
  const error = { code: 'BAD_ENTRY', message, at: '' };
  return { name, state, ...nothing, ...more, isCut: false, queuedAt: queuedAt(name), error };
}

function isLong(value: unknown): boolean {
  return value !== undefined && exactJson(value).length > MAX_TEXT;
}

function queuedAt(name: string): string | null {
  const at = new Date(microsOf(name) / 1000);
  return isEntryName(name) && at.getTime() > 0 && !Number.isNaN(at.getTime()) ? at.toISOString() : null;
}

function badAfter(): Refusal {
  return new Refusal(400, 'BAD_REQUEST', '"after" must be "next" of another answer of the same state');
}
