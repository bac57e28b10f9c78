/** True of someone else's, too, and of a zombie; the pid may have been given to another process since. */
export declare function isRunning(pid: number): boolean;
