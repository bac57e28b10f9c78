/** Names of entries that are not to be looked at before a time of their own: delayed, retried, not finished yet. */
export declare class PutOff {
    #private;
    get size(): number;
    /** The earliest of the times; infinite when there is none. */
    get next(): number;
    has(name: string): boolean;
    add(name: string, at: number): void;
    addUnfinished(name: string, at: number): void;
    /** The time of all that are unfinished is now. */
    hurryUnfinished(): void;
    /** Takes out those whose time has come. */
    takeDue(now: number): string[];
    clear(): void;
}
