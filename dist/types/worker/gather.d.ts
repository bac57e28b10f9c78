import type { Spool } from '../spool/layout.js';
import type { Backlog } from './backlog.js';
/** For how many milliseconds the next batch may wait; 0 when it is to be taken. */
export declare function gatherFor(spool: Spool, backlog: Pick<Backlog, 'ready' | 'peek'>): number;
