import { type ErrorCode, QueueError } from '../errors.js';
/** What a bundle says went wrong; plain data, because errors of another bundle are of another class. */
export interface Failure {
    readonly code: ErrorCode;
    readonly message: string;
    readonly hint?: string;
}
/** A system that can't read files now is no bug of ours, and the entry is written nowhere: the caller is told so. */
export declare function load<T>(file: string): T;
export declare function errorOf({ code, message, hint }: Failure): QueueError;
