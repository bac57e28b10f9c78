import type { Item } from './intake.js';
import { type Work } from './work.js';
/**
 * Applies and settles a batch.
 * @throws system errors when the spool can't be written; the manifest is then still there to recover from.
 */
export declare function applyBatch(work: Work, items: readonly Item[]): void;
