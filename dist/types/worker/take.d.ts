import { type Item } from './intake.js';
import { type Work } from './work.js';
/** Takes entries in order: those for a database that works are returned, the others find their place. */
export declare function takeBatch(work: Work): Item[];
/** Names in pending/ that are no entry's go to failed/. */
export declare function buryOddNames(work: Work): void;
