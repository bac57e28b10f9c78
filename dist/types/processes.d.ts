/** True of someone else's, too, and of a zombie; the pid may have been given to another process since. */
export declare function isRunning(pid: number): boolean;
/** The same, but not of a zombie, where the system tells. */
export declare function isAlive(pid: number): boolean;
/** The paths a process has open (Linux, one's own processes); undefined where the system does not tell. */
export declare function openFiles(pid: number): Set<string> | undefined;
/** All processes, where the system tells (Linux). */
export declare function pids(): number[];
/**
 * Whether another process has a file open for writing. It is known by its name alone, which must be like no other: a
 * process in another mount namespace knows it by another path. `unknown`: the system does not tell, or not about all,
 * or not fast enough.
 *
 * A process may hand the file on to a child and end before its turn, or give it another number while it is looked at.
 * So whoever is new is looked at as well, and whoever closed something meanwhile once more, until nobody is left.
 */
export declare function findWriter(name: string): 'yes' | 'no' | 'unknown';
