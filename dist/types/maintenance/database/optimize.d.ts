/**
 * Optimizing: what a database needs now and then. Plain it is quick at any size, and may run beside the worker; full it
 * takes the time of an analysis of all tables, and of a vacuum where much is free.
 */
import type { Spool } from '../../spool/layout.js';
import { type DatabasePages } from './pages.js';
/** A full one vacuums from this part of free pages on: below, a vacuum costs more than it gives back. */
export declare const VACUUM_FROM = 0.1;
export interface OptimizeOptions {
    /** Analyzes all tables to the last row, vacuums, and empties the WAL. */
    readonly full?: boolean;
    readonly busyTimeout?: number;
    /** Told what begins, and how far it is. */
    readonly onProgress?: (what: 'analyze' | 'vacuum', done: number, total: number) => void;
}
export interface OptimizeReport {
    readonly path: string;
    readonly full: boolean;
    readonly before: DatabasePages;
    readonly after: DatabasePages;
    /** Tables whose statistics were made anew. */
    readonly analyzed: readonly string[];
    readonly vacuumed: boolean;
    /** A reader was in the way of the checkpoint: the WAL is as large as before. */
    readonly busy: boolean;
    readonly seconds: number;
}
/** @throws QueueError as its parts do. */
export declare function optimizeDatabase(spool: Spool, path: string, { full, busyTimeout, onProgress }?: OptimizeOptions): Promise<OptimizeReport>;
