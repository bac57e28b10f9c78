/** Loads dist/direct.cjs, the direct write, when it is needed. */
import { createRequire } from 'node:module';
import { messageOf, QueueError } from '../errors.ts';
import { executablePath } from '../package.ts';

type DirectModule = typeof import('./direct.ts');

/** @throws QueueError ENTRY_FAILED when the SQL fails, DATABASE when the database can't be used. */
export function writeDirect(...args: Parameters<DirectModule['writeDirect']>): void {
  const failure = load().writeDirect(...args);
  if (!failure) return;
  throw new QueueError(
    failure.code,
    failure.message,
    failure.hint === undefined ? {} : { hint: failure.hint },
  );
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
