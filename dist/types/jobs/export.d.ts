/**
 * Jobs as JSON lines: {"job": {...}}, then a {"result": {...}} for each of its items, then the next job.
 *
 * All of it is as it was at one moment, whatever others write meanwhile.
 */
import type { Spool } from '../spool/layout.js';
/**
 * @param id one job, or, without it, all of them, oldest first.
 * @returns lines without newlines, made as they are asked for.
 * @throws QueueError NOT_FOUND.
 */
export declare function exportJobs(spool: Spool, id?: string): Generator<string>;
