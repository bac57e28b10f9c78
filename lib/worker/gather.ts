/**
 * Gathering: a door may ask the worker to wait for more of its entries, so that they share a transaction (see
 * spool/doors.ts). Only while nothing else is ready: an entry of anyone else ends the wait, and all are taken in order.
 */
import { openWindows, pidOf } from '../spool/doors.ts';
import type { Spool } from '../spool/layout.ts';
import type { Backlog } from './backlog.ts';

export interface Gathering {
  /** For how many milliseconds the next batch may wait; 0 when it is to be taken. */
  readonly ms: number;
  /** True for the name of an entry that the wait is for. */
  readonly isExpected: (name: string) => boolean;
}

export const NO_GATHERING: Gathering = { ms: 0, isExpected: () => false };

export function gatheringOf(spool: Spool, backlog: Pick<Backlog, 'ready' | 'peek'>): Gathering {
  if (backlog.ready === 0) return NO_GATHERING;
  const now = Date.now();
  const windows = openWindows(spool, now);
  if (windows.length === 0 || windows.some(({ max }) => backlog.ready >= max)) return NO_GATHERING;
  const pids = new Set(windows.map(({ pid }) => pid));
  const isExpected = (name: string): boolean => pids.has(pidOf(name));
  if (!backlog.peek(backlog.ready).every(isExpected)) return NO_GATHERING;
  return { ms: Math.min(...windows.map(({ until }) => until)) - now, isExpected };
}
