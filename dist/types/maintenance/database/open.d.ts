import { type Db } from '../../sink/driver.js';
import { SinkOutage } from '../../sink/outage.js';
export interface OpenOptions {
    /** Opens the database only for reading. */
    readonly readonly?: boolean;
    /** Milliseconds to wait for another connection's lock; default 5000. */
    readonly busyTimeout?: number;
}
/**
 * Opens the database for `work` and closes it.
 * @throws SinkOutage when it can't be used.
 */
export declare function withDatabase<T>(path: string, options: OpenOptions, work: (db: Db) => T): T;
/** @throws the driver's errors as they are; SinkOutage when there is no driver. */
export declare function connect(path: string, { readonly, busyTimeout }: OpenOptions): Db;
/** @throws SinkOutage when there is no file; when it is a FIFO, opening it would wait for ever. */
export declare function requireDatabase(path: string): void;
/** What the driver threw, with what to do about it. */
export declare function failureOf(path: string, error: unknown): SinkOutage;
