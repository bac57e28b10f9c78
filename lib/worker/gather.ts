/**
 * Gathering: a door may ask the worker to wait for more of its entries, so that they share a transaction (see
 * spool/doors.ts). Only while nothing else is ready: an entry of anyone else ends the wait, and all are taken in order.
 */
import { openWindows, pidOf } from '../spool/doors.ts';
import type { Spool } from '../spool/layout.ts';
import type { Backlog } from './backlog.ts';

/** For how many milliseconds the next batch may wait; 0 when it is to be taken. */
export function gatherFor(spool: Spool, backlog: Pick<Backlog, 'ready' | 'peek'>): number {
  if (backlog.ready === 0) return 0;
  const now = Date.now();
  const windows = openWindows(spool, now);
  if (windows.length === 0 || windows.some(({ max }) => backlog.ready >= max)) return 0;
  const pids = new Set(windows.map(({ pid }) => pid));
  if (backlog.peek(backlog.ready).some((name) => !pids.has(pidOf(name)))) return 0;
  return Math.min(...windows.map(({ until }) => until)) - now;
}
