/**
 * Publishing many entries: as `publish` does, each whole or not at all, but with one lock of `.seq`, one look at the
 * spool and, with `durable`, one fsync of the directory for all of a block.
 *
 * The entries of a block have numbers in a row and are published in that order. So whatever ends it in the middle, a
 * full disk or SIGKILL, those in pending/ are the first of the block.
 *
 * By way of .tmp and link(2), though writing straight into pending/ takes two thirds of the time: a process that is killed there
 * leaves a torn file, which would become a dead letter, a failed item of its job, and the same row once more when the
 * rest is published.
 */
import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type Entry, entryName, serializeEntry } from './entry.ts';
import { ensureSpool, type Spool } from './layout.ts';
import { fsyncDirectory, linkNew, unwritable } from './publish.ts';
import { formatSequence, reserveSequences } from './sequence.ts';

/** A block has numbers of this many microseconds ahead of the clock at most, for bash producers leave those to Node. */
export const MAX_BLOCK = 1000;

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
export function nameBlock(
  spool: Spool,
  drafts: readonly Omit<Entry, 'seq'>[],
  onReset?: (message: string) => void,
): Block {
  ensureSpool(spool);
  let first: number;
  try {
    first = reserveSequences(spool, drafts.length, onReset);
  } catch (error) {
    throw unwritable(spool, error);
  }
  const names: string[] = [];
  const texts: string[] = [];
  for (const [index, draft] of drafts.entries()) {
    const seq = formatSequence(first + index);
    names.push(entryName(draft.priority as number, seq));
    texts.push(serializeEntry({ seq, ...draft } as Entry));
  }
  return { first, names, texts };
}

/** Puts a block into pending/. Never throws: what went wrong stands beside how far it came. */
export function publishBlock(spool: Spool, { names, texts }: Block, durable: boolean): Published {
  let count = 0;
  try {
    for (; count < names.length; count++) {
      const name = names[count] as string;
      if (linkNew(spool, name, `${spool.pending}/${name}`, texts[count] as string, durable)) continue;
      throw new Error(`the name ${name} is taken`);
    }
  } catch (error) {
    return { count: durable ? settled(spool, names, count).count : count, error: unwritable(spool, error) };
  }
  return durable ? settled(spool, names, count) : { count };
}

/**
 * Who is told of a failure publishes the rest again, so what may not outlive a power cut must not be in pending/. From
 * the last one back, for those in pending/ are to be the first: one that is gone is applied, and so are those before it.
 */
function settled(spool: Spool, names: readonly string[], published: number): Published {
  try {
    fsyncDirectory(spool.pending);
    return { count: published };
  } catch (error) {
    let count = published;
    try {
      for (; count > 0; count--) unlinkSync(join(spool.pending, names[count - 1] as string));
    } catch {
      // It is in: failure would be the lie.
    }
    return { count, error: unwritable(spool, error) };
  }
}
