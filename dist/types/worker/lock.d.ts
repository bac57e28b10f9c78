/** A spool, or another directory in which only one process may work at a time. */
export interface Place {
    /** The lock's path. */
    readonly lock: string;
}
export declare class WorkerLock {
    #private;
    private constructor();
    /** @returns the lock, or undefined when another worker holds it. */
    static tryAcquire(place: Place): WorkerLock | undefined;
    /** False when the file was removed or replaced: another worker could then lock the new one. */
    isOurs(): boolean;
    release(): void;
}
