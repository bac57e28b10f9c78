import { type Spool } from '../spool/layout.js';
export declare class WorkerLock {
    #private;
    private constructor();
    /** @returns the lock, or undefined when another worker holds it. */
    static tryAcquire(spool: Spool): WorkerLock | undefined;
    /** False when the file was removed or replaced: another worker could then lock the new one. */
    isOurs(): boolean;
    release(): void;
}
