/** Loads dist/direct.cjs, the direct write and structured rows, when it is needed. */
import { createRequire } from 'node:module';
import { messageOf, QueueError } from '../errors.ts';
import { executablePath } from '../package.ts';
import type { DirectFailure, DirectSuccess } from './direct.ts';
import type { WriteRequest } from './enqueue.ts';

type DirectModule = typeof import('./direct.ts');

/** @throws QueueError ENTRY_FAILED when the SQL fails, DATABASE when the database can't be used. */
export function writeDirect(...args: Parameters<DirectModule['writeDirect']>): DirectSuccess {
  return succeed(load().writeDirect(...args));
}

/** @throws QueueError `code` when the row can't be one. */
export function rowRequest(...args: Parameters<DirectModule['rowRequest']>): WriteRequest {
  return succeed(load().rowRequest(...args));
}

export function wasDuplicateRow(...args: Parameters<DirectModule['wasDuplicateRow']>): boolean {
  return load().wasDuplicateRow(...args);
}

function succeed<T extends object>(result: T | DirectFailure): T {
  if (!('code' in result)) return result;
  const { code, message, hint } = result;
  throw new QueueError(code, message, hint === undefined ? {} : { hint });
}

/** A system that can't read files now is no bug of ours, and the entry is written nowhere: the caller is told so. */
function load(): DirectModule {
  try {
    return createRequire(import.meta.url)(executablePath('direct.cjs')) as DirectModule;
  } catch (error) {
    const [message] = messageOf(error).split('\n');
    throw new QueueError('DATABASE', `the direct write can't be loaded: ${message}`, { cause: error });
  }
}
