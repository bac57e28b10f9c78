import { type Entry } from './entry.js';
import { type Spool } from './layout.js';
/** A block has numbers of this many microseconds ahead of the clock at most, for bash producers leave those to Node. */
export declare const MAX_BLOCK = 1000;
export interface Block {
    /** The first number, in microseconds; the others follow one by one. */
    readonly first: number;
    /** The file names, in order. */
    readonly names: readonly string[];
    readonly texts: readonly string[];
}
/** How far it came. */
export interface Published {
    /** So many are in pending/, the first of the block. */
    readonly count: number;
    /** Why not all. */
    readonly error?: Error;
}
/**
 * Gives the drafts their names; nothing is published yet.
 * @throws QueueError SPOOL_UNSAFE, SPOOL_UNWRITABLE.
 */
export declare function nameBlock(spool: Spool, drafts: readonly Omit<Entry, 'seq'>[], onReset?: (message: string) => void): Block;
/** Puts a block into pending/. Never throws: what went wrong stands beside how far it came. */
export declare function publishBlock(spool: Spool, { names, texts }: Block, durable: boolean): Published;
