import { type Spool } from './layout.js';
export interface Pauses {
    /** The whole queue. */
    readonly all: boolean;
    readonly operations: readonly string[];
}
export declare function readPauses(spool: Spool): Pauses;
/** Changes with every pause and resume; 0 when there never was one. One stat(2). */
export declare function pausesChanged(spool: Spool): number;
/** Pauses an operation, or, without one, the whole queue. @returns false when it was paused already. */
export declare function pauseQueue(spool: Spool, operation?: string): boolean;
/** Ends a pause. @returns false when there was none. */
export declare function resumeQueue(spool: Spool, operation?: string): boolean;
