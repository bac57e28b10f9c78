/**
 * --replay-failed: TABLE_queue.failed.jsonl is taken like a queue file, and stays as .bak; so does queue.failed.jsonl,
 * which has the same records and is only kept.
 *
 * Steps, each of which may be done again: a second name, .bak, for the file; the rename into .taken/. A crash between
 * them leaves the file where it is, under both names, and the next --replay-failed takes the name that is there for its
 * own. After the rename it is settled like any other taken file.
 */
import { lstatSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { linkOrCopy } from '../spool/publish.ts';
import {
  FAILED_SUFFIX,
  type QueuePlace,
  type Refusal,
  refusalOf,
  tablesWith,
  takeFailed,
  writing,
} from './place.ts';

/** Takes all files of failures. @throws QueueError when one can't be kept. */
export function takeFailures(place: QueuePlace): Refusal[] {
  const refused: Refusal[] = [];
  for (const table of tablesWith(place, FAILED_SUFFIX)) {
    const path = join(place.dir, table + FAILED_SUFFIX);
    const why = refusalOf(lstatSync(path, { throwIfNoEntry: false }));
    if (why !== undefined) {
      refused.push({ path, why });
      continue;
    }
    writing(`${path}.bak`, () => keep(path));
    const refusal = takeFailed(place, table);
    if (refusal) refused.push(refusal);
  }
  if (lstatSync(place.failed, { throwIfNoEntry: false })?.isFile()) {
    writing(`${place.failed}.bak`, () => {
      keep(place.failed);
      unlinkSync(place.failed);
    });
  }
  return refused;
}

/** Gives a file a second name: .bak, or .bak.1 and so on where others stand. */
function keep(path: string): void {
  const { ino, dev } = statSync(path);
  for (let number = 0; ; number++) {
    const name = number === 0 ? `${path}.bak` : `${path}.bak.${number}`;
    const there = lstatSync(name, { throwIfNoEntry: false });
    if (there?.ino === ino && there.dev === dev) return;
    if (there === undefined && linkOrCopy(path, name)) return;
  }
}
