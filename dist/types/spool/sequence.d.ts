import { type Spool } from './layout.js';
/** A floor further ahead than this came from a wrong clock and is dropped. */
export declare const MAX_LEAD_US: number;
/**
 * The next sequence string, `<16-digit microseconds>_<pid>`.
 * @param onReset called with a message when a floor from a wrong clock was dropped.
 * @throws system errors when `.seq` can't be read or written (EACCES, ENOSPC, EROFS).
 */
export declare function nextSequence(spool: Spool, onReset?: (message: string) => void): string;
/**
 * `count` numbers in a row, under one lock.
 * @returns the first, in microseconds.
 * @throws system errors, as nextSequence does.
 */
export declare function reserveSequences(spool: Spool, count: number, onReset?: (message: string) => void): number;
/** The number after one whose name turned out to be taken. */
export declare function sequenceAfterTie(): string;
/**
 * Raises the floor to `micros`; called by the worker with the highest number it has seen. A number from a wrong
 * clock raises nothing.
 */
export declare function raiseFloor(spool: Spool, micros: number): void;
/** The floor as it is now, read without the lock; undefined when there is none, or what stands there is none. */
export declare function floorOf(spool: Spool): number | undefined;
/** A number no other write of this process has: the clock's, more than the last. */
export declare function uniqueMicros(): number;
/** The microseconds in a sequence string or entry name, or 0 when it holds none. */
export declare function microsOf(text: string): number;
/** Microseconds since 1970: the monotonic clock's resolution where it agrees with the wall clock. */
export declare function nowMicros(): number;
/** `<16-digit microseconds>_<pid>`. */
export declare function formatSequence(micros: number, pid?: number): string;
