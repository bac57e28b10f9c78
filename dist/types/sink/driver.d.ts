import type Database from 'better-sqlite3';
export type Db = Database.Database;
export type Prepared = Database.Statement<unknown[]>;
/** @throws SinkOutage (reason NO_DRIVER) when the addon can't be loaded in this Node. */
export declare function loadDriver(target: string): typeof Database;
/** True when SQLite would wait for a FIFO in the place of the rollback journal, which it looks at first. */
export declare function hasWaitingJournal(path: string): boolean;
/** A path without symlinks, as far as it is there. */
export declare function realPathOf(path: string): string;
