/**
 * Applying the journal onto a database: what it has already, its ledger knows, and is passed over.
 *
 * The same code as the worker's applies the entries, in batches, with the time at which each was applied first
 * (sink/past.ts). An entry that fails now is reported, and the others go on.
 */
import type { Config } from '../../config.ts';
import { messageOf, QueueError } from '../../errors.ts';
import { Ledger } from '../../sink/ledger.ts';
import { openSink, type Sink } from '../../sink/sink.ts';
import { type Entry, type EntryError, parseEntryText } from '../../spool/entry.ts';
import {
  formatPosition,
  journalEnd,
  journalStart,
  later,
  type PlacedLine,
  type Position,
  readJournal,
} from '../../spool/journal-read.ts';
import { checkSpool, type Spool } from '../../spool/layout.ts';
import { applyItems, isDuplicateRow } from '../../worker/apply.ts';
import type { Item } from '../../worker/intake.ts';
import { withDatabase } from '../database/open.ts';
import { withQueueHeld } from '../hold.ts';
import { addNote, isPart, type Note, readNotes } from './history.ts';
import { prunedUntil } from './ledger.ts';
import { findPlace, type Until } from './place.ts';
import { entriesFor } from './target.ts';

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
    // What was written to other databases then is not to be written there again.
    allowAttach: false,
    mustExist: true,
    createDirectory: false,
    clock: () => now,
  });
  try {
    const start = later(from, prunedUntil(file, spool) ?? from);
    let chunk: PastItem[] = [];
    let characters = 0;
    const isOurs = entriesFor(options.database, config);
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
      let item: PastItem | undefined;
      try {
        item = itemOf(options, isOurs, line);
      } catch (error) {
        report.failed.push({ name: line.name, operation: '', error: damageOf(error, line) });
        continue;
      }
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
  if (!config.exactlyOnce) throw noLedger();
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
    checkExcept(spool, from, stop, except);
    // First: what it says is to be there, and a replay that is interrupted is done by another.
    if (!dryRun) {
      const at = new Date().toISOString();
      addNote(spool, database, { kind: 'replay', at, ...reach, end, seen: notes.length, seenByBackup: 0 });
    }
    return replay({ ...reach, spool, config, database, file: database, notes, dryRun, onProgress });
  };
  return dryRun ? work() : withQueueHeld(spool, 'replay', work);
}

/** Without its rows, everything would be applied again. */
export function noLedger(): QueueError {
  return new QueueError(
    'USAGE',
    'QUEUE_EXACTLY_ONCE is false: no ledger is kept, and a replay goes by the ledger',
    {
      hint: '--no-journal restores a backup as it is.',
    },
  );
}

/**
 * Each must be there: a misspelt one would be applied.
 * @throws QueueError NOT_FOUND.
 */
export function checkExcept(spool: Spool, from: Position, until: Position, except: readonly string[]): void {
  if (except.length === 0) return;
  const missing = new Set(except);
  for (const { name } of readJournal(spool, from, until)) missing.delete(name);
  const [name] = missing;
  if (name === undefined) return;
  throw new QueueError(
    'NOT_FOUND',
    `the journal has no entry ${name} to leave out, from ${formatPosition(from)} on`,
    {
      hint: 'It may have been applied before the backup was made: take an older one. queue-maint list shows them.',
    },
  );
}

function damageOf(error: unknown, { start }: PlacedLine): EntryError {
  const message = `the journal at ${formatPosition(start)}: ${messageOf(error)}`;
  return { code: 'BAD_ENTRY', message, at: new Date().toISOString() };
}

/**
 * Undefined for a line that is left out.
 * @throws QueueError BAD_ENTRY for one that holds no entry: two writers in one line, a disk's decay.
 */
function itemOf(
  { database, notes, except, only }: ReplayOptions,
  isOurs: (entry: Entry) => boolean,
  { text, name, key, appliedAt, start }: PlacedLine,
): PastItem | undefined {
  if (except.includes(name)) return undefined;
  const entry = parseEntryText(text, name);
  if (only !== undefined && entry.operation !== only) return undefined;
  if (!isOurs(entry) || !isPart({ start, name, operation: entry.operation }, notes)) return undefined;
  return { name, entry, text, values: [], key, target: database, appliedAt };
}

/** Lines from `from` on whose entries this file has already: the first ones, if any. */
export function appliedAhead(file: string, spool: Spool, from: Position, until: Position): PlacedLine[] {
  const lines: PlacedLine[] = [];
  for (const line of readJournal(spool, from, until)) if (lines.push(line) >= CHUNK) break;
  return withDatabase(file, { readonly: true }, (db) => {
    const known = new Ledger(db).find(lines.map(({ key }) => key));
    return lines.filter(({ key }) => known.has(key));
  });
}

function applyAll(
  sink: Sink,
  items: readonly PastItem[],
  report: ReplayReport,
  enter: (item: PastItem) => void,
): void {
  const settle: Parameters<typeof applyItems>[2]['settle'] = (results) => {
    for (const { item, outcome } of results) {
      if (outcome.kind === 'duplicate' || isDuplicateRow(outcome)) report.duplicates += 1;
      else if (outcome.kind === 'applied') report.applied += 1;
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
