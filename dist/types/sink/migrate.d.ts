import type { Db, Prepared } from './driver.js';
export interface MigratorOptions {
    /** The database, for messages. */
    readonly target: string;
    readonly begin: Prepared;
    readonly commit: Prepared;
    /** Called with what the user should know and no entry is to blame for. */
    readonly warn: (message: string) => void;
}
export declare class Migrator {
    #private;
    constructor(db: Db, options: MigratorOptions);
    /** A transaction begins: files may have been replaced since the last one. */
    lookAgain(): void;
    /** True when nothing is to be done for the file: the database is known to have it, or it is missing. */
    isSettled(path: string): boolean;
    /**
     * Applies those migrations of the file that the database lacks. Call it outside a transaction. A file that is
     * missing is no error: the entry's own SQL tells whether it can do without.
     * @throws EntryFault BAD_SCHEMA when the file or its SQL is wrong; the migrations before that one stay.
     * @throws SinkOutage with `duringEntry: true` when the database fails while a migration runs, the driver's error
     *   when it does anywhere else, where no SQL of the file has a say. In all cases a transaction may be left open.
     */
    apply(path: string): void;
}
