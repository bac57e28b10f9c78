/** What an item's job is told of it; nothing of an entry without a job. */
import { type Fate, itemOf } from '../jobs/items.ts';
import type { EntryError } from '../spool/entry.ts';
import type { Item } from './intake.ts';

/** Applied, or skipped because its key was applied before. `micros` is not known after a crash. */
export function doneFate(item: Item, micros?: number, isDuplicate = false): Fate[] {
  const more = isDuplicate ? { duplicate: true } : {};
  return fate(item, 'done', undefined, more, micros);
}

/** To be in failed/. */
export function failedFate(item: Item, error: EntryError, micros?: number): Fate[] {
  const { code, message, hint } = error;
  return fate(item, 'failed', message, { code, ...(hint === undefined ? {} : { hint }) }, micros);
}

/** Its job was cancelled before it was applied. */
export function withdrawnFate(item: Item): Fate[] {
  return fate(item, 'withdrawn', 'the job was cancelled', {});
}

function fate(
  { name, entry }: Item,
  state: Fate['state'],
  error: string | undefined,
  more: object,
  micros?: number,
): Fate[] {
  if (entry.job === undefined) return [];
  const details = entry.retries > 0 ? { ...more, retries: entry.retries } : more;
  return [
    {
      job: entry.job,
      name,
      item: itemOf(entry, entry.seq),
      state,
      error,
      details: Object.keys(details).length > 0 ? details : undefined,
      durationUs: micros === undefined ? undefined : Math.round(micros),
    },
  ];
}
