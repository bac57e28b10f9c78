import { type AlertSettings } from '../config.js';
import type { Spool } from '../spool/layout.js';
import type { Stats } from '../spool/stats.js';
import { type Look } from './incidents.js';
import type { AlertState } from './state.js';
/** What only the worker knows. */
export interface WorkerFacts {
    readonly outages: Stats['outages'];
    /** Databases that have taken a batch of this worker's, and are in no outage. */
    readonly working: readonly string[];
    /** Entries that have failed, by this worker's count. */
    readonly failed: number;
}
export declare class Eyes {
    #private;
    constructor(spool: Spool, settings: AlertSettings, database: string);
    /** Reads what may take its time. To be called before `look`. */
    open(): void;
    /** @param facts undefined when no worker asks, or has not told anything yet. */
    look(state: AlertState, facts?: WorkerFacts): Look;
}
