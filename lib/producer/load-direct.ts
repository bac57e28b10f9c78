/** Loads dist/direct.cjs, the direct write and structured rows, when it is needed. */
import type { DirectSuccess } from './direct.ts';
import type { WriteRequest } from './enqueue.ts';
import { errorOf, type Failure, load } from './load.ts';

type DirectModule = typeof import('./direct.ts');

/** @throws QueueError ENTRY_FAILED when the SQL fails, DATABASE when the database can't be used. */
export function writeDirect(...args: Parameters<DirectModule['writeDirect']>): DirectSuccess {
  return succeed(direct().writeDirect(...args));
}

/** @throws QueueError `code` when the row can't be one. */
export function rowRequest(...args: Parameters<DirectModule['rowRequest']>): WriteRequest {
  return succeed(direct().rowRequest(...args));
}

/** @throws QueueError USAGE when no entry may hold the URL. */
export function checkUrl(...args: Parameters<DirectModule['checkUrl']>): void {
  succeed(direct().checkUrl(...args));
}

export function wasDuplicateRow(...args: Parameters<DirectModule['wasDuplicateRow']>): boolean {
  return direct().wasDuplicateRow(...args);
}

function direct(): DirectModule {
  return load<DirectModule>('direct.cjs');
}

function succeed<T extends object>(result: T | Failure): T {
  if ('code' in result) throw errorOf(result);
  return result;
}
