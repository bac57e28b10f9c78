/** Loads what few producers need, from bundles of their own beside the executable. */
import { createRequire } from 'node:module';
import { type ErrorCode, messageOf, QueueError } from '../errors.ts';
import { executablePath } from '../package.ts';

/** What a bundle says went wrong; plain data, because errors of another bundle are of another class. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
}

/** A system that can't read files now is no bug of ours, and the entry is written nowhere: the caller is told so. */
export function load<T>(file: string): T {
  try {
    return createRequire(import.meta.url)(executablePath(file)) as T;
  } catch (error) {
    const [message] = messageOf(error).split('\n');
    throw new QueueError('DATABASE', `${file} can't be loaded: ${message}`, { cause: error });
  }
}

export function errorOf({ code, message, hint }: Failure): QueueError {
  return new QueueError(code, message, hint === undefined ? {} : { hint });
}
