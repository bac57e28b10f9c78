import { type Binding, type Step } from './params.js';
import { type Statement } from './statements.js';
export declare const LEDGER = "_queue_ledger";
export declare const MIGRATIONS = "_queue_migrations";
/** How far the ledger was pruned; see maintenance/backups/ledger.ts. */
export declare const PRUNED = "_queue_pruned";
/** The content hashes of structured rows; see hashes.ts. */
export declare const HASHES = "_queue_hashes";
/** How far queue-sync is with the files that it has taken; see sync/bookkeeping.ts. */
export declare const SYNC = "_queue_sync";
/** The queue's own: no entry may write to them. */
export declare const OWN_TABLES: readonly string[];
/** The savepoint around each entry of a batch. */
export declare const SAVEPOINT = "_queue_entry";
export interface Plan {
    /** Run in autocommit before the body. */
    readonly before: readonly Step[];
    /** Run as one atomic unit. */
    readonly body: readonly Step[];
    /** Run in autocommit after the body was committed. */
    readonly after: readonly Step[];
    /** The entry must not share a transaction with others. */
    readonly alone: boolean;
    /** The connection is no longer the one we set up once this has run. */
    readonly reopen: boolean;
    readonly binding: Binding;
    /** The entry is a structured row with these parts, and no SQL; see call.ts. */
    readonly call: readonly string[] | undefined;
}
/**
 * Plans one entry's SQL.
 * @throws EntryFault when it can't be an entry.
 */
export declare function planSql(sql: string, allowAttach: boolean): Plan;
/**
 * Why a statement can't be part of a migration, or undefined when it can. A migration is one transaction of ours,
 * has no values to bind, and leaves the connection as it was.
 */
export declare function refusalInMigration(statement: Statement): string | undefined;
