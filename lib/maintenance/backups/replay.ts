/**
 * Applying the journal onto a database: what it has already, its ledger knows, and is passed over.
 *
 * The same code as the worker's applies the entries, in batches, with the time at which each was applied first
 * (sink/past.ts). An entry that fails now is reported, and the others go on.
 */
import { type Config, databasePath } from '../../config.ts';
import { QueueError } from '../../errors.ts';
import { openSink, type Sink } from '../../sink/sink.ts';
import { type EntryError, parseEntryText } from '../../spool/entry.ts';
import {
  comparePositions,
  journalEnd,
  journalStart,
  later,
  type PlacedLine,
  type Position,
  readJournal,
} from '../../spool/journal-read.ts';
import { checkSpool, type Spool } from '../../spool/layout.ts';
import { applyItems } from '../../worker/apply.ts';
import type { Item } from '../../worker/intake.ts';
import { withQueueHeld } from '../hold.ts';
import { addNote, isPart, type Note, readNotes } from './history.ts';
import { prunedUntil } from './ledger.ts';

export interface ReplayOptions {
  readonly spool: Spool;
  readonly config: Config;
  /** The database as entries name it. */
  readonly database: string;
  /** The file to apply to; it may be a copy. */
  readonly file: string;
  readonly from: Position;
  readonly until: Position;
  /** Notes of earlier restores and replays that the reading goes by. */
  readonly notes: readonly Note[];
  /** Names of entries that are left out. */
  readonly except: readonly string[];
  readonly only?: string | undefined;
  /** Lists what would be applied, and applies nothing. */
  readonly dryRun?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface ReplayReport {
  applied: number;
  /** The database had them already. */
  duplicates: number;
  /** Left out: by `except` or `only`, by an earlier restore, or for another database. */
  skipped: number;
  readonly failed: { name: string; operation: string; error: EntryError }[];
  /** Of a dry run: what would be applied. */
  readonly planned: { name: string; operation: string; appliedAt: string }[];
}

const CHUNK = 1000;
const CHUNK_CHARACTERS = 8_000_000;

/** An item and when it was applied first. */
interface PastItem extends Item {
  readonly appliedAt: string;
}

/** @throws SinkOutage when the database can't be used; QueueError NOT_FOUND for a gap in the journal. */
export function replay(options: ReplayOptions): ReplayReport {
  const { spool, config, file, from, until, onProgress = () => {} } = options;
  const report: ReplayReport = { applied: 0, duplicates: 0, skipped: 0, failed: [], planned: [] };
  let now = '';
  const sink = openSink(file, {
    busyTimeout: config.busyTimeout,
    exactlyOnce: true,
    allowAttach: config.allowAttach,
    mustExist: true,
    createDirectory: false,
    clock: () => now,
  });
  try {
    const start = later(from, prunedUntil(file, spool) ?? from);
    let chunk: PastItem[] = [];
    let characters = 0;
    const flush = (): void => {
      if (options.dryRun) plan(sink, chunk, report);
      else
        applyAll(sink, chunk, report, (item) => {
          now = item.appliedAt;
        });
      chunk = [];
      characters = 0;
    };
    for (const line of readJournal(spool, start, until)) {
      const item = itemOf(options, line);
      if (!item) {
        report.skipped += 1;
        continue;
      }
      chunk.push(item);
      characters += line.text.length;
      if (chunk.length < CHUNK && characters < CHUNK_CHARACTERS) continue;
      flush();
      onProgress(line.end.file * 1e9 + line.end.offset, until.file * 1e9 + until.offset);
    }
    flush();
    return report;
  } finally {
    sink.close();
  }
}

export interface ForwardOptions {
  readonly config: Config;
  readonly spool: Spool;
  readonly database: string;
  /** Default: where the journal begins. */
  readonly from?: Position | undefined;
  readonly until?: Until | undefined;
  readonly except?: readonly string[] | undefined;
  readonly only?: string | undefined;
  readonly dryRun?: boolean | undefined;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Applies to the database what it lacks of the journal, while the queue is held. What the last restore has left out is taken
 * in: that is the way forward after a rollback.
 * @throws as `replay`; NOT_FOUND when the journal has no such entry; WORKER.
 */
export async function replayJournal(options: ForwardOptions): Promise<ReplayReport> {
  const {
    config,
    spool,
    database,
    until,
    except = [],
    only,
    dryRun = false,
    onProgress = () => {},
  } = options;
  if (!checkSpool(spool)) throw new QueueError('NOT_FOUND', `there is no journal: ${spool.base} is no spool`);
  const work = (): ReplayReport => {
    const from = options.from ?? journalStart(spool);
    const end = journalEnd(spool);
    const stop = findPlace(spool, from, until)?.stop;
    if (!stop)
      throw new QueueError(
        'NOT_FOUND',
        `the journal has no entry ${until && 'name' in until ? until.name : ''}`,
      );
    const all = readNotes(spool, database);
    const lastRestore = all.findLastIndex(({ kind }) => kind === 'restore');
    const notes = lastRestore === -1 ? all : all.slice(0, lastRestore);
    const reach = { from, until: stop, except, only };
    const report = replay({ ...reach, spool, config, database, file: database, notes, dryRun, onProgress });
    if (!dryRun && report.applied > 0) {
      const at = new Date().toISOString();
      addNote(spool, { kind: 'replay', at, database, ...reach, end, seen: notes.length, seenByBackup: 0 });
    }
    return report;
  };
  return dryRun ? work() : withQueueHeld(spool, 'replay', work);
}

/** How far: up to and with an entry (or, with `before`, up to it), or up to a time in epoch milliseconds. */
export type Until = { readonly name: string; readonly before?: boolean } | { readonly time: number };

export interface Place {
  readonly stop: Position;
  /** Of these notes those that had been written by then: what was restored later had not happened yet. */
  readonly seen: (notes: readonly Note[]) => readonly Note[];
}

/**
 * The place in the journal that `until` means; of a time, before the first entry that was applied after it.
 * @returns undefined when no entry from `from` on has that name.
 */
export function findPlace(spool: Spool, from: Position, until: Until | undefined): Place | undefined {
  const end = journalEnd(spool);
  if (until === undefined) return { stop: end, seen: (notes) => notes };
  if ('time' in until) {
    const seen = (notes: readonly Note[]): readonly Note[] =>
      upTo(notes, ({ at }) => Date.parse(at) <= until.time);
    if (comparePositions(from, end) > 0) return { stop: from, seen };
    for (const line of readJournal(spool, from, end)) {
      if (Date.parse(line.appliedAt) > until.time) return { stop: line.start, seen };
    }
    return { stop: end, seen };
  }
  if (comparePositions(from, end) > 0) return undefined;
  for (const line of readJournal(spool, from, end)) {
    if (line.name !== until.name) continue;
    const seen = (notes: readonly Note[]): readonly Note[] =>
      upTo(notes, (note) => comparePositions(note.end, line.start) <= 0);
    return { stop: until.before ? line.start : line.end, seen };
  }
  return undefined;
}

function upTo(notes: readonly Note[], isSeen: (note: Note) => boolean): readonly Note[] {
  const first = notes.findIndex((note) => !isSeen(note));
  return first === -1 ? notes : notes.slice(0, first);
}

/** Undefined for a line that is left out. */
function itemOf(
  options: ReplayOptions,
  { text, name, key, appliedAt, start }: PlacedLine,
): PastItem | undefined {
  const { config, database, notes, except, only } = options;
  if (except.includes(name)) return undefined;
  const entry = parseEntryText(text, name);
  if (only !== undefined && entry.operation !== only) return undefined;
  const target = entry.db === undefined ? config.database : databasePath(entry.db, config.projectRoot);
  if (target !== database || !isPart({ start, name, operation: entry.operation }, notes)) return undefined;
  return { name, entry, text, values: [], key, target, appliedAt };
}

function applyAll(
  sink: Sink,
  items: readonly PastItem[],
  report: ReplayReport,
  enter: (item: PastItem) => void,
): void {
  const settle: Parameters<typeof applyItems>[2]['settle'] = (results) => {
    for (const { item, outcome } of results) {
      if (outcome.kind === 'applied') report.applied += 1;
      else if (outcome.kind === 'duplicate') report.duplicates += 1;
      else report.failed.push({ name: item.name, operation: item.entry.operation, error: outcome.error });
    }
  };
  for (let rest = items; rest.length > 0; ) {
    const progress = applyItems(sink, rest, {
      enter: (item) => enter(item as PastItem),
      leave: () => {},
      settle,
    });
    if (progress.outage) throw progress.outage;
    rest = rest.slice(progress.consumed);
  }
}

function plan(sink: Sink, items: readonly PastItem[], report: ReplayReport): void {
  const known = sink.applied(items.map(({ key }) => key));
  for (const { name, key, entry, appliedAt } of items) {
    if (known.has(key)) report.duplicates += 1;
    else report.planned.push({ name, operation: entry.operation, appliedAt });
  }
}
