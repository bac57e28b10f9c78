import type { Work } from './work.js';
/**
 * True when nothing is left that could be applied now: what is held or paused is left, and the summary tells of it, as
 * of a database that has been down for as long as is waited for it.
 */
export declare function isDrained(work: Work): boolean;
