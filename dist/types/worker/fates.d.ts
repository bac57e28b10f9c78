/** What an item's job is told of it; nothing of an entry without a job. */
import { type Fate } from '../jobs/items.js';
import type { EntryError } from '../spool/entry.js';
import type { Item } from './intake.js';
/** Applied, or skipped because its key was applied before. `micros` is not known after a crash. */
export declare function doneFate(item: Item, micros?: number, isDuplicate?: boolean): Fate[];
/** To be in failed/. */
export declare function failedFate(item: Item, error: EntryError, micros?: number): Fate[];
/** Its job was cancelled before it was applied. */
export declare function withdrawnFate(item: Item): Fate[];
