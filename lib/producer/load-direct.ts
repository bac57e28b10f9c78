/** Loads dist/direct.cjs, the direct write, when it is needed. */
import { createRequire } from 'node:module';
import { QueueError } from '../errors.ts';
import { executablePath } from '../package.ts';

type DirectModule = typeof import('./direct.ts');

/** @throws QueueError ENTRY_FAILED when the SQL fails, DATABASE when the database can't be used. */
export function writeDirect(...args: Parameters<DirectModule['writeDirect']>): void {
  const module = createRequire(import.meta.url)(executablePath('direct.cjs')) as DirectModule;
  const failure = module.writeDirect(...args);
  if (!failure) return;
  throw new QueueError(
    failure.code,
    failure.message,
    failure.hint === undefined ? {} : { hint: failure.hint },
  );
}
