/**
 * Pauses: what the worker leaves in pending/ until it is told to go on, the whole queue or single operations.
 *
 * Each pause is a file of its own in paused/, so two who pause and resume at once never undo each other, and it holds
 * over crashes and restarts. The directory's mtime tells a worker that something has changed. Hooks go on spooling.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, unlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { codeOf } from '../errors.ts';
import { DIRECTORY_MODE, type Spool } from './layout.ts';
import { listing, mtimeOf } from './listing.ts';
import { linkNew } from './publish.ts';
import { readOwnFile } from './read.ts';

export interface Pauses {
  /** The whole queue. */
  readonly all: boolean;
  readonly operations: readonly string[];
}

interface Pause {
  /** null: all of them. */
  readonly operation: string | null;
  /** ISO 8601, UTC. */
  readonly since: string;
}

const NONE: Pauses = { all: false, operations: [] };

export function readPauses(spool: Spool): Pauses {
  const pauses = listing(directoryOf(spool)).flatMap(
    (name) => readPause(join(directoryOf(spool), name)) ?? [],
  );
  if (pauses.length === 0) return NONE;
  const operations = pauses.flatMap(({ operation }) => operation ?? []).sort();
  return { all: pauses.some(({ operation }) => operation === null), operations };
}

/** Changes with every pause and resume; 0 when there never was one. One stat(2). */
export function pausesChanged(spool: Spool): number {
  return mtimeOf(directoryOf(spool));
}

/** Pauses an operation, or, without one, the whole queue. @returns false when it was paused already. */
export function pauseQueue(spool: Spool, operation?: string): boolean {
  mkdirSync(directoryOf(spool), { recursive: true, mode: DIRECTORY_MODE });
  const path = pathOf(spool, operation);
  const pause: Pause = { operation: operation ?? null, since: new Date().toISOString() };
  return linkNew(spool, basename(path), path, `${JSON.stringify(pause)}\n`);
}

/** Ends a pause. @returns false when there was none. */
export function resumeQueue(spool: Spool, operation?: string): boolean {
  try {
    unlinkSync(pathOf(spool, operation));
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

function directoryOf(spool: Spool): string {
  return join(spool.base, 'paused');
}

/** Any text may be an operation's name, and no text is this digest's. */
function pathOf(spool: Spool, operation: string | undefined): string {
  const name = operation === undefined ? 'all' : createHash('sha256').update(operation).digest('hex');
  return join(directoryOf(spool), `${name}.json`);
}

/** undefined for one that was resumed meanwhile, or is none of ours. */
function readPause(path: string): Pause | undefined {
  try {
    const { operation, since } = JSON.parse(String(readOwnFile(path))) as Pause;
    return operation === null || typeof operation === 'string' ? { operation, since } : undefined;
  } catch {
    return undefined;
  }
}
