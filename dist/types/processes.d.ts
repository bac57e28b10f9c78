/** True of someone else's, too, and of a zombie; the pid may have been given to another process since. */
export declare function isRunning(pid: number): boolean;
/** The paths a process has open (Linux, one's own processes); undefined where the system does not tell. */
export declare function openFiles(pid: number): Set<string> | undefined;
