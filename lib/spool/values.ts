/**
 * Values with files of their own: what is long, or not plain text, bash writes as it is to `values/NAME.PARAM`, a
 * newline behind it, before it publishes the entry pending/NAME, whose `values` lists the parameters.
 *
 * Only pending/ knows that form: an entry that is taken in has its values in `params`, and so have its journal line
 * and its dead letter. The files go after the entry has left pending/. A crash in between, or between a producer's
 * two steps, leaves a file that no entry names; `orphanValues` finds those.
 */
import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { QueueError } from '../errors.ts';
import { decodeEntry, type Entry, isFinished } from './entry.ts';
import type { Spool } from './layout.ts';
import { unlinkIfThere } from './publish.ts';
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
  for (const param of values) {
    const path = valuePath(spool, name, param);
    const read = readEntryFile(path);
    if (read.kind === 'fault') return `${path}: ${read.message}`;
    const where = `whose value :${param} (${path})`;
    if (read.kind === 'gone') throw bad(`${where} is missing`);
    if (read.kind === 'odd') throw bad(`${where} ${read.why}`);
    if (!isFinished(read.bytes)) throw bad(`${where} is torn: it has no final newline`);
    params[param] = decodeEntry(read.bytes).slice(0, -1);
  }
  entry.params = params;
  delete entry.values;
  return undefined;
}

/** Removes the files of an entry that has left pending/. @throws system errors. */
export function removeValues(spool: Spool, name: string, params: readonly string[]): void {
  for (const param of params) unlinkIfThere(valuePath(spool, name, param));
}

/** Files in values/ whose entry is neither in pending/ nor in failed/. */
export function orphanValues(spool: Spool, minAgeMs = ORPHAN_AGE_MS): string[] {
  if (!existsSync(spool.values)) return [];
  return readdirSync(spool.values).filter((file) => {
    const name = file.slice(0, file.lastIndexOf('.'));
    if (existsSync(join(spool.pending, name)) || existsSync(join(spool.failed, name))) return false;
    const stat = lstatSync(join(spool.values, file), { throwIfNoEntry: false });
    return stat !== undefined && !stat.isDirectory() && Math.abs(Date.now() - stat.mtimeMs) >= minAgeMs;
  });
}

function valuePath(spool: Spool, name: string, param: string): string {
  return join(spool.values, `${name}.${param}`);
}

function bad(what: string): QueueError {
  return new QueueError('BAD_ENTRY', `the entry ${what}`);
}
