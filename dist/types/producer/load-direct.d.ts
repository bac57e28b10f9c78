type DirectModule = typeof import('./direct.js');
/** @throws QueueError ENTRY_FAILED when the SQL fails, DATABASE when the database can't be used. */
export declare function writeDirect(...args: Parameters<DirectModule['writeDirect']>): void;
export {};
