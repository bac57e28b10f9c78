import type Database from 'better-sqlite3';
export type Db = Database.Database;
export type Prepared = Database.Statement<unknown[]>;
/** @throws SinkOutage (reason NO_DRIVER) when the addon can't be loaded in this Node. */
export declare function loadDriver(target: string): typeof Database;
