import { type Spool } from '../spool/layout.js';
export declare function maintLog(spool: Spool): string;
/**
 * Adds lines, and an empty one.
 * @throws QueueError SPOOL_UNSAFE, system errors when there is no spool or it can't be written.
 */
export declare function appendToMaintLog(spool: Spool, lines: readonly string[]): void;
