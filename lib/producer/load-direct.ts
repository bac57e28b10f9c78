/** Loads dist/direct.cjs, the direct write, when it is needed. */
import { errorOf, load } from './load.ts';

type DirectModule = typeof import('./direct.ts');

/** @throws QueueError ENTRY_FAILED when the SQL fails, DATABASE when the database can't be used. */
export function writeDirect(...args: Parameters<DirectModule['writeDirect']>): void {
  const failure = load<DirectModule>('direct.cjs').writeDirect(...args);
  if (failure) throw errorOf(failure);
}
