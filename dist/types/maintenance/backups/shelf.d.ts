export interface Label {
    readonly format: 1;
    /** The absolute path of the database it was made of. */
    readonly database: string;
    readonly name: string;
    /** ISO 8601, UTC. */
    readonly createdAt: string;
    /** Of the file as it stands there, compressed or not. */
    readonly bytes: number;
    /** CRC-32 of the file, eight hex digits: against decay, for who can change the file can change this. null: not taken. */
    readonly crc32: string | null;
    /** The random name of the spool whose journal `position` is about; null: there was no spool. */
    readonly spool: string | null;
    /** Everything in the journal before this position is in the backup; the ledger in it knows the rest. */
    readonly position: string | null;
    /** How many notes of restores and replays there were; see history.ts. */
    readonly notes: number;
    /** False: no worker had written to the database yet, so that nothing can be replayed onto it. */
    readonly ledger: boolean;
    readonly verified: Verified | null;
}
export interface Verified {
    /** ISO 8601, UTC. */
    readonly at: string;
    readonly ok: boolean;
    readonly problems: readonly string[];
}
export interface Backup {
    /** The absolute path. */
    readonly path: string;
    readonly name: string;
    /** From the file's name: epoch milliseconds. */
    readonly time: number;
    readonly bytes: number;
    /** Undefined when it is missing or unreadable. */
    readonly label: Label | undefined;
}
/** The directory for the backups of a database, unless another is named. */
export declare function backupDirectory(database: string): string;
/** The name of a database's backups, unless another is given. */
export declare function backupName(database: string): string;
/** @throws QueueError USAGE when it can't be part of a file's name. */
export declare function checkName(name: string): void;
export declare function labelPath(backup: string): string;
/** The time in a file's name, UTC: 20260131_180000. */
export declare function stampOf(time: Date): string;
/**
 * Claims a free name in a directory that is there: `time`, or a second or more later when that one is taken.
 * @returns the path of the backup to come; its label is there, and empty.
 */
export declare function claimPath(directory: string, name: string, time: Date, suffix: '.db' | '.db.gz'): string;
/** Replaces a backup's label, on disk when it returns. */
export declare function writeLabel(backup: string, label: Label): void;
/** Undefined when it is missing, empty or no label. */
export declare function readLabel(backup: string): Label | undefined;
/** The backups in a directory, newest first; none when it is not there. */
export declare function listBackups(directory: string): Backup[];
/** Labels without a backup, old enough to be nobody's claim. */
export declare function staleLabels(directory: string): string[];
