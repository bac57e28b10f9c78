import { type Spool } from './layout.js';
/** No door may have the worker wait longer: its clock may have been ahead. */
export declare const MAX_WINDOW_MS = 60000;
export declare const MAX_WINDOW_ENTRIES = 100000;
export interface Window {
    readonly pid: number;
    /** Milliseconds since 1970. */
    readonly until: number;
    readonly max: number;
}
/** The note of this process. */
export declare class DoorNote {
    #private;
    /** @throws system errors; QueueError SPOOL_UNSAFE. */
    constructor(spool: Spool);
    /** Until then, or until there are so many, the worker may wait for more. */
    gather(until: number, max: number): void;
    /** The worker is to wait no more. */
    shut(): void;
    /** @param isDone nothing of this door is in pending/. */
    close(isDone: boolean): void;
}
/** The windows that are open now. */
export declare function openWindows(spool: Spool, now?: number): Window[];
/** The pid in an entry's name; NaN when it has none. */
export declare function pidOf(name: string): number;
/** The entries of doors that were there before this process, until they have left pending/. */
export declare class FormerDoors {
    #private;
    /** Call it before the note of this process is made: one of the same pid may have been left. */
    constructor(spool: Spool);
    /** True when nothing of them is in pending/. Looks at the directory for no more than a tenth of the time. */
    areDone(): boolean;
}
