/**
 * Values with files of their own: what is long, or not plain text, bash writes as it is to `values/NAME.PARAM`, a
 * newline behind it, before it publishes the entry pending/NAME, whose `values` lists the parameters.
 *
 * Only pending/ knows that form: an entry that is taken in has its values in `params`, and so have its journal line
 * and its dead letter. The files go after the entry has left pending/. A crash in between, or between a producer's
 * two steps, leaves a file that no entry names; `orphanValues` finds those.
 */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { QueueError } from '../errors.ts';
import { isRunning } from '../processes.ts';
import { decodeEntry, type Entry, isFinished } from './entry.ts';
import type { Spool } from './layout.ts';
import { removeLitter } from './publish.ts';
import { readEntryFile } from './read.ts';

const PARAM = /^[A-Za-z_]\w*$/;
/** A producer takes milliseconds from the value to its entry. */
const ORPHAN_AGE_MS = 10 * 60 * 1000;

/**
 * Brings the values of pending/`name` into its params.
 * @returns why the system could not read one now, or undefined.
 * @throws QueueError BAD_ENTRY when one is missing, torn, not UTF-8, or no file.
 */
export function loadValues(spool: Spool, name: string, entry: Entry): string | undefined {
  const { values, params = {} } = entry;
  if (!Array.isArray(values) || !values.every((param) => typeof param === 'string' && PARAM.test(param)))
    throw bad('has "values" that are not a list of parameter names');
  if (Array.isArray(params)) throw bad('has "values" beside "params" that are not an object');
  const loaded: [string, string][] = [];
  for (const param of values) {
    const path = valuePath(spool, name, param);
    const read = readEntryFile(path);
    if (read.kind === 'fault') return `${path}: ${read.message}`;
    const where = `whose value :${param} (${path})`;
    if (read.kind === 'gone') throw bad(`${where} is missing`);
    if (read.kind === 'odd') throw bad(`${where} ${read.why}`);
    if (!isFinished(read.bytes)) throw bad(`${where} is torn: it has no final newline`);
    loaded.push([param, decodeEntry(read.bytes).slice(0, -1)]);
  }
  // Not by assignment: a parameter may be called __proto__.
  entry.params = { ...params, ...Object.fromEntries(loaded) };
  delete entry.values;
  return undefined;
}

/** Removes the files of an entry that has left pending/. What can't be removed is litter, and may stay. */
export function removeValues(spool: Spool, name: string, params: readonly string[]): void {
  for (const param of params) removeLitter(valuePath(spool, name, param));
}

/**
 * Paths of the files in values/ that are old, whose entry is neither in pending/ nor in failed/, and whose writer is
 * gone: one that waits for the end of its stdin may be at it for hours.
 * @throws system errors when it can't be told.
 */
export function orphanValues(spool: Spool, minAgeMs = ORPHAN_AGE_MS): string[] {
  if (!isThere(spool.values)) return [];
  return readdirSync(spool.values)
    .filter((file) => {
      const name = file.slice(0, file.lastIndexOf('.'));
      const stat = lstatSync(join(spool.values, file), { throwIfNoEntry: false });
      if (!stat || stat.isDirectory() || Math.abs(Date.now() - stat.mtimeMs) < minAgeMs) return false;
      if (isAlive(Number(/_(\d+)\.json$/.exec(name)?.[1]))) return false;
      // pending/ last: it may have been put back from failed/ meanwhile.
      return [spool.pending, spool.failed, spool.pending].every(
        (directory) => !isThere(join(directory, name)),
      );
    })
    .map((file) => join(spool.values, file));
}

/** Another process may have been given the pid since: then the file stays until that has ended too. */
function isAlive(pid: number): boolean {
  return pid > 0 && isRunning(pid);
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function valuePath(spool: Spool, name: string, param: string): string {
  return join(spool.values, `${name}.${param}`);
}

function bad(what: string): QueueError {
  return new QueueError('BAD_ENTRY', `the entry ${what}`);
}
