/** From a name in pending/ to an entry ready to apply, or the reason why not. */
import { type Config, holdsPassword, targetOf } from '../config.ts';
import { messageOf } from '../errors.ts';
import { type Fate, itemOf } from '../jobs/items.ts';
import {
  decodeEntry,
  type Entry,
  type EntryError,
  isEntryName,
  isFinished,
  MAX_ENTRY_BYTES,
  parseEntryText,
  serializeEntry,
  splitName,
} from '../spool/entry.ts';
import { ledgerKey } from '../spool/identity.ts';
import type { Spool } from '../spool/layout.ts';
import { ageOf, readEntryFile } from '../spool/read.ts';
import { loadValues } from '../spool/values.ts';

/** An entry in hand. */
export interface Item {
  readonly name: string;
  readonly entry: Entry;
  /** The entry's text as the journal keeps it: as it was written, with all values in it. */
  readonly text: string;
  /** Parameters whose values have files of their own. */
  readonly values: readonly string[];
  readonly key: string;
  readonly target: string;
}

export type Intake =
  | { kind: 'item'; item: Item }
  /** Not due before `at`, in epoch milliseconds. */
  | { kind: 'later'; at: number }
  | { kind: 'gone' }
  /** Its writer has not finished: look again. */
  | { kind: 'unfinished' }
  /** No entry, and never will be. */
  | { kind: 'bad'; error: EntryError; fate?: Fate }
  /** The system could not read it now. */
  | { kind: 'fault'; message: string };

/** An entry without its final newline is its writer's until it is this old, then it is torn. */
const TORN_AFTER_MS = 5000;
/** What an error may add to an entry. */
const ERROR_BYTES = 64 * 1024;

export interface IntakeContext {
  readonly spool: Spool;
  readonly config: Config;
  readonly identity: string;
  /** The entry's text, if it was read ahead. */
  readonly readAhead?: (name: string) => string | undefined;
}

export function takeIn(context: IntakeContext, name: string): Intake {
  let text: string | Intake | undefined;
  if (!isEntryName(name)) return bad(`its name is not PRIORITY_SEQUENCE.json with a priority from 01 to 10`);
  try {
    text = context.readAhead?.(name) ?? readText(context, name);
    return typeof text === 'string' ? entryIn(context, name, text) : text;
  } catch (error) {
    return bad(messageOf(error), typeof text === 'string' ? { name, text } : undefined);
  }
}

/** @throws QueueError BAD_ENTRY when it is not UTF-8. */
function readText(context: IntakeContext, name: string): string | Intake {
  const path = `${context.spool.pending}/${name}`;
  const read = readEntryFile(path);
  if (read.kind === 'gone') return read;
  if (read.kind === 'fault') return { kind: 'fault', message: `${path}: ${read.message}` };
  if (read.kind === 'odd') return bad(`it ${read.why}`);
  if (isFinished(read.bytes)) return decodeEntry(read.bytes);
  if (ageOf(path) < TORN_AFTER_MS) return { kind: 'unfinished' };
  return bad(`it is torn: its writer stopped after ${read.bytes.length} bytes, before the final newline`);
}

/** @throws QueueError BAD_ENTRY. */
function entryIn(context: IntakeContext, name: string, text: string): Intake {
  const entry = parseEntryText(text, name);
  if (entry.not_before !== undefined) {
    const at = Date.parse(entry.not_before);
    if (at > Date.now()) return { kind: 'later', at };
  }
  const { values } = entry;
  const fault = values === undefined ? undefined : loadValues(context.spool, name, entry);
  if (fault !== undefined) return { kind: 'fault', message: fault };
  if (entry.db !== undefined && holdsPassword(entry.db))
    return bad(
      'its "db" is a URL with a password: that belongs into ~/.pgpass or HIVE_DB',
      { name, text },
      'BAD_TARGET',
    );
  const target = targetOf(context.config, entry.db);
  const whole = values ? serializeEntry(entry) : text;
  // It could be applied, but not be put back or into failed/, where its error has to fit in as well.
  if (values && Buffer.byteLength(whole) > MAX_ENTRY_BYTES - ERROR_BYTES) {
    return bad(`with its values it has more than the ${MAX_ENTRY_BYTES} bytes an entry may have`, {
      name,
      text,
    });
  }
  const key = ledgerKey(context.identity, name, entry);
  return { kind: 'item', item: { name, entry, text: whole, values: values ?? [], key, target } };
}

/** @param entry its text, which may still tell the job. */
function bad(message: string, entry?: { name: string; text: string }, code = 'BAD_ENTRY'): Intake {
  const error = { code, message, at: new Date().toISOString() };
  const fate = entry && fateOfBad(entry.name, entry.text, error);
  return { kind: 'bad', error, ...(fate === undefined ? {} : { fate }) };
}

function fateOfBad(name: string, text: string, { code, message }: EntryError): Fate | undefined {
  try {
    const { job, id, metadata } = JSON.parse(text) as Partial<Record<keyof Entry, unknown>>;
    if (typeof job !== 'string') return undefined;
    const named = {
      metadata: typeof metadata === 'object' && metadata !== null ? (metadata as Entry['metadata']) : {},
      ...(typeof id === 'string' ? { id } : {}),
    };
    const item = itemOf(named, splitName(name)?.seq ?? name);
    return { job, name, item, state: 'failed', error: message, details: { code } };
  } catch {
    return undefined;
  }
}
