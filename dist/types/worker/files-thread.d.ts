import type { Spool } from '../spool/layout.js';
export declare class FilesThread {
    #private;
    /** Settled names that may still stand in pending/. */
    readonly leaving: Set<string>;
    /** @param onGone called for each name that has left pending/. */
    constructor(spool: Spool, onGone: (name: string) => void);
    /** Reads these ahead; those that are here or asked for already are not read again. */
    readAhead(names: readonly string[]): void;
    /** The text of an entry if it has been read ahead; it is handed out once. */
    take(name: string): string | undefined;
    /** True when it has so much to unlink that the main thread is the quicker one. */
    get isBehind(): boolean;
    /** Unlinks settled entries; until that is done they are in `leaving`. */
    unlink(names: readonly string[]): void;
    /** Resolves when the thread has done some more of what it was asked, or has died. Only while something is asked. */
    report(): Promise<void>;
    /** @throws Error when the thread could not unlink or has died: recovery then finds what is left. */
    check(): void;
    end(): Promise<void>;
}
/** True in this thread; dist/threads.cjs then calls `runFilesThread`. */
export declare function isFilesThread(): boolean;
export declare function runFilesThread(): void;
