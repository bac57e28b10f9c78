import type { Config } from '../config.js';
import type { Spool } from '../spool/layout.js';
export declare class Backlog {
    #private;
    /** The highest sequence number seen. */
    highest: number;
    constructor(spool: Spool, config: Pick<Config, 'pollInterval' | 'aging'>, laneLimit?: number);
    /** Names ready to be taken, of those that are held. */
    get ready(): number;
    /** True while there are names to be taken, or there may be when pending/ has been listed again. */
    get hasMore(): boolean;
    /** True for a name that is in a lane, in hand, put off or parked. */
    has(name: string): boolean;
    /** Names put off: delayed, unfinished, waiting for a retry or for their database. */
    get putOff(): number;
    /** Takes the next name; it stays known until `forget`. undefined when none is ready or a listing must come first. */
    take(): string | undefined;
    /** About the next `count` names, still to be taken. */
    peek(count: number): string[];
    /** The name has left pending/. */
    forget(name: string): void;
    /** Names that were taken and not settled go back to their places. */
    putBack(names: readonly string[]): void;
    /** Looks at a taken name again in `ms` milliseconds. */
    putOffFor(name: string, ms: number): void;
    /** The same for one whose writer has not finished. */
    putOffUnfinished(name: string, ms: number): void;
    /** Looks at all names that are put off at once (their database is back, or --once wants to know). */
    resumeAll(): void;
    /** Forgets everything it knows and lists anew: after a fault that left pending/ in doubt. */
    reset(): void;
    /** Brings the lanes up to date: events, a listing where one is due, and names whose time has come. */
    refill(): void;
    /** Lists pending/ now. @returns how many new names it found, those that wait for the next listing included. */
    list(): number;
    /**
     * Waits for an event, for the next name's time, or for a poll; at most `maxMs`. Of names that are expected it is told
     * a little later, with those that have come meanwhile.
     */
    wait(maxMs: number, isExpected?: (name: string) => boolean): Promise<void>;
    /** Waits for a poll and looks at nothing meanwhile: nothing is to be taken now. */
    rest(): Promise<void>;
    /** Ends a `wait` early. */
    interrupt(): void;
    close(): void;
    /** Names in pending/ that are no entry's, each once. */
    takeOdd(): string[];
}
