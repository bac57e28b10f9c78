/**
 * Reading failed/: which names there are letters, and what each one says. See spool/deadletter.ts for the two forms.
 *
 * A letter is a file with an entry and its error, or whatever stood in pending/ under that name with the error in
 * NAME.why. NAME.retry is a letter that was being put back when that was interrupted (see retry.ts).
 */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, QueueError } from '../errors.ts';
import { letterNames, WHY_SUFFIX } from '../spool/deadletter.ts';
import { type Entry, type EntryError, isEntryName, parseEntry } from '../spool/entry.ts';
import type { Spool } from '../spool/layout.ts';
import { readEntryFile } from '../spool/read.ts';
import { listing } from './depths.ts';

export interface Letter {
  /** Its file name in failed/. */
  readonly name: string;
  readonly error: EntryError;
  /** The entry, or undefined for a raw letter: what could not be read as one. */
  readonly entry: Entry | undefined;
  /** For a raw letter its first bytes; undefined when it is no regular file. */
  readonly start: Buffer | undefined;
  /** When it failed, in epoch milliseconds: by the error, else the file's mtime. */
  readonly failedAt: number;
}

export const RETRY_SUFFIX = '.retry';
const START_BYTES = 256;

/** All letters' names, in the order of entries. */
export function allLetterNames(spool: Spool): string[] {
  return letterNames(listing(spool.failed)).sort();
}

/** The letter, or undefined when it has left failed/ meanwhile. Names must come from `allLetterNames`. */
export function readLetter(spool: Spool, name: string): Letter | undefined {
  const path = join(spool.failed, name);
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return undefined;
  const why = readWhy(spool, name);
  const read = readEntryFile(path);
  const bytes = read.kind === 'bytes' ? read.bytes : undefined;
  const timed = (error: EntryError): Pick<Letter, 'error' | 'failedAt'> => {
    const at = Date.parse(error.at);
    return { error, failedAt: Number.isNaN(at) ? stat.mtimeMs : at };
  };
  if (!why && bytes) {
    try {
      const entry = parseEntry(bytes, entryNameOf(name));
      const error = errorOf(entry.error) ?? reasonless('it stands in failed/ without an error', stat.mtime);
      return { name, entry, start: undefined, ...timed(error) };
    } catch (error) {
      const known = reasonless(messageOf(error), stat.mtime);
      return { name, entry: undefined, start: Buffer.from(bytes.subarray(0, START_BYTES)), ...timed(known) };
    }
  }
  const odd =
    read.kind === 'odd' ? `it ${read.why}` : read.kind === 'fault' ? read.message : 'its reason is lost';
  return {
    name,
    entry: undefined,
    start: bytes && Buffer.from(bytes.subarray(0, START_BYTES)),
    ...timed(why ?? reasonless(odd, stat.mtime)),
  };
}

/** All letters, or those of one operation. */
export function readLetters(spool: Spool, operation?: string): Letter[] {
  return allLetterNames(spool).flatMap((name) => {
    const letter = readLetter(spool, name);
    if (!letter || (operation !== undefined && letter.entry?.operation !== operation)) return [];
    return [letter];
  });
}

/**
 * The letters' names that the user means: each given name with or without `.json`.
 * @throws QueueError USAGE for a path, NOT_FOUND naming the first that is not there.
 */
export function findLetters(spool: Spool, wanted: readonly string[]): string[] {
  const known = new Set(allLetterNames(spool));
  return wanted.map((name) => {
    if (/[/\0]/.test(name) || name === '.' || name === '..' || name === '') {
      throw new QueueError('USAGE', `'${name}' is not the name of a dead letter`, {
        hint: 'Give a name as queue-failed list prints it, not a path.',
      });
    }
    const found = [name, `${name}.json`].find((candidate) => known.has(candidate));
    if (found !== undefined) return found;
    throw new QueueError('NOT_FOUND', `there is no dead letter '${name}'`, { hint: 'queue-failed list' });
  });
}

/** The name that a letter had in pending/: without what a second one of its name, or a retry, has added. */
export function entryNameOf(letterName: string): string {
  const name = letterName.endsWith(RETRY_SUFFIX) ? letterName.slice(0, -RETRY_SUFFIX.length) : letterName;
  const plain = name.replace(/\.\d+$/, '');
  return isEntryName(plain) ? plain : name;
}

function readWhy(spool: Spool, name: string): EntryError | undefined {
  const read = readEntryFile(join(spool.failed, name + WHY_SUFFIX));
  if (read.kind !== 'bytes') return undefined;
  try {
    const value = JSON.parse(read.bytes.toString('utf8')) as { error?: unknown };
    return errorOf(value.error);
  } catch {
    return undefined;
  }
}

/** Anyone may have edited the file: only what has the form of an error is one. */
function errorOf(value: unknown): EntryError | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { code, message, at, hint } = value as Record<string, unknown>;
  if (typeof message !== 'string') return undefined;
  return {
    code: typeof code === 'string' ? code : 'UNKNOWN',
    message,
    at: typeof at === 'string' ? at : '',
    ...(typeof hint === 'string' ? { hint } : {}),
  };
}

function reasonless(message: string, mtime: Date): EntryError {
  return { code: 'BAD_ENTRY', message, at: mtime.toISOString() };
}
