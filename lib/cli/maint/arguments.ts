/** Arguments that several commands of queue-maint take. */
import { resolve } from 'node:path';
import type { Until } from '../../maintenance/backups/place.ts';
import { backupDirectory } from '../../maintenance/backups/shelf.ts';
import { isEntryName } from '../../spool/entry.ts';
import { numberOption, usage } from '../runner.ts';

const ZONE = /(Z|[+-]\d\d:?\d\d)$/i;

/**
 * --until, the entry or the time after which nothing is applied; or --before, the first entry that is not.
 * @throws QueueError USAGE for what is neither, or a time that does not say in which zone.
 */
export function untilOf(text: string | undefined, before: string | undefined): Until | undefined {
  if (before !== undefined) {
    if (text !== undefined) throw usage('--until and --before exclude each other');
    return { name: entryNames('--before', [before])[0] as string, before: true };
  }
  if (text === undefined) return undefined;
  const name = text.endsWith('.json') ? text : `${text}.json`;
  if (isEntryName(name)) return { name };
  const time = Date.parse(text);
  if (Number.isNaN(time)) {
    throw usage(`--until is '${text}': it is neither the name of an entry nor a time`, TIME_HINT);
  }
  if (!ZONE.test(text)) throw usage(`--until is '${text}': it does not say in which zone`, TIME_HINT);
  return { time };
}

const TIME_HINT = 'For example 2026-01-31T18:00:00Z, 2026-01-31T18:00:00+01:00 or 05_1767328963123456_50032.';

/** @throws QueueError USAGE for what can't be the name of an entry. */
export function entryNames(option: string, texts: readonly string[] | undefined): string[] {
  return (texts ?? []).map((text) => {
    const name = text.endsWith('.json') ? text : `${text}.json`;
    if (!isEntryName(name)) throw usage(`${option} is '${text}': that is not the name of an entry`);
    return name;
  });
}

/** @throws QueueError USAGE. */
export function countOption(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = numberOption(name, text, { min: 1, max: 1_000_000 });
  if (!Number.isInteger(value)) throw usage(`${name} is '${text}': it must be a whole number`);
  return value;
}

/** The directory of backups: --dir, from the working directory, or the database's own. */
export function directoryOf(dir: string | undefined, database: string): string {
  if (dir === '') throw usage('--dir is empty');
  return dir === undefined ? backupDirectory(database) : resolve(dir);
}
