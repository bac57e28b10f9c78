/** What of the journal a restore applies onto a backup, and the reasons why it can't. */
import { QueueError } from '../../errors.ts';
import { spoolIdentity } from '../../spool/identity.ts';
import {
  comparePositions,
  formatPosition,
  JOURNAL_START,
  journalEnd,
  journalStart,
  type Position,
  parsePosition,
  readJournal,
} from '../../spool/journal-read.ts';
import { checkSpool, type Spool } from '../../spool/layout.ts';
import { type Note, readNotes } from './history.ts';
import { findPlace, type Until } from './place.ts';
import { checkExcept, noLedger } from './replay.ts';
import type { Label } from './shelf.ts';

/** As in RestoreOptions. */
interface PlanOptions {
  readonly spool: Spool;
  readonly database: string;
  readonly file: string;
  readonly until?: Until | undefined;
  readonly except?: readonly string[];
  readonly withJournal?: boolean;
  readonly exactlyOnce: boolean;
}

export interface Plan {
  readonly from: Position;
  readonly until: Position;
  readonly end: Position;
  readonly notes: readonly Note[];
  readonly seenByBackup: number;
}

/** What of the journal is to be applied. */
export function planReplay(options: PlanOptions, label: Label | undefined): Plan | undefined {
  const { spool, database, until, withJournal = true, file } = options;
  if (!withJournal && (until || options.except?.length)) {
    throw new QueueError('USAGE', 'without the journal there is nothing to stop at and nothing to leave out');
  }
  if (!checkSpool(spool)) {
    if (until) throw new QueueError('NOT_FOUND', `there is no journal: ${spool.base} is no spool`);
    return undefined;
  }
  const isForeign = label !== undefined && label.spool !== spoolIdentity(spool);
  const noted = isForeign ? JOURNAL_START : label?.position ? parsePosition(label.position) : undefined;
  const from = noted ?? journalStart(spool);
  const end = journalEnd(spool);
  const notes = readNotes(spool, database);
  const seenByBackup = isForeign ? 0 : Math.min(label?.notes ?? 0, notes.length);
  if (!withJournal) return { from, until: from, end, notes: [], seenByBackup };
  if (!options.exactlyOnce) throw noLedger();
  checkReplayable(options, label, from, end);
  if (until && 'time' in until && label && reachOf(spool, from, label) > until.time) {
    throw new QueueError('NOT_FOUND', `${file} was made at ${label.createdAt}, after that time`, {
      hint: 'Take an older one: queue-maint list shows them.',
    });
  }
  const place = findPlace(spool, from, until);
  if (!place) {
    throw new QueueError('NOT_FOUND', `the journal since ${file} has no entry ${nameIn(until)}`, {
      hint: 'It may have been applied before the backup was made: take an older one. queue-maint list shows them.',
    });
  }
  checkExcept(spool, from, place.stop, options.except ?? []);
  return { from, until: place.stop, end, notes: place.seen(notes), seenByBackup };
}

/** When what the backup has was applied last, by the journal; where that is gone, when the backup was made. */
function reachOf(spool: Spool, from: Position, label: Label): number {
  const first = journalStart(spool);
  const file = from.offset > 0 ? from.file : Math.max(first.file, from.file - 1);
  let last = label.createdAt;
  if (file < first.file) return Date.parse(last);
  for (const { appliedAt } of readJournal(spool, { file, offset: 0 }, from)) last = appliedAt;
  return Date.parse(last);
}

function nameIn(until: Until | undefined): string {
  return until && 'name' in until ? until.name : '';
}

function checkReplayable(
  { spool, file }: PlanOptions,
  label: Label | undefined,
  from: Position,
  end: Position,
): void {
  if (label && !label.ledger) throw noReplay(`${file} was made before a worker had written to the database`);
  if (label && label.spool !== spoolIdentity(spool)) {
    throw noReplay(`${file} was made beside another spool, or before this one was reset`);
  }
  if (comparePositions(from, end) <= 0) return;
  const places = `the journal ends at ${formatPosition(end)}, and it was made at ${formatPosition(from)}`;
  throw noReplay(`${file} is newer than the journal: ${places}`);
}

function noReplay(why: string): QueueError {
  return new QueueError('NOT_FOUND', `the journal can't be replayed: ${why}`, {
    hint: '--no-journal restores the backup as it is.',
  });
}
