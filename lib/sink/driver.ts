/**
 * Loads better-sqlite3 when the first database is opened, and not before: modules that only mention the sink
 * must not pay for the native addon, nor die of it where it can't be loaded.
 */
import { realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import type Database from 'better-sqlite3';
import { messageOf } from '../errors.ts';
import { SinkOutage } from './outage.ts';

export type Db = Database.Database;
export type Prepared = Database.Statement<unknown[]>;

let driver: typeof Database | undefined;

/** @throws SinkOutage (reason NO_DRIVER) when the addon can't be loaded in this Node. */
export function loadDriver(target: string): typeof Database {
  if (driver) return driver;
  // The addon does not refuse an older Node, it crashes it.
  if (Number.parseInt(process.versions.node, 10) < 22) {
    throw new SinkOutage(target, 'NO_DRIVER', `Node ${process.versions.node} is too old`, {
      hint: 'Run with Node 22 or later.',
    });
  }
  try {
    driver = createRequire(import.meta.url)('better-sqlite3') as typeof Database;
  } catch (error) {
    throw new SinkOutage(target, 'NO_DRIVER', `better-sqlite3 can't be loaded: ${messageOf(error)}`, {
      hint: 'Install hookspool again with npm.',
      cause: error,
    });
  }
  return driver;
}

/** True when SQLite would wait for a FIFO in the place of the rollback journal, which it looks at first. */
export function hasWaitingJournal(path: string): boolean {
  try {
    return statSync(`${path}-journal`, { throwIfNoEntry: false })?.isFIFO() ?? false;
  } catch {
    return false;
  }
}

/** A path without symlinks, as far as it is there. */
export function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
