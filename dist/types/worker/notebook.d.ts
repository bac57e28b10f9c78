import type { Spool } from '../spool/layout.js';
import { type Stats } from '../spool/stats.js';
import type { Backlog } from './backlog.js';
export declare class Notebook {
    #private;
    constructor(spool: Spool, stats: Stats, backlog: Pick<Backlog, 'highest'>);
    /**
     * Writes down counters and floor, unless that was done in the last `interval` milliseconds. Counters are no accounts:
     * a full disk must not stop the work for their sake.
     */
    tryToNote(interval?: number): void;
}
