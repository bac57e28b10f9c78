export interface Line {
    /** Offset of its first byte. */
    readonly start: number;
    /** Offset after its newline. */
    readonly next: number;
    /** Without the newline; valid until the next call. undefined: it is longer than MAX_LINE_BYTES. */
    readonly bytes: Buffer | undefined;
}
/** A longer line is not held in memory. */
export declare const MAX_LINE_BYTES: number;
export declare class LineReader {
    #private;
    constructor(fd: number, offset: number);
    /** The next lines, as far as they are in the window, at most `max`; none when no whole line is left. */
    take(max: number): Line[];
    /** Goes back to an offset within what the last take() gave. */
    back(offset: number): void;
    /** What follows the last newline, once take() has given nothing. undefined: it is too long to be held. */
    rest(): Buffer | undefined;
}
