/**
 * What an alert can be about, found by looking at the spool from outside: dead letters, the age of the oldest entry,
 * room on the disks, workers that have died; and what a worker tells of its databases.
 *
 * It takes no lock, and lists pending/ and failed/ no oftener than they can bear: pending/ again when twenty times as
 * much time has passed as the last look took, failed/ when it has changed. What can't be looked at (a directory that
 * can't be read, a disk that is gone) is neither found nor over, and keeps nothing else from being told.
 */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { type AlertSettings, isUrl } from '../config.ts';
import { codeOf } from '../errors.ts';
import type { Spool } from '../spool/layout.ts';
import { letterNames } from '../spool/letters.ts';
import { isEmpty, listing, mtimeOf, TICK_MS } from '../spool/listing.ts';
import { type OldestDue, oldestDue } from '../spool/oldest.ts';
import { readPauses } from '../spool/pause.ts';
import type { Stats } from '../spool/stats.ts';
import { type Finding, isRecent, type Look } from './incidents.ts';
import { lastLetter } from './last-letter.ts';
import { deaths } from './runs.ts';
import type { AlertState } from './state.ts';

/** What only the worker knows. */
export interface WorkerFacts {
  readonly outages: Stats['outages'];
  /** Databases that have taken a batch of this worker's, and are in no outage. */
  readonly working: readonly string[];
  /** Entries that have failed, by this worker's count. */
  readonly failed: number;
  /** It has tried everything there was to apply: no entry waits for a database but those of `outages`. */
  readonly hasTriedAll: boolean;
}

const CRASHES = 3;
/** A disk that swings around the limit is no news every time. */
const DISK_MARGIN = 1.1;
const AGE_LOOK_COST = 20;

export class Eyes {
  readonly #spool: Spool;
  readonly #settings: AlertSettings;
  /** The databases' directories are looked at for room. */
  readonly #database: string;
  readonly #isOutside: boolean;
  /** By the worker's count, at the last look; it counts since the spool was made. */
  #failedCount: number | undefined;
  #lettersAt = -1;
  #letters: string[] = [];
  #oldest: OldestDue | 'delayed' | undefined;
  #oldestLookAt = Number.NEGATIVE_INFINITY;
  /** performance.now() when an outage was first heard of: the wall clock may be set. */
  readonly #outageSince = new Map<string, number>();
  /** Kinds of incidents that could not be looked for. */
  readonly #unseen = new Set<string>();

  /** @param isOutside no worker's: what is seen is all that is known. */
  constructor(spool: Spool, settings: AlertSettings, database: string, isOutside = false) {
    this.#spool = spool;
    this.#isOutside = isOutside;
    this.#settings = settings;
    this.#database = database;
  }

  /** Reads what may take its time. To be called before `look`. */
  open(): void {
    this.#unseen.clear();
    this.#see('age', () => this.#lookAtAge());
    this.#see('failed', () => this.#lookAtLetters());
  }

  /** @param facts undefined when no worker asks, or it has not told anything yet. */
  look(state: AlertState, facts?: WorkerFacts): Look {
    const found = [
      ...this.#failed(state, facts),
      ...this.#outages(facts),
      ...(this.#see('age', () => this.#age()) ?? []),
      ...(this.#see('crash', () => this.#crashes(state)) ?? []),
      ...(this.#see('disk', () => this.#disk(state)) ?? []),
    ];
    const isOver: Look['isOver'] = (key, { kind }) =>
      this.#unseen.has(kind) ? undefined : this.#over(key, kind, facts);
    return { found, isOver };
  }

  /** What the system does not let us see is left for the next look. */
  #see<T>(kind: string, look: () => T): T | undefined {
    try {
      return look();
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      this.#unseen.add(kind);
      return undefined;
    }
  }

  #lookAtLetters(): void {
    const changed = mtimeOf(this.#spool.failed);
    if (changed === this.#lettersAt) return;
    this.#letters = letterNames(listing(this.#spool.failed)).sort();
    // What comes within the same tick of the file system's clock leaves the time as it is.
    this.#lettersAt = Math.abs(Date.now() - changed) < TICK_MS ? Number.NaN : changed;
  }

  #failed(state: AlertState, facts: WorkerFacts | undefined): Finding[] {
    const count = this.#letters.length;
    const counted = facts?.failed;
    const isNew = count > state.letters || (counted ?? 0) > (this.#failedCount ?? counted ?? 0);
    this.#failedCount = counted ?? this.#failedCount;
    state.letters = count;
    if (isNew && count > 0) state.failedAt = Date.now();
    if (count === 0 || !isRecent(state.failedAt, Date.now(), Math.max(1, this.#settings.interval))) return [];
    const known = state.incidents.failed;
    const last = isNew || !known ? lastLetter(this.#spool, this.#letters) : undefined;
    return [
      {
        key: 'failed',
        kind: 'failed',
        subject: 'failed',
        since: new Date(state.failedAt).toISOString(),
        what: last === undefined && known ? known.what : `${dead(count)}; the last: ${last ?? 'unknown'}`,
        advice: 'queue-failed list; correct the cause, then queue-failed retry, or discard',
      },
    ];
  }

  #outages(facts: WorkerFacts | undefined): Finding[] {
    if (!facts || this.#settings.outage === 0) return [];
    const now = performance.now();
    for (const target of this.#outageSince.keys()) {
      if (!Object.hasOwn(facts.outages, target)) this.#outageSince.delete(target);
    }
    return Object.entries(facts.outages).flatMap(([target, { message, since }]) => {
      const began = this.#outageSince.get(target) ?? now;
      this.#outageSince.set(target, began);
      if (now - began < this.#settings.outage * 1000) return [];
      const name = target === 'spool' ? 'the spool' : nameOf(target);
      return [
        {
          key: `outage:${nameOf(target)}`,
          kind: 'outage',
          subject: 'worker',
          since,
          what: `${name} can't be used: ${message.replace(/^database .*? can't be used: /, '')}`,
          advice:
            'nothing is lost, entries wait; correct the cause, the worker goes on by itself: queue-status',
        },
      ];
    });
  }

  #lookAtAge(): void {
    if (this.#settings.age === 0 || performance.now() < this.#oldestLookAt) return;
    const start = performance.now();
    this.#oldest = oldestDue(this.#spool, this.#settings.age);
    const took = performance.now() - start;
    this.#oldestLookAt = performance.now() + took * AGE_LOOK_COST;
  }

  #age(): Finding[] {
    if (typeof this.#oldest !== 'object') return [];
    const { name, seconds } = this.#oldest;
    const { all, operations } = readPauses(this.#spool);
    const pause = all ? '; the queue is paused' : operations.length > 0 ? '; operations are paused' : '';
    return [
      {
        key: 'age',
        kind: 'age',
        subject: 'oldest',
        since: new Date(Date.now() - seconds * 1000).toISOString(),
        what: `entries have been waiting for over ${this.#settings.age} s, ${name} the longest${pause}`,
        advice: all ? 'resume the queue' : 'queue-status says what the worker is doing; queue-worker logs',
      },
    ];
  }

  #crashes(state: AlertState): Finding[] {
    const died = deaths(this.#spool);
    if (died.length < (state.incidents.crash ? 1 : CRASHES)) return [];
    return [
      {
        key: 'crash',
        kind: 'crash',
        subject: 'crash',
        since: new Date(died[0] as number).toISOString(),
        what: `the worker dies again and again: ${died.length} times in ten minutes`,
        advice:
          'queue-worker logs; an entry that kills it ends in failed/ by itself; is memory short (dmesg)?',
      },
    ];
  }

  #disk(state: AlertState): Finding[] {
    if (this.#settings.disk === 0) return [];
    const limit = this.#settings.disk * (state.incidents.disk ? DISK_MARGIN : 1);
    const paths = [this.#spool.base, ...(isUrl(this.#database) ? [] : [dirname(this.#database)])];
    const [least] = paths.map(freeAt).sort((a, b) => a.free - b.free);
    if (!least || least.free >= limit) return [];
    return [
      {
        key: 'disk',
        kind: 'disk',
        subject: 'disk',
        since: new Date().toISOString(),
        what: `the disk is nearly full: ${megabytes(least.free)} free at ${least.path}`,
        advice:
          'free some space; queue-cleanup --archive compresses the journal, queue-maint prune old backups',
      },
    ];
  }

  #over(key: string, kind: string, facts: WorkerFacts | undefined): string | undefined {
    switch (kind) {
      case 'failed':
        return this.#letters.length === 0
          ? 'no failed entries are left'
          : `no entry has failed for ${this.#settings.interval} s; ${dead(this.#letters.length)}`;
      case 'age':
        return this.#settings.age === 0
          ? 'ages are not looked at any more'
          : 'no entry has been waiting for long';
      case 'crash':
        return 'no worker has died for ten minutes';
      case 'disk':
        return this.#settings.disk === 0
          ? 'the disk is not looked at any more'
          : 'there is room on the disk again';
      case 'outage':
        return this.#outageOver(key.slice('outage:'.length), facts);
      default:
        return undefined;
    }
  }

  /**
   * A worker knows, once it has tried: its database has taken a batch, or nothing waits for it any more but what is held
   * or has its time still to come. From outside it is seen that nothing waits at all, though no worker runs.
   */
  #outageOver(target: string, facts: WorkerFacts | undefined): string | undefined {
    const nothingWaits = `nothing waits for ${target} any more`;
    if (!facts)
      return this.#isOutside && target !== 'spool' && isSurelyEmpty(this.#spool.pending)
        ? nothingWaits
        : undefined;
    const { outages, working, hasTriedAll } = facts;
    if (Object.keys(outages).some((other) => nameOf(other) === target)) return undefined;
    if (target === 'spool')
      return hasTriedAll || working.length > 0 ? 'the spool can be used again' : undefined;
    if (working.some((other) => nameOf(other) === target)) return `${target} can be used again`;
    return hasTriedAll ? nothingWaits : undefined;
  }
}

/** Of a URL host and database: it may hold a password, and a server has many databases. */
function nameOf(target: string): string {
  if (!isUrl(target) || !URL.canParse(target)) return target;
  const { host, pathname } = new URL(target);
  return host + pathname;
}

function dead(count: number): string {
  return count === 1 ? '1 failed entry is in failed/' : `${count} failed entries are in failed/`;
}

/** False when it can't be read. */
function isSurelyEmpty(directory: string): boolean {
  try {
    return isEmpty(directory);
  } catch {
    return false;
  }
}

function freeAt(path: string): { path: string; free: number } {
  const { bavail, bsize } = statfsSync(path);
  return { path, free: bavail * bsize };
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / 1024 ** 2)} MB`;
}
