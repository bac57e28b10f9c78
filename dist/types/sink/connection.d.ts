import { type Db, type Prepared } from './driver.js';
import { Ledger } from './ledger.js';
import { Migrator } from './migrate.js';
import { PlanCache } from './plan-cache.js';
import { RowWriter } from './rows.js';
import type { SinkOptions } from './sink.js';
export declare class Connection {
    #private;
    readonly db: Db;
    readonly ledger: Ledger | undefined;
    readonly migrator: Migrator;
    /** Prepared statements belong to the connection, and so do the plans that hold them. */
    readonly plans: PlanCache;
    readonly begin: Prepared;
    readonly commit: Prepared;
    readonly savepoint: Prepared;
    readonly release: Prepared;
    readonly rollbackTo: Prepared;
    /** @throws SinkOutage when the database can't be used now. */
    constructor(path: string, options: SinkOptions);
    /** Writes structured rows; most connections have none to write. */
    get rows(): RowWriter;
    /** Starts a write transaction in which the ledger's table exists. */
    start(): void;
    /**
     * True when the path leads to another file than the one that is open, or to none; or when its WAL or the index of
     * that was removed or replaced: nobody else would see what we write, and closing brings ours into the file.
     */
    changed(): boolean;
    close(): void;
}
