/**
 * alerts.json: which incidents there are, and the messages that are on their way.
 *
 * Promises: a reader sees the old file or the new one; worker and queue-maint change it one after the other; what can't
 * be read counts as empty (an incident may then be told twice, never not at all); a message is in it before it is sent
 * and leaves it after, so a SIGKILL loses none. Killed between a webhook's answer and the note of it, a message is sent
 * again, with the same id. Where locking or writing fails, on a full disk say, it goes on without: that is the moment to
 * tell someone.
 */
import { closeSync, constants, fstatSync, lstatSync, rmdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import lockfile from 'proper-lockfile';
import { codeOf } from '../errors.ts';
import type { Spool } from '../spool/layout.ts';
import { openOwnFile, replaceFile } from '../spool/publish.ts';
import { readOwnFile } from '../spool/read.ts';
import type { Message } from './message.ts';

export type Channel = 'webhook' | 'command';

/** Trouble that was found, and is not over as far as is known. */
export interface Incident {
  /** failed, outage, age, crash, disk or health. */
  readonly kind: string;
  /** What it is about: of one subject the worker and queue-maint health do not both speak. */
  readonly subject: string;
  readonly since: string;
  readonly what: string;
  readonly advice: string;
  /** Its message is on its way or has arrived. */
  readonly told: boolean;
}

export interface Parcel {
  readonly channel: Channel;
  readonly message: Message;
  /** Tries that have begun. */
  readonly tries: number;
  /** Epoch milliseconds before which it is not tried (again). */
  readonly due: number;
  /** When `due` was set: before that time the clock has been set back, and the pause is over. */
  readonly from?: number;
  /** Who is sending it now, and until when at most. */
  readonly claim?: { readonly pid: number; readonly until: number };
}

export interface AlertState {
  incidents: Record<string, Incident>;
  outbox: Parcel[];
  /** When the last incident of a key was told, in epoch milliseconds. */
  toldAt: Record<string, number>;
  /** Dead letters at the last look. */
  letters: number;
  /** When entries failed last, in epoch milliseconds. */
  failedAt: number;
}

/** A change takes milliseconds. A lock that nobody has renewed for this long is a dead process's, whatever its date. */
const PATIENCE_MS = 2500;
/** After this long of others taking turns it is done without. */
const MAX_WAIT_MS = 10_000;
const LOOK_MS = 10;
/** As stat(2) counts them. */
const BLOCK_BYTES = 512;

/** A process's way to the file. */
export class AlertStore {
  readonly #spool: Spool;
  readonly #path: string;
  /** What could not be written; it counts until it can. */
  #unsaved: AlertState | undefined;

  constructor(spool: Spool) {
    this.#spool = spool;
    this.#path = join(spool.base, 'alerts.json');
  }

  read(): AlertState {
    return this.#unsaved ?? readState(this.#path);
  }

  /**
   * Changes the state, alone. `change` must be quick and must not wait. What can't be written is kept in mind.
   */
  async change<T>(change: (state: AlertState) => T): Promise<T> {
    const release = await lock(this.#path);
    try {
      const state = this.read();
      const before = JSON.stringify(state);
      const result = change(state);
      const after = JSON.stringify(state);
      if (after !== before || this.#unsaved) this.#save(state, after);
      return result;
    } finally {
      release();
    }
  }

  #save(state: AlertState, text: string): void {
    try {
      replaceFile(this.#spool, this.#path, `${text}\n`);
      this.#unsaved = undefined;
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      this.#unsaved = overwrite(this.#path, text) ? undefined : state;
    }
  }
}

/**
 * Into the room that the file has already: on a full disk the next process would otherwise tell everything once more. One
 * that dies in the middle leaves what can't be read.
 * @returns whether all of it is there.
 */
function overwrite(path: string, text: string): boolean {
  try {
    const fd = openOwnFile(path, constants.O_WRONLY);
    try {
      const { size, blocks } = fstatSync(fd);
      const bytes = Buffer.from(text.padEnd(size));
      const fits = bytes.length <= blocks * BLOCK_BYTES;
      return fits && writeSync(fd, bytes, 0, bytes.length, 0) === bytes.length;
    } finally {
      closeSync(fd);
    }
  } catch {
    // It is not there, or can't be written either.
    return false;
  }
}

function readState(path: string): AlertState {
  try {
    return soundState(JSON.parse(readOwnFile(path)?.toString() ?? '{}'));
  } catch {
    return soundState({});
  }
}

async function lock(path: string): Promise<() => void> {
  const end = performance.now() + MAX_WAIT_MS;
  let seen: number | undefined;
  let seenAt = 0;
  for (;;) {
    try {
      const release = lockfile.lockSync(path, { realpath: false, stale: 2000, onCompromised: () => {} });
      return () => {
        try {
          release();
        } catch {
          // Taken over meanwhile: this process was suspended for seconds. What it has written is whole all the same.
        }
      };
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      if (codeOf(error) !== 'ELOCKED' || performance.now() > end) return () => {};
    }
    const renewed = lstatSync(`${path}.lock`, { throwIfNoEntry: false })?.mtimeMs;
    if (renewed !== seen) [seen, seenAt] = [renewed, performance.now()];
    else if (performance.now() - seenAt > PATIENCE_MS) removeDirectory(`${path}.lock`);
    await new Promise((done) => setTimeout(done, LOOK_MS));
  }
}

function removeDirectory(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // It holds something, or is none.
  }
}

/** What of a file that anyone may have edited has the form of a state. */
function soundState(value: unknown): AlertState {
  const { incidents, outbox, toldAt, letters, failedAt } = fieldsOf(value);
  return {
    incidents: Object.fromEntries(Object.entries(fieldsOf(incidents)).filter(isIncident)),
    outbox: (Array.isArray(outbox) ? outbox : []).filter(isParcel),
    toldAt: Object.fromEntries(Object.entries(fieldsOf(toldAt)).filter(isNumber)),
    letters: Number.isSafeInteger(letters) ? (letters as number) : 0,
    failedAt: typeof failedAt === 'number' ? failedAt : 0,
  };
}

function isIncident(item: [string, unknown]): item is [string, Incident] {
  const { told, ...texts } = fieldsOf(item[1]);
  return typeof told === 'boolean' && hasTexts(texts, ['kind', 'subject', 'since', 'what', 'advice']);
}

function isNumber(item: [string, unknown]): item is [string, number] {
  return typeof item[1] === 'number';
}

function isParcel(value: unknown): value is Parcel {
  const { channel, message, tries, due } = fieldsOf(value);
  return (
    (channel === 'webhook' || channel === 'command') &&
    hasTexts(fieldsOf(message), ['id', 'kind', 'phase', 'what', 'advice', 'since', 'host', 'spool']) &&
    typeof tries === 'number' &&
    typeof due === 'number'
  );
}

function hasTexts(fields: Record<string, unknown>, names: readonly string[]): boolean {
  return names.every((name) => typeof fields[name] === 'string');
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
