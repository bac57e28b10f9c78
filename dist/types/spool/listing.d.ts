/**
 * Calls `visit` with each name, in no order. In portions: half the time of readdirSync, which sorts, and memory for
 * one portion.
 * @throws system errors; ENOENT when there is no such directory.
 */
export declare function forEachName(directory: string, visit: (name: string) => void): void;
/** The names in a directory; none when it is not there (yet). */
export declare function listing(directory: string): string[];
