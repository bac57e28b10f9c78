import type { Entry, EntryError } from '../spool/entry.js';
export interface SinkOptions {
    /** Milliseconds to wait for another connection's lock. */
    readonly busyTimeout: number;
    /** true: a ledger of applied keys is kept in the database, in the same transaction as the entries. */
    readonly exactlyOnce: boolean;
    /** true: entries may ATTACH databases and VACUUM INTO files. */
    readonly allowAttach: boolean;
    /** true: a missing file is an outage. false: it is created, with mode 0600. */
    readonly mustExist: boolean;
    /** true: a missing parent directory is created, with mode 0700; only together with `mustExist: false`. */
    readonly createDirectory: boolean;
    /** Milliseconds an entry may run; only for a server, which stops it itself. */
    readonly statementTimeout?: number;
    /** Milliseconds to wait for a server that is not connected; without it, the sink's own choice: not long. */
    readonly connectTimeout?: number;
    /** What the SQL's 'now' is, ISO 8601: given when entries of the past are applied again; see past.ts. */
    readonly clock?: () => string;
    /** Told what the user should know and no entry is to blame for; the same thing perhaps many times. */
    readonly warn?: (message: string) => void;
}
export type Outcome = 
/** `duplicateRow`: it was a structured row that is there already; the ledger has the entry all the same. */
{
    readonly kind: 'applied';
    readonly duplicateRow?: true;
}
/** The ledger has the key already: nothing was done. */
 | {
    readonly kind: 'duplicate';
}
/**
 * The entry's own fault. It was rolled back and the transaction goes on. `transient`: the same entry may go
 * through later. See applyAlone() for the one case in which a part of it stays.
 */
 | {
    readonly kind: 'failed';
    readonly error: EntryError;
    readonly transient: boolean;
    /** What came before the statement that failed is applied for good; see applyAlone(). */
    readonly committed?: true;
}
/** Nothing was done: the entry must not share a transaction, or needs migrations; run it with applyAlone(). */
 | {
    readonly kind: 'solo';
}
/**
 * The entry ended the transaction, and its neighbours' work went with it: the whole batch is rolled back. Run
 * the others again, and this one with applyAlone().
 */
 | {
    readonly kind: 'broken';
    readonly error: EntryError;
};
export interface Sink {
    /** The absolute path of the database file, or the URL without its password. */
    readonly target: string;
    /** true: it is to be kept in an outage, in which it goes on connecting while nobody waits. */
    readonly reconnects?: boolean;
    /**
     * Opens the database if needed and starts a write transaction; one that is still open is rolled back first.
     * @throws SinkOutage.
     */
    begin(): void;
    /**
     * Applies one entry inside the open transaction, in its own savepoint and together with its ledger row. All its
     * statements take effect or none. The outcome is `solo` when its database is not known to have the migrations that
     * it names (`entry.schema`, see migrations.ts); a file that is missing is none to wait for.
     * @param key what the ledger knows the entry by.
     * @throws SinkOutage with `duringEntry: true` when the database fails while the entry runs; the transaction is
     *   then rolled back. Never throws for the entry's own fault.
     */
    apply(entry: Entry, key: string): Outcome;
    /**
     * Commits with synchronous=FULL: after return the batch survives a power cut.
     * @throws SinkOutage; the transaction is then rolled back. `duringEntry: true` when it was not for the file, the
     *   locks or the disk, but for something that an entry of the batch did.
     */
    commit(): void;
    /**
     * Applies the first of the entries, as many as one transaction takes, and commits: begin(), apply() and commit() in
     * one, for a target where each of these would cost a round trip. An outcome of `solo` is the only one.
     * @returns an outcome for each that was tried, from the first on, one at least; never `broken`.
     * @throws SinkOutage; `duringEntry: true`: the first entry may have provoked it.
     */
    applyMany?(entries: readonly {
        readonly entry: Entry;
        readonly key: string;
    }[]): Outcome[];
    /** Gives up the open transaction, if any. Never throws. */
    rollback(): void;
    /**
     * Runs one entry on its own, in a transaction of its own that is committed before return; one that is open is
     * rolled back first.
     *
     * PRAGMA, VACUUM and ATTACH at the start of the entry run before that transaction, those at its end after it,
     * in autocommit. An entry's transaction is applied exactly once, these statements at least once, when they come
     * before it, and at most once, when they come after it: if one of those fails, the outcome is `failed`, not
     * transient, and says that the rest of the entry is applied. Afterwards the connection is opened anew if the
     * entry may have changed its settings.
     *
     * Before anything else the database gets the migrations that the entry names and it lacks, each in a transaction of
     * its own that stays whatever becomes of the entry. Is the file or its SQL wrong, the outcome is `failed` with
     * BAD_SCHEMA.
     * @throws SinkOutage, with `duringEntry` as for apply().
     */
    applyAlone(entry: Entry, key: string): Outcome;
    /**
     * Which of these keys the ledger has; none when no ledger is kept.
     * @throws SinkOutage.
     */
    applied(keys: readonly string[]): Set<string>;
    /** True when another file, or none, has taken the place of the one that is open. One stat(2). */
    changed(): boolean;
    /** Closes the database, giving up an open transaction; begin() opens it again. Never throws. */
    close(): void;
}
/**
 * The sink for a target; nothing is opened yet.
 * @param target a path, or a URL: postgres:// or postgresql://.
 * @throws QueueError USAGE when there is no sink for it.
 */
export declare function openSink(target: string, options: SinkOptions): Sink;
