export declare class Lanes {
    #private;
    /** @param aging seconds of waiting that raise an entry by one priority; 0 = off. */
    constructor(aging?: number);
    get size(): number;
    /** Adds names that are not in yet, in any order; each must be an entry name. */
    add(names: readonly string[]): void;
    /**
     * Takes the next name.
     * @param nowMicros the time that waiting is measured against; only looked at with aging.
     */
    take(nowMicros: number): string | undefined;
    /** The next `count` names without taking them; with aging, only about. */
    peek(count: number): string[];
}
/** The priority in an entry name's first two digits. */
export declare function priorityOf(name: string): number;
