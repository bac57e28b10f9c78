import { type Config } from '../config.js';
import { QueueError } from '../errors.js';
import { type Sink } from '../sink/sink.js';
import type { Stats } from '../spool/stats.js';
import type { Log } from './log.js';
export declare class Targets {
    #private;
    /** Databases that have taken a batch, and are in no outage. */
    readonly working: Set<string>;
    constructor(config: Config, stats: Stats, log: Log);
    /**
     * The sink of a target, opened anew when its file was replaced or removed.
     * @throws QueueError USAGE for a target that is, or can be, no database.
     */
    sink(target: string): Sink;
    /** True when entries for the target are to be parked instead of tried. */
    isDown(target: string): boolean;
    /** Keeps a name until the target is back. */
    park(target: string, name: string): void;
    get parked(): number;
    /** For how many milliseconds the target that is down longest has been; 0 when all work. The wall clock may be set. */
    longestOutage(): number;
    /** Milliseconds until some target is tried again; infinite when all work. */
    untilNextTry(): number;
    /** Takes out up to `limit` parked names of every target whose pause is over: the next batch tries them. */
    unparkDue(limit: number): string[];
    /** The database can't be used now: nothing is lost, nobody's retries are spent. */
    failed(target: string, error: QueueError): void;
    /** The target has taken a batch. @returns the names that were parked for it. */
    works(target: string): string[];
    /** Forgets the parked names: pending/ is about to be listed anew. */
    forgetParked(): void;
    close(): void;
}
