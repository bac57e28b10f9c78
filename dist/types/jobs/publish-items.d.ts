import type { Db } from '../sink/driver.js';
import type { Entry } from '../spool/entry.js';
import type { Spool } from '../spool/layout.js';
import { type Block, type Published } from '../spool/publish-many.js';
export interface ItemDraft {
    readonly draft: Omit<Entry, 'seq'>;
    /** What the item is called; default the entry's own key, or its sequence number. */
    readonly item?: string;
}
export interface PublishItemsOptions {
    readonly durable: boolean;
    readonly onReset?: (message: string) => void;
    /** Called in the transaction that registers the items. */
    readonly alongside?: (block: Block) => void;
}
/**
 * @returns how many are in pending/, the first of them; the others are not registered then.
 * @throws QueueError what registerItems and nameBlock throw: nothing is published then, and nothing registered.
 */
export declare function publishItems(db: Db, spool: Spool, id: string, items: readonly ItemDraft[], options: PublishItemsOptions): Published;
/**
 * One transaction.
 * @throws QueueError DATABASE when SQLite can't do it.
 */
export declare function inJobs<T>(db: Db, work: () => T): T;
