import type { DatabasePages } from './pages.js';
/** @throws QueueError DATABASE naming the directory that has too little. */
export declare function requireSpace(path: string, { pages, freePages, pageSize, journalMode, size }: DatabasePages): void;
/** What a user without privileges may still write there. */
export declare function freeBytes(directory: string): number;
