export declare class Lanes {
    #private;
    /**
     * @param aging seconds of waiting that raise an entry by one priority; 0 = off.
     * @param limit how many names a lane keeps when it is cut.
     */
    constructor(aging?: number, limit?: number);
    get size(): number;
    /** True when a lane is exhausted: pending/ must be listed, after `liftHorizons`. */
    get isExhausted(): boolean;
    /** True for a name that `add` would not hold. */
    isBeyondHorizon(name: string): boolean;
    /** Lets the exhausted lanes hold any name again; whoever calls it then adds all there are. */
    liftHorizons(): void;
    /**
     * Adds names that are not in yet, in any order; each must be an entry name.
     * @returns those, of these and of the names held so far, that are beyond a horizon and so not held.
     */
    add(names: readonly string[]): string[];
    /** Forgets all names and horizons. */
    clear(): void;
    /**
     * Takes the next name; undefined when there is none, or when it is not known which it is.
     * @param nowMicros the time that waiting is measured against; only looked at with aging.
     */
    take(nowMicros: number): string | undefined;
    /** The next `count` names without taking them; with aging, only about. */
    peek(count: number): string[];
}
/** The priority in an entry name's first two digits. */
export declare function priorityOf(name: string): number;
