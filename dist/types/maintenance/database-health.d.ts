export interface DatabaseHealth {
    readonly path: string;
    /** ok; empty: a file of 0 bytes; missing; busy: locked at the moment; faulty: see `message`; remote: a URL. */
    readonly state: 'ok' | 'empty' | 'missing' | 'busy' | 'faulty' | 'remote';
    /** What is wrong, or null. */
    readonly message: string | null;
    /** Bytes, or null when there is no file. */
    readonly size: number | null;
    /** Bytes of the -wal file; 0 without one. */
    readonly walSize: number;
    /** 'wal', 'rollback' (delete, truncate or persist), or null when it can't be told. */
    readonly journalMode: string | null;
}
/** Never throws: whatever is wrong is in the result. */
export declare function lookAtDatabase(path: string): DatabaseHealth;
/** A -wal without its -shm was copied here, or is left from before a reboot: the next writer takes it in. */
export declare function isWalIndexThere(path: string): boolean;
