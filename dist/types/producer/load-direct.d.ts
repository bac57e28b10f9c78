/** Loads dist/direct.cjs, the direct write and structured rows, when it is needed. */
import type { DirectSuccess } from './direct.js';
import type { WriteRequest } from './enqueue.js';
type DirectModule = typeof import('./direct.js');
/** @throws QueueError ENTRY_FAILED when the SQL fails, DATABASE when the database can't be used. */
export declare function writeDirect(...args: Parameters<DirectModule['writeDirect']>): DirectSuccess;
/** @throws QueueError `code` when the row can't be one. */
export declare function rowRequest(...args: Parameters<DirectModule['rowRequest']>): WriteRequest;
/** @throws QueueError USAGE when no entry may hold the URL. */
export declare function checkUrl(...args: Parameters<DirectModule['checkUrl']>): void;
export declare function wasDuplicateRow(...args: Parameters<DirectModule['wasDuplicateRow']>): boolean;
export {};
