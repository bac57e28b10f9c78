import type { Spool } from '../../spool/layout.js';
import { type DatabasePages } from './pages.js';
export interface VacuumOptions {
    readonly busyTimeout?: number;
    /** Changes the database to auto_vacuum=INCREMENTAL, which `vacuumIncrementally` needs. */
    readonly enableIncremental?: boolean;
    /** Told how far it is, of `total`. */
    readonly onProgress?: (done: number, total: number) => void;
}
export interface VacuumReport {
    readonly path: string;
    readonly before: DatabasePages;
    readonly after: DatabasePages;
    /** A reader was in the way: the WAL could not be emptied, and the file is cut by a later checkpoint. */
    readonly busy: boolean;
    readonly seconds: number;
}
/**
 * How many seconds a vacuum may take.
 * @throws QueueError DATABASE when there is too little space for one, or the database can't be read.
 */
export declare function planVacuum(path: string, { busyTimeout }?: Pick<VacuumOptions, 'busyTimeout'>): {
    seconds: number;
};
/**
 * @throws QueueError DATABASE as above, or when a lock is not given up in time; WORKER when the worker does not
 *   leave.
 */
export declare function vacuumDatabase(spool: Spool, path: string, options?: VacuumOptions): Promise<VacuumReport>;
