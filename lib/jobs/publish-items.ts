/**
 * Publishing many items of a job: registered first, then published, in one block.
 *
 * When the process dies in between, the first of the block are in pending/ and the others are registered only; see
 * `dropUnpublished` and row-bookmark.ts.
 */
import { codeOf, messageOf, QueueError } from '../errors.ts';
import type { Db } from '../sink/driver.ts';
import type { Entry } from '../spool/entry.ts';
import type { Spool } from '../spool/layout.ts';
import { type Block, nameBlock, type Published, publishBlock } from '../spool/publish-many.ts';
import { registerItems, unregisterItems } from './items.ts';

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
export function publishItems(
  db: Db,
  spool: Spool,
  id: string,
  items: readonly ItemDraft[],
  options: PublishItemsOptions,
): Published {
  const block = nameBlock(
    spool,
    items.map(({ draft }) => ({ ...draft, job: id }) as Omit<Entry, 'seq'>),
    options.onReset,
  );
  inJobs(db, () => {
    const named = items.map(({ item, draft }, index) => {
      const name = block.names[index] as string;
      return { name, item: item ?? (draft.id as string | undefined) ?? sequenceOf(name) };
    });
    registerItems(db, id, named);
    options.alongside?.(block);
  });
  const published = publishBlock(spool, block, options.durable);
  if (published.error) takeBack(db, id, block.names.slice(published.count));
  return published;
}

/** A disk that is full for the one is so for the other: what stays registered then is found later. */
function takeBack(db: Db, id: string, names: readonly string[]): void {
  try {
    inJobs(db, () => unregisterItems(db, id, names));
  } catch (error) {
    if (!(error instanceof QueueError)) throw error;
  }
}

/**
 * One transaction.
 * @throws QueueError DATABASE when SQLite can't do it.
 */
export function inJobs<T>(db: Db, work: () => T): T {
  try {
    return db.transaction(work).immediate();
  } catch (error) {
    if (!/^SQLITE_/.test(codeOf(error) ?? '')) throw error;
    throw new QueueError('DATABASE', `the jobs in ${db.name} can't be written: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** PP_SEQ.json */
function sequenceOf(name: string): string {
  return name.slice('PP_'.length, -'.json'.length);
}
