/**
 * Renames `temporary` over `database`; what was there stays as `aside`, with its companions when it is too damaged to
 * be closed properly.
 * @param atLast called when nobody writes to the database any more, before anything is changed.
 * @returns whether there was anything to set aside.
 * @throws QueueError DATABASE when another process has the database open; nothing is changed then.
 */
export declare function swapIn(temporary: string, database: string, aside: string, atLast: () => void): boolean;
/**
 * Removes a second name of the database, which a restore that ended before its rename has left: who opened it would
 * not see the -wal, nor be seen.
 */
export declare function removeTwin(database: string, aside: string): void;
