/** At least one tick of any file system's clock but FAT's: what changes within it may leave an mtime as it is. */
export declare const TICK_MS = 20;
/**
 * Calls `visit` with each name, in no order. In portions: half the time of readdirSync, which sorts, and memory for
 * one portion.
 * @throws system errors; ENOENT when there is no such directory.
 */
export declare function forEachName(directory: string, visit: (name: string) => void): void;
/** The names in a directory; none when it is not there (yet). */
export declare function listing(directory: string): string[];
/** When it was last changed, in milliseconds; 0 when it is not there. */
export declare function mtimeOf(path: string): number;
