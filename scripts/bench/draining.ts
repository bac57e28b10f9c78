/**
 * One drain, timed: fill a spool (not timed), then run a program over it to its end.
 *
 * The worker is `queue-worker run --once`: what a hook starts (`run`, one process), told to leave when it is done.
 * The floor is programs/floor.mjs. Both are whole processes; what is left when the median of the same program on an
 * empty spool is taken away is called net.
 */
import { join } from 'node:path';
import type { Context } from './context.ts';
import { type Run, runOk } from './run.ts';
import { checkJob, fill } from './spool-files.ts';
import { BENCH, countRows, DIST } from './workspace.ts';

const JOB = 'bench';

export type Drainer = 'worker' | 'floor';

export interface DrainOptions {
  readonly count: number;
  readonly batch?: number;
  /** The values stand in the SQL instead of being bound. */
  readonly literal?: boolean;
  /** The entries are on the disk, not only in memory: to remove a file then means to free its block. */
  readonly onDisk?: boolean;
  /** All of them are items of one job. */
  readonly inJob?: boolean;
}

/** @throws Error when a row is missing or double. */
export async function drainOnce(context: Context, drainer: Drainer, options: DrainOptions): Promise<Run> {
  const { workspace, progress } = context;
  const { count, batch = 500, literal = false, onDisk = false, inJob = false } = options;
  const project = workspace.project(drainer);
  await fill(project.spool, count, { literal, onDisk, progress, ...(inJob ? { job: JOB } : {}) });
  progress(
    `${drainer}: ${count} entries${options.batch ? `, ${batch} a batch` : ''}${literal ? ', literal SQL' : ''}${inJob ? ', in one job' : ''}`,
  );
  const env = { ...project.env, QUEUE_BATCH_SIZE: String(batch) };
  const [command, args] =
    drainer === 'worker'
      ? [join(DIST, 'queue-worker'), ['run', '--once']]
      : [
          process.execPath,
          [join(BENCH, 'programs', 'floor.mjs'), project.spool.pending, project.db, String(batch)],
        ];
  const result = await runOk(workspace, command, args, { env, cwd: project.dir, memory: true });
  const { rows, distinct } = countRows(project.db);
  if (rows !== count || distinct !== count) {
    throw new Error(`${drainer}: ${count} entries became ${rows} rows, ${distinct} of them different`);
  }
  if (inJob) checkJob(project.spool, JOB, count);
  progress(`removing the files of ${count} entries`);
  await workspace.discard(project);
  return result;
}
