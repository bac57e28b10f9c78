/**
 * A checkpoint: what the WAL holds is copied into the database. SQLite does it by itself now and then, as far as readers
 * let it; the modes differ in what they wait for. Interrupted, it is simply not done.
 */
import { QueueError } from '../../errors.ts';
import { sizeOf } from './pages.ts';
import { runSql } from './sql-thread.ts';

/**
 * passive: what goes without waiting for anyone. full: waits for writers and readers, and copies all. restart: and until
 * no reader needs the WAL, so that the next writer starts it anew. truncate: and its file becomes empty.
 */
export const CHECKPOINT_MODES = ['passive', 'full', 'restart', 'truncate'] as const;
export type CheckpointMode = (typeof CHECKPOINT_MODES)[number];

export interface CheckpointReport {
  readonly path: string;
  readonly mode: CheckpointMode;
  /** Not everything that the mode promises was done: a reader or writer was in the way. */
  readonly busy: boolean;
  /** Pages in the WAL, and how many of them the database has; null when it is not in WAL mode. */
  readonly log: number | null;
  readonly checkpointed: number | null;
  /** Bytes of the -wal file. Whoever closes the database last removes it. */
  readonly walBefore: number;
  readonly walAfter: number;
}

/** @throws SinkOutage when the database can't be used; QueueError USAGE for a mode that there is not. */
export async function checkpointDatabase(
  path: string,
  { mode = 'passive', busyTimeout = 5000 }: { mode?: CheckpointMode; busyTimeout?: number } = {},
): Promise<CheckpointReport> {
  if (!CHECKPOINT_MODES.includes(mode)) {
    throw new QueueError('USAGE', `there is no checkpoint mode '${mode}'`, {
      hint: `The modes are ${CHECKPOINT_MODES.join(', ')}.`,
    });
  }
  const walBefore = sizeOf(`${path}-wal`);
  const [rows] = await runSql(path, [checkpointSql(mode)], { busyTimeout });
  return { path, mode, ...checkpointResult(rows), walBefore, walAfter: sizeOf(`${path}-wal`) };
}

export function checkpointSql(mode: CheckpointMode): string {
  return `PRAGMA main.wal_checkpoint(${mode})`;
}

/** What that statement answers. */
export function checkpointResult(
  rows: readonly Record<string, unknown>[] = [],
): Pick<CheckpointReport, 'busy' | 'log' | 'checkpointed'> {
  const { busy, log, checkpointed } = rows[0] as { busy: number; log: number; checkpointed: number };
  // Without a WAL both are -1.
  if (log < 0) return { busy: busy !== 0, log: null, checkpointed: null };
  return { busy: busy !== 0, log, checkpointed };
}
