/** A place in the journal as users name it: an entry, a moment. */
import { comparePositions, journalEnd, type Position, readJournal } from '../../spool/journal-read.ts';
import type { Spool } from '../../spool/layout.ts';
import type { Note } from './history.ts';

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
