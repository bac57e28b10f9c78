/** When `--once` is done. */
import { readdirSync } from 'node:fs';
import type { Work } from './work.ts';

/**
 * True when nothing is left that could be applied now: what is held or paused is left, and the summary tells of it, as
 * of a database that has been down for as long as is waited for it.
 */
export function isDrained(work: Work): boolean {
  const { unfinished, targets, backlog, holds, spool, stats, config, summary, tooLarge } = work;
  summary.paused = holds.isPaused && readdirSync(spool.pending).length > 0;
  if (holds.isPaused) return true;
  summary.held = holds.size;
  // One that is not known any more has left pending/ while nobody looked.
  if ([...unfinished].some((name) => backlog.has(name))) return false;
  summary.outage = [...tooLarge.values()][0];
  if (targets.parked === 0) return backlog.list() === 0;
  if (targets.longestOutage() < config.busyTimeout) return false;
  summary.outage = Object.values(stats.outages)[0]?.message;
  return true;
}
