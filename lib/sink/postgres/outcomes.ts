/** What becomes of entries, and what stops a pass before that is known. */
import { EntryFault } from '../outage.ts';
import type { Outcome } from '../sink.ts';
import { entryError, isConflict, isTransient, Outage, ownFault, ServerError } from './errors.ts';

export const APPLIED: Outcome = { kind: 'applied' };
/** A structured row that is there already. */
export const DUPLICATE_ROW: Outcome = { kind: 'applied', duplicateRow: true };
export const DUPLICATE: Outcome = { kind: 'duplicate' };
export const SOLO: Outcome = { kind: 'solo' };

/** The pass can't go on with so many entries: `count` of them at most, and then one. */
export class Fewer extends Error {
  readonly count: number;
  constructor(count: number) {
    super('fewer');
    this.count = Math.max(1, count);
  }
}
/** Another session was in the way: the same again. */
export class Conflict extends Error {
  readonly error: ServerError;
  constructor(error: ServerError) {
    super(error.message);
    this.error = error;
  }
}

export function conflictOr(error: ServerError): Error {
  return isConflict(error.code) ? new Conflict(error) : ownFault(error);
}

export function inDoubt(error: unknown): unknown {
  if (!(error instanceof Outage)) return error;
  const { reason, message, hint, isBroken } = error;
  return new Outage(reason, message, { inDoubt: true, hint, isBroken });
}

export function failed(error: unknown): Outcome {
  const code = error instanceof ServerError ? error.code : '';
  const isOver = error instanceof ServerError && error.message.startsWith('it ran longer');
  const transient = error instanceof EntryFault ? error.transient : isTransient(code) && !isOver;
  return { kind: 'failed', error: entryError(error), transient };
}

export function failedAfterwards(error: Error): Outcome {
  const plain = entryError(error);
  const message = `the statements before it are applied, but the last one failed: ${plain.message}`;
  const hint = 'Queue the last statement again as an entry of its own.';
  return { kind: 'failed', transient: false, committed: true, error: { ...plain, message, hint } };
}

export function poison(deaths: number, last: string): EntryFault {
  const message = `the connection broke ${deaths} times while this entry was in hand alone: ${last}`;
  return new EntryFault('POISON', message, 'Look at its SQL; queue-failed retry tries it again.');
}
