/** Which part of the journal a restore takes in: from where the backup stands to where the user wants to be. */
import { QueueError } from '../../errors.ts';
import { spoolIdentity } from '../../spool/identity.ts';
import {
  comparePositions,
  formatPosition,
  journalEnd,
  journalStart,
  later,
  type PlacedLine,
  type Position,
  parsePosition,
  readJournal,
} from '../../spool/journal-read.ts';
import { checkSpool, type Spool } from '../../spool/layout.ts';
import { type Note, readNotes } from './history.ts';
import { findPlace, type Until } from './replay.ts';
import type { Label } from './shelf.ts';

const TAKE_OLDER = 'Take an older one: queue-maint list shows them.';

export interface PlanOptions {
  readonly spool: Spool;
  readonly database: string;
  /** The backup. */
  readonly file: string;
  readonly until?: Until | undefined;
  readonly except?: readonly string[];
  readonly withJournal?: boolean;
}

export interface Plan {
  readonly from: Position;
  readonly until: Position;
  readonly end: Position;
  readonly notes: readonly Note[];
  readonly seenByBackup: number;
}

/**
 * What of the journal is to be applied; undefined: there is no journal.
 * @throws QueueError NOT_FOUND when it can't be, saying why; USAGE.
 */
export function planReplay(options: PlanOptions, label: Label | undefined): Plan | undefined {
  const { spool, database, until, withJournal = true, file } = options;
  if (!withJournal && (until || options.except?.length)) {
    throw new QueueError('USAGE', 'without the journal there is nothing to stop at and nothing to leave out');
  }
  if (!checkSpool(spool)) {
    if (until) throw new QueueError('NOT_FOUND', `there is no journal: ${spool.base} is no spool`);
    return undefined;
  }
  const from = (label?.position ? parsePosition(label.position) : undefined) ?? journalStart(spool);
  const end = journalEnd(spool);
  const notes = readNotes(spool, database);
  const seenByBackup = Math.min(label?.notes ?? 0, notes.length);
  if (!withJournal) return { from, until: from, end, notes: [], seenByBackup };
  checkReplayable(options, label, from, end);
  const place = findPlace(spool, from, until);
  if (!place) {
    throw new QueueError('NOT_FOUND', `the journal since ${file} has no entry ${nameIn(until)}`, {
      hint: `It may have been applied before the backup was made. ${TAKE_OLDER}`,
    });
  }
  if (label && until && 'time' in until && isBeyond(spool, from, until.time)) {
    throw new QueueError('NOT_FOUND', `${file} has entries that were applied after that time`, {
      hint: `${TAKE_OLDER} --no-journal restores this one as it is.`,
    });
  }
  return { from, until: place.stop, end, notes: place.seen(notes), seenByBackup };
}

/** True when something before this place in the journal was applied after `time`. */
function isBeyond(spool: Spool, place: Position, time: number): boolean {
  const file = place.offset > 0 ? place.file : place.file - 1;
  let last: PlacedLine | undefined;
  for (const line of readJournal(spool, later(journalStart(spool), { file, offset: 0 }), place)) last = line;
  return last !== undefined && Date.parse(last.appliedAt) > time;
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
