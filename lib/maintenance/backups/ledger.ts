/**
 * Pruning the ledger: rows of entries that were applied long ago go, and replay stays sound.
 *
 * How: the journal is read from where the last pruning ended, and the rows of just those entries are deleted whose
 * lines are older than the retention; in the same transaction the place that was reached is written into
 * `_queue_pruned(spool, position)`. So for every entry of a spool's journal the database, and every copy of it, knows
 * whether it has it: before that place it has, after it the ledger tells. A replay starts at that place at the
 * earliest. It stops before an entry that the database should have and whose row is not there: it may be missing, in
 * a database that was put back by hand. An entry that still stands in pending/ keeps its row, however old.
 *
 * What goes with a row is the memory of a key that the caller chose (--id): a write with the same key is applied again.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../config.ts';
import type { Db } from '../../sink/driver.ts';
import { Ledger } from '../../sink/ledger.ts';
import { LEDGER, PRUNED } from '../../sink/plan.ts';
import { type Entry, parseEntryText } from '../../spool/entry.ts';
import { spoolIdentity } from '../../spool/identity.ts';
import {
  formatPosition,
  JOURNAL_START,
  journalEnd,
  journalStart,
  later,
  type PlacedLine,
  type Position,
  parsePosition,
  readJournal,
} from '../../spool/journal-read.ts';
import { checkSpool, type Spool } from '../../spool/layout.ts';
import { withDatabase } from '../database/open.ts';
import { isPart, type Note, readNotes } from './history.ts';
import { entriesFor } from './target.ts';

/** Rows deleted in one transaction: a few milliseconds of other writers' time. */
const ROWS_AT_ONCE = 1000;
const DAY_MS = 86_400_000;

export interface PruneLedgerOptions {
  readonly config: Config;
  readonly spool: Spool;
  readonly database: string;
  /** Rows of entries applied so many days ago or earlier go. */
  readonly days: number;
  readonly dryRun: boolean;
}

export interface PruneLedgerReport {
  /** Rows deleted, or that would be. */
  readonly rows: number;
  /** The place in the journal that was reached. */
  readonly position: string;
  /** The entry that ended it before the retention did, because the ledger does not have it. */
  readonly stoppedAt: string | undefined;
}

/** @throws SinkOutage when the database can't be used; QueueError NOT_FOUND for a gap in the journal. */
export function pruneLedger(options: PruneLedgerOptions): PruneLedgerReport {
  const { config, spool, database, days, dryRun } = options;
  // Of files that were removed nothing can be replayed: their rows stay, and what is there is gone through.
  let reached = checkSpool(spool)
    ? later(prunedUntil(database, spool) ?? JOURNAL_START, journalStart(spool))
    : JOURNAL_START;
  let rows = 0;
  let stoppedAt: string | undefined;
  const report = (): PruneLedgerReport => ({ rows, position: formatPosition(reached), stoppedAt });
  if (!checkSpool(spool)) return report();
  return withDatabase(database, { readonly: dryRun, busyTimeout: config.busyTimeout }, (db) => {
    if (!hasTable(db, LEDGER)) return report();
    const limit = Date.now() - days * DAY_MS;
    const setting = { spool, notes: readNotes(spool, database), isOurs: entriesFor(database, config) };
    let lines: PlacedLine[] = [];
    const flush = (): void => {
      const { keys, end, missing } = settled(db, lines, setting);
      reached = end ?? reached;
      stoppedAt = missing;
      rows += dryRun ? keys.length : deleteRows(db, keys, spoolIdentity(spool), reached);
      lines = [];
    };
    for (const line of readJournal(spool, reached, later(reached, journalEnd(spool)))) {
      if (Date.parse(line.appliedAt) > limit) break;
      lines.push(line);
      if (lines.length >= ROWS_AT_ONCE) flush();
      if (stoppedAt !== undefined) break;
    }
    if (lines.length > 0) flush();
    return report();
  });
}

interface Settled {
  /** Rows that are there and may go. */
  readonly keys: string[];
  /** Behind the last line that is settled. */
  readonly end: Position | undefined;
  /** The first entry whose row should be there and is not. */
  readonly missing: string | undefined;
}

interface Setting {
  readonly spool: Spool;
  readonly notes: readonly Note[];
  readonly isOurs: (entry: Entry) => boolean;
}

function settled(db: Db, lines: readonly PlacedLine[], { spool, notes, isOurs }: Setting): Settled {
  const known = new Ledger(db).find(lines.map(({ key }) => key));
  const keys: string[] = [];
  let end: Position | undefined;
  for (const line of lines) {
    const { name, key, start } = line;
    const entry = entryOf(line);
    if (entry && isOurs(entry)) {
      if (!known.has(key) && isPart({ start, name, operation: entry.operation }, notes))
        return { keys, end, missing: name };
      // A crash between COMMIT and unlink has left it there, and only its row keeps it from being applied again.
      if (known.has(key) && !existsSync(join(spool.pending, name))) keys.push(key);
    }
    end = line.end;
  }
  return { keys, end, missing: undefined };
}

/** Up to where the spool's journal is applied to this database for certain, rows in the ledger or not. */
export function prunedUntil(database: string, spool: Spool): Position | undefined {
  if (!checkSpool(spool)) return undefined;
  return withDatabase(database, { readonly: true }, (db) => {
    if (!hasTable(db, PRUNED)) return undefined;
    const position = db
      .prepare(`SELECT position FROM main.${PRUNED} WHERE spool = ?`)
      .pluck()
      .get(spoolIdentity(spool));
    return typeof position === 'string' ? parsePosition(position) : undefined;
  });
}

/** Undefined for a damaged line: no replay applies that. */
function entryOf({ text, name }: PlacedLine): Entry | undefined {
  try {
    return parseEntryText(text, name);
  } catch {
    return undefined;
  }
}

function deleteRows(db: Db, keys: readonly string[], spool: string, reached: Position): number {
  db.pragma('synchronous = FULL');
  db.exec('BEGIN IMMEDIATE');
  try {
    db.exec(
      `CREATE TABLE IF NOT EXISTS main.${PRUNED}(spool TEXT PRIMARY KEY NOT NULL, position TEXT NOT NULL) WITHOUT ROWID`,
    );
    db.prepare(
      `INSERT INTO main.${PRUNED} VALUES (?, ?) ON CONFLICT(spool) DO UPDATE SET position = excluded.position`,
    ).run(spool, formatPosition(reached));
    const { changes } = db
      .prepare(`DELETE FROM main.${LEDGER} WHERE id IN (SELECT value FROM json_each(?))`)
      .run(JSON.stringify(keys));
    db.exec('COMMIT');
    return changes;
  } finally {
    if (db.inTransaction) db.exec('ROLLBACK');
  }
}

function hasTable(db: Db, name: string): boolean {
  return (
    db.prepare("SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?").get(name) !== undefined
  );
}
